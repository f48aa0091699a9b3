//! Bans: the peers that are refused for a while because of their offences.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! An offence that an honest node cannot commit (an invalid block, header or message, or a forged
//! answer) leads to a ban at once. Each repetition leads to a longer one. Any other offence
//! (stalling, silence, lateness) adds points that halve in [`HALF_LIFE`]. At [`BAN_POINTS`] the
//! offender is refused for [`DISCOURAGE`], however often that happens, and never for longer.
//!
//! A peer with another version or of another network is disconnected, without points. Bans are
//! never announced to other nodes, and reports of other nodes about a node have no effect.
//!
//! Bounds: [`BANS_MAX`] bans, of which the one that ends first is dropped, and [`SCORES_MAX`]
//! offenders with points, of which the one that offended longest ago is dropped. An offender with
//! many addresses loses only the addresses that it offends from.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use crate::ledger::validation::RuleError;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::key::PublicKey;
use crate::primitives::time::MonotonicTime;
use crate::protocol::host::Host;
use crate::protocol::misbehavior::Misbehavior;

/// The number of points that lead to a ban.
pub const BAN_POINTS: u32 = 100;
/// The time in which points halve.
pub const HALF_LIFE: Duration = Duration::from_secs(600);
/// The length of a ban that results from accumulated points.
pub const DISCOURAGE: Duration = Duration::from_secs(600);
/// The length of the first ban for a broken rule. Each further one is twice as long.
pub const BAN_MIN: Duration = Duration::from_secs(3_600);
/// The longest ban. For this long after its end, a ban counts for the length of the next.
pub const BAN_MAX: Duration = Duration::from_secs(86_400);
/// The most bans, including ended ones that are remembered.
pub const BANS_MAX: usize = 1_024;
/// The most offenders whose points are remembered.
pub const SCORES_MAX: usize = 1_024;
/// The number of parts in which a point is counted.
const PARTS: u32 = 1 << 10;

/// The target of a ban: one identity for each peer, the one that is hardest to change.
///
/// ```
/// use core::net::IpAddr;
/// use plexus_core::peers::ban_list::BanTarget;
///
/// let target = |text: &str| BanTarget::of(Some(&text.parse::<IpAddr>().unwrap().into()), None);
/// assert_eq!(target("2001:db8::1"), target("2001:db8::2"), "they share a /64");
/// assert_ne!(target("192.0.2.1"), target("192.0.2.2"));
/// assert_eq!(target("127.0.0.1"), None, "many peers may share a local address");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BanTarget {
    /// The host of the peer. An IPv6 address counts as its /64, which belongs to one subscriber.
    Host(Host),
    /// The key of the peer, where the host identifies no one: many nodes may share a local address.
    Key(PublicKey),
}

impl BanTarget {
    /// Returns the identity of a peer: its host if that is known and not local, or otherwise its
    /// proven key.
    ///
    /// A node can create a new key at any time, so a key ban does not stop an offender whose host
    /// is known. And an attacker in the middle could pass on another node's handshake and then
    /// offend, to have the key's owner banned.
    pub fn of(host: Option<&Host>, key: Option<&PublicKey>) -> Option<Self> {
        match host.filter(|host| !host.is_local()) {
            Some(Host::V6(ip)) => Some(Self::Host(match ip.to_canonical() {
                IpAddr::V4(ip) => Host::V4(ip),
                IpAddr::V6(ip) => Host::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
            })),
            Some(host) => Some(Self::Host(host.clone())),
            None => key.copied().map(Self::Key),
        }
    }
}

