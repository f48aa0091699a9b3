//! Readiness: the reasons for which a node should get no traffic for now.
//!
//! A node that is alive may still be of little use: it lacks blocks, or others would not hear of its
//! blocks. The rules are pure. The caller asks the driver, the system and the clock.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

/// The most that the local clock may differ from the dialled nodes' clocks. Blocks that are more
/// than 60 s ahead of a node's clock are held back, so half of that leaves room.
pub const CLOCK_OFFSET_MAX: Duration = Duration::from_secs(30);

/// A reason that a node is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The driver does not answer in time.
    DriverSilent,
    /// A heavier chain is being fetched.
    Syncing,
    /// All peers deleted the body of the next block.
    NoArchive,
    /// There is no peer, although nodes to connect to are configured.
    NoPeers,
    /// The local clock differs from other nodes' clocks.
    ClockOff,
    /// The disk has less free space than the reserve.
    DiskLow,
    /// The system does not tell the free space in time.
    DiskSilent,
}

impl Reason {
    pub(crate) const ALL: [Self; 7] = [
        Self::DriverSilent,
        Self::Syncing,
        Self::NoArchive,
        Self::NoPeers,
        Self::ClockOff,
        Self::DiskLow,
        Self::DiskSilent,
    ];

    /// Returns the code, which never changes its meaning.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::DriverSilent => "driver_silent",
            Self::Syncing => "syncing",
            Self::NoArchive => "no_archive",
            Self::NoPeers => "no_peers",
            Self::ClockOff => "clock_off",
            Self::DiskLow => "disk_low",
            Self::DiskSilent => "disk_silent",
        }
    }
}

/// The values that the rules look at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Findings {
    /// The node as the driver tells of it. `None` if it did not answer in time.
    pub(crate) node: Option<NodeFindings>,
    /// True if nodes to connect to are configured.
    pub(crate) is_connecting: bool,
    /// How far the local clock is ahead of the dialled nodes' clocks, in seconds, if it is known.
    pub(crate) clock_offset: Option<f64>,
    /// The free bytes at the data folder: `None` if the system did not answer in time, and
    /// `Some(None)` if it cannot tell.
    pub(crate) disk_free: Option<Option<u64>>,
    /// The free bytes that the node needs.
    pub(crate) disk_reserve: u64,
    /// True if the node takes neither blocks nor messages, because the disk was nearly full when it
    /// looked last. It goes on when there is some more room than it needs.
    pub(crate) is_disk_full: bool,
}

/// The report of the driver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeFindings {
    pub(crate) is_syncing: bool,
    pub(crate) height: u64,
    pub(crate) target: u64,
    pub(crate) peers: usize,
    /// The height of the next block, if all peers that have it deleted its body.
    pub(crate) lacking: Option<u64>,
}

/// A reason that a node is not ready, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct NotReady {
    /// The code, for programs: `driver_silent`, `syncing`, `no_archive`, `no_peers`, `clock_off`,
    /// `disk_low` or `disk_silent`. It never changes its meaning.
    pub(crate) code: &'static str,
    /// The message, for people.
    pub(crate) message: String,
}

impl Findings {
    /// Returns the reasons that the node is not ready.
    pub(crate) fn reasons(&self) -> Vec<Reason> {
        let node = self.node.as_ref();
        let holds = |reason| match reason {
            Reason::DriverSilent => node.is_none(),
            Reason::Syncing => node.is_some_and(|node| node.is_syncing),
            Reason::NoArchive => node.is_some_and(|node| node.lacking.is_some()),
            Reason::NoPeers => self.is_connecting && node.is_some_and(|node| node.peers == 0),
            Reason::ClockOff => {
                self.clock_offset.is_some_and(|offset| offset.abs() > CLOCK_OFFSET_MAX.as_secs_f64())
            }
            Reason::DiskLow => {
                self.is_disk_full || self.disk_free.flatten().is_some_and(|free| free < self.disk_reserve)
            }
            Reason::DiskSilent => self.disk_free.is_none(),
        };
        Reason::ALL.into_iter().filter(|reason| holds(*reason)).collect()
    }

