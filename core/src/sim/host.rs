//! A host: one node, its store, and the state that its driver needs.

use std::collections::VecDeque;

use super::adversary::Adversary;
use super::link::LinkEnd;
use super::store::HostStore;
use crate::node::Node;
use crate::primitives::hash::Hash;
use crate::primitives::pow::Work;

/// The tick time of a host that wants no tick.
pub(super) const NEVER: u64 = u64::MAX;

/// One node and its surroundings.
#[derive(Debug)]
pub(super) struct SimHost {
    /// The node, or `None` while it is down.
    pub(super) node: Option<Box<Node>>,
    pub(super) store: HostStore,
    /// The number of its present life. Events that began in an earlier life are ignored.
    pub(super) life: u32,
    /// The offset of its clock.
    pub(super) skew_ms: i64,
    /// The time of its one scheduled tick.
    pub(super) tick_at: u64,
    /// The time of its last tick, and the number of ticks at that moment.
    pub(super) ticked: (u64, u32),
    /// The time at which its uplink is free for the next large frame.
    pub(super) uplink_free: u64,
    /// Its ends of links that it considers open.
    pub(super) ends: Vec<LinkEnd>,
    /// The hosts that it is dialling.
    pub(super) dialling: Vec<u32>,
    /// Whether it will look for links.
    pub(super) seeks: bool,
    /// Its last seen best header, tip and work.
    pub(super) best_header: Hash,
    pub(super) tip: Hash,
    pub(super) work: Work,
    /// For a topology that rates links: the newest heights, and the time at which it learned of
    /// each.
    pub(super) known: VecDeque<(u64, u64)>,
    /// The adversary that makes it Byzantine.
    pub(super) adversary: Option<Box<Adversary>>,
}

/// The number of heights whose arrival times a host remembers.
pub(super) const KNOWN_MAX: usize = 20;

impl SimHost {
    /// Creates a host that is down.
    pub(super) fn new(genesis: Hash, skew_ms: i64, adversary: Option<Adversary>) -> Self {
        Self {
            node: None,
            store: HostStore::new(),
            life: 0,
            skew_ms,
            tick_at: NEVER,
            ticked: (NEVER, 0),
            uplink_free: 0,
            ends: Vec::new(),
            dialling: Vec::new(),
            seeks: false,
            best_header: genesis,
            tip: genesis,
            work: Work::ZERO,
            known: VecDeque::new(),
            adversary: adversary.map(Box::new),
        }
    }

    pub(super) fn is_honest(&self) -> bool {
        self.adversary.is_none()
    }

    /// Returns the number of links that it opened or is opening.
    pub(super) fn outbound(&self) -> usize {
        self.dialling.len() + self.ends.iter().filter(|end| end.side() == 0).count()
    }
}