/// Returns the points of a fault. [`BAN_POINTS`] are a ban at once.
///
/// An honest node that is slow, far away or just restarted may stall, fall silent or be late. It
/// may announce a header above an invalid block before it can know that. A light node may hold a
/// block whose repeated message only a full node detects. A node whose chain is reorganised during
/// a request may answer with headers that do not connect.
///
/// ```
/// use plexus_core::Hash;
/// use plexus_core::peers::ban_list::{BAN_POINTS, weight};
/// use plexus_core::protocol::misbehavior::Misbehavior;
///
/// assert!(weight(&Misbehavior::PingTimeout) < BAN_POINTS);
/// assert_eq!(weight(&Misbehavior::KeyNotProven), BAN_POINTS);
/// let (expected, found) = (Hash::ZERO, Hash::of(b"other"));
/// assert_eq!(weight(&Misbehavior::Network { expected, found }), 0, "no offence");
/// ```
pub fn weight(fault: &Misbehavior) -> u32 {
    match fault {
        Misbehavior::Version { .. } | Misbehavior::Network { .. } => 0,
        // The format of another version's hello is unknown.
        Misbehavior::Malformed { packet: "hello" } => 0,
        Misbehavior::InvalidHeader { error, .. } | Misbehavior::InvalidBlock { error, .. } => {
            rule_weight(error)
        }
        Misbehavior::InvalidMessage { .. }
        | Misbehavior::StampTooLow { .. }
        | Misbehavior::InvalidLink
        | Misbehavior::InvalidProof { .. }
        | Misbehavior::KeyNotProven => BAN_POINTS,
        Misbehavior::WorkNotShown | Misbehavior::Disconnected { .. } => 50,
        Misbehavior::UnknownPacket { .. }
        | Misbehavior::PacketTooLarge { .. }
        | Misbehavior::Malformed { .. }
        | Misbehavior::BeforeHandshake { .. }
        | Misbehavior::DuplicateHandshake { .. }
        | Misbehavior::UnsolicitedPong
        | Misbehavior::RepeatedRequest { .. }
        | Misbehavior::Unsolicited { .. } => 34,
        Misbehavior::RequestTimeout { .. } | Misbehavior::PingTimeout | Misbehavior::HandshakeTimeout => 20,
    }
}

fn rule_weight(error: &RuleError) -> u32 {
    match error {
        RuleError::TimeTooNew { .. } | RuleError::ParentUnknown { .. } => 0,
        RuleError::Ancestor { .. } => 10,
        RuleError::MessageRepeated { .. } => 50,
        RuleError::Parent { .. }
        | RuleError::Height { .. }
        | RuleError::Version { .. }
        | RuleError::Time { .. }
        | RuleError::Bits { .. }
        | RuleError::ProofOfWork { .. }
        | RuleError::Content { .. }
        | RuleError::Size { .. }
        | RuleError::MessageCount { .. }
        | RuleError::AuthorSignature { .. }
        | RuleError::MessageSignature { .. }
        | RuleError::MessageTime { .. } => BAN_POINTS,
    }
}

/// The points of an offender, in parts, at its last offence.
#[derive(Clone, Copy, Debug)]
struct Score {
    parts: u32,
    at: MonotonicTime,
}

impl Score {
    /// Returns the remaining points: halved for each half-life, and linear within one.
    fn parts_at(self, now: MonotonicTime) -> u32 {
        let (half_life, age) = (HALF_LIFE.as_micros(), (now - self.at).as_micros());
        let halved = u64::from(self.parts) >> (age / half_life).min(32);
        let rest = u64::try_from(age % half_life).unwrap_or_default();
        let half_life = u64::try_from(half_life).unwrap_or(u64::MAX);
        u32::try_from(halved - halved * rest / (2 * half_life)).unwrap_or(u32::MAX)
    }
}

#[derive(Clone, Copy, Debug)]
struct Ban {
    ends: MonotonicTime,
    /// The length of the last ban for a broken rule, or zero if there was none.
    length: Duration,
}

/// The bans and the points.
///
/// ```
/// # use core::net::IpAddr;
/// # use plexus_core::peers::ban_list::{BAN_MIN, BanList, BanTarget};
/// # use plexus_core::primitives::time::MonotonicTime;
/// # use plexus_core::protocol::misbehavior::Misbehavior;
/// # let (now, ip) = (MonotonicTime::from_micros(1), IpAddr::from([192, 0, 2, 1]));
/// # let peer = BanTarget::of(Some(&ip.into()), None).unwrap();
/// let mut bans = BanList::default();
/// assert!(!bans.misbehaving(&peer, &Misbehavior::PingTimeout, now));
/// // An offence that no honest node commits leads to a ban at once.
/// assert!(bans.misbehaving(&peer, &Misbehavior::InvalidLink, now));
/// assert!(bans.is_banned(&peer, now));
/// assert!(!bans.is_banned(&peer, now + BAN_MIN), "it has ended");
/// ```
#[derive(Debug, Default)]
pub struct BanList {
    bans: VecMap<BanTarget, Ban>,
    scores: VecMap<BanTarget, Score>,
}