    /// Returns a reason with its figures.
    pub(crate) fn explain(&self, reason: Reason) -> NotReady {
        let (height, target) = self.node.map_or((0, 0), |node| (node.height, node.target));
        let message = match reason {
            Reason::DriverSilent => "the node's driver does not answer".to_owned(),
            Reason::Syncing => format!("a heavier chain is being fetched: height {height} of {target}"),
            Reason::NoArchive => {
                let height = self.node.and_then(|node| node.lacking).unwrap_or_default();
                format!("all peers deleted the body of block {height}: connect to an archive node")
            }
            Reason::NoPeers => "no node is connected, although --connect names some".to_owned(),
            Reason::ClockOff => {
                let offset = self.clock_offset.unwrap_or_default();
                let side = if offset < 0.0 { "behind" } else { "ahead of" };
                format!("this clock is {:.0} s {side} the clocks of other nodes: set it", offset.abs())
            }
            Reason::DiskLow => {
                let free = self.disk_free.flatten().unwrap_or_default();
                format!("the disk has {free} free bytes and needs {}", self.disk_reserve)
            }
            Reason::DiskSilent => "the system does not tell the disk's free space".to_owned(),
        };
        NotReady { code: reason.code(), message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Findings {
        let node = NodeFindings { is_syncing: false, height: 7, target: 7, peers: 1, lacking: None };
        Findings {
            node: Some(node),
            is_connecting: true,
            clock_offset: Some(-29.9),
            disk_free: Some(Some(100)),
            disk_reserve: 100,
            is_disk_full: false,
        }
    }

    fn with_node(change: impl Fn(&mut NodeFindings)) -> Findings {
        let mut findings = ready();
        findings.node.iter_mut().for_each(change);
        findings
    }

    #[test]
    fn each_reason_holds_on_its_own() {
        assert_eq!(ready().reasons(), []);
        for (reason, findings) in [
            (Reason::DriverSilent, Findings { node: None, ..ready() }),
            (Reason::Syncing, with_node(|node| node.is_syncing = true)),
            (Reason::NoArchive, with_node(|node| node.lacking = Some(8))),
            (Reason::NoPeers, with_node(|node| node.peers = 0)),
            (Reason::ClockOff, Findings { clock_offset: Some(30.1), ..ready() }),
            (Reason::ClockOff, Findings { clock_offset: Some(-30.1), ..ready() }),
            (Reason::DiskLow, Findings { disk_free: Some(Some(99)), ..ready() }),
            (Reason::DiskLow, Findings { is_disk_full: true, ..ready() }),
            (Reason::DiskSilent, Findings { disk_free: None, ..ready() }),
        ] {
            assert_eq!(findings.reasons(), [reason]);
            assert_eq!(findings.explain(reason).code, reason.code());
        }
    }

    #[test]
    fn what_nobody_knows_is_no_reason() {
        let alone = Findings { is_connecting: false, ..with_node(|node| node.peers = 0) };
        assert_eq!(alone.reasons(), [], "a node that shall connect to nobody needs no peers");
        let unknown = Findings { clock_offset: None, disk_free: Some(None), ..ready() };
        assert_eq!(unknown.reasons(), []);
    }

    #[test]
    fn a_reason_names_its_figures() {
        let slow = Findings { clock_offset: Some(-90.0), ..ready() };
        assert_eq!(
            slow.explain(Reason::ClockOff).message,
            "this clock is 90 s behind the clocks of other nodes: set it"
        );
        let newcomer = with_node(|node| node.lacking = Some(8));
        assert!(newcomer.explain(Reason::NoArchive).message.contains("block 8"));
        let low = Findings { disk_free: Some(Some(99)), ..ready() };
        assert_eq!(low.explain(Reason::DiskLow).message, "the disk has 99 free bytes and needs 100");
    }
}