impl BanList {
    /// Counts an offence of a peer. Returns true if the peer is banned now.
    pub fn misbehaving(&mut self, subject: &BanTarget, fault: &Misbehavior, now: MonotonicTime) -> bool {
        let weight = weight(fault);
        if weight == 0 || self.is_banned(subject, now) {
            return self.is_banned(subject, now);
        }
        let parts = weight * PARTS + self.scores.get(subject).map_or(0, |score| score.parts_at(now));
        if parts < BAN_POINTS * PARTS {
            self.scores.insert(subject.clone(), Score { parts, at: now });
            if self.scores.len() > SCORES_MAX {
                drop_least(&mut self.scores, |score| score.at);
            }
            return false;
        }
        self.scores.remove(subject);
        let last = self.bans.get(subject).filter(|ban| now < ban.ends + BAN_MAX);
        let last = last.map_or(Duration::ZERO, |ban| ban.length);
        let ban = if weight >= BAN_POINTS {
            let length = last.saturating_mul(2).clamp(BAN_MIN, BAN_MAX);
            Ban { ends: now + length, length }
        } else {
            Ban { ends: now + DISCOURAGE, length: last }
        };
        self.bans.insert(subject.clone(), ban);
        if self.bans.len() > BANS_MAX {
            drop_least(&mut self.bans, |ban| ban.ends);
        }
        true
    }

    /// Bans a target for this time, whatever it did. Times over [`BAN_MAX`] are for the operator.
    pub fn ban(&mut self, target: BanTarget, length: Duration, now: MonotonicTime) {
        self.scores.remove(&target);
        let last = self.bans.get(&target).map_or(Duration::ZERO, |ban| ban.length);
        self.bans.insert(target, Ban { ends: now + length, length: last });
        if self.bans.len() > BANS_MAX {
            drop_least(&mut self.bans, |ban| ban.ends);
        }
    }

    /// Ends a ban, and forgets the offences before it. Returns false if the target is not banned.
    pub fn unban(&mut self, target: &BanTarget, now: MonotonicTime) -> bool {
        let is_banned = self.is_banned(target, now);
        self.bans.remove(target);
        self.scores.remove(target);
        is_banned
    }

    /// Returns the active bans, each with the time that is left of it.
    pub fn iter(&self, now: MonotonicTime) -> impl Iterator<Item = (&BanTarget, Duration)> {
        self.bans
            .iter()
            .filter(move |(_, ban)| now < ban.ends)
            .map(move |(target, ban)| (target, ban.ends - now))
    }

    /// Returns true if a peer is refused.
    pub fn is_banned(&self, subject: &BanTarget, now: MonotonicTime) -> bool {
        self.bans.get(subject).is_some_and(|ban| now < ban.ends)
    }

    /// Returns the number of active bans.
    pub fn len(&self, now: MonotonicTime) -> usize {
        self.bans.values().filter(|ban| now < ban.ends).count()
    }

    /// Drops the bans and points that no longer count. This only frees memory.
    pub fn expire(&mut self, now: MonotonicTime) {
        self.bans.retain(|_, ban| now < ban.ends || !ban.length.is_zero() && now < ban.ends + BAN_MAX);
        self.scores.retain(|_, score| score.parts_at(now) >= PARTS);
    }
}

fn drop_least<T>(map: &mut VecMap<BanTarget, T>, measure: impl Fn(&T) -> MonotonicTime) {
    let least = map.iter().min_by_key(|(_, value)| measure(value)).map(|(subject, _)| subject.clone());
    if let Some(subject) = least {
        map.remove(&subject);
    }
}

#[cfg(test)]
mod tests;
