//! Bans: whom we do not speak with for a while, because of what it did.
//!
//! What cannot happen to an honest node (a block, header or message that breaks a rule, a forged answer) is a ban at once, and a longer one
//! each time. What can (to stall, to fall silent, to be late) gives points that halve in [`HALF_LIFE`]; with
//! [`BAN_POINTS`] the offender rests for [`REST`], as often as it happens, and never for longer. Who speaks another version or is of
//! another network only is no partner. Nobody else is ever told of a ban: what others say of a node counts for nothing.
//!
//! Bounds: [`BANS_MAX`] bans, of which the one that ends first gives way, and [`SCORES_MAX`] offenders with points, of whom the one that
//! offended longest ago does. An offender who has many addresses loses only those that he offends from.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use crate::address::Host;
use crate::fault::Fault;
use crate::key::PublicKey;
use crate::rules::RuleError;
use crate::sorted::Sorted;
use crate::time::Moment;

/// Points that are a ban.
pub const BAN_POINTS: u32 = 100;
/// The time in which points halve.
pub const HALF_LIFE: Duration = Duration::from_secs(600);
/// How long an offender rests who came to his points little by little.
pub const REST: Duration = Duration::from_secs(600);
/// The first ban of who broke a rule; each further one is twice as long.
pub const BAN_MIN: Duration = Duration::from_secs(3_600);
/// The longest ban. So long after its end, a ban counts for the length of the next.
pub const BAN_MAX: Duration = Duration::from_secs(86_400);
/// The most bans, with those that ended and are remembered.
pub const BANS_MAX: usize = 1_024;
/// The most offenders whose points are remembered.
pub const SCORES_MAX: usize = 1_024;
/// Points are counted in so many parts.
const PARTS: u32 = 1 << 10;

/// Who is punished: one name for each peer, the one that is hardest to change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The host that it speaks from, an IPv6 address as its /64, which is one subscriber's.
    Host(Host),
    /// Its key, where the host says nothing: behind a local address there may be anybody.
    Key(PublicKey),
}

impl Subject {
    /// The name of a peer: its host if that is known and not local, else its key if it has proven one.
    ///
    /// A key is new whenever its owner wants, so it is no hold on an offender whose host is known; and somebody in between, who passes on
    /// a handshake that he cannot make himself and then offends, would have the key's owner banned.
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

/// The points of a fault; those with [`BAN_POINTS`] are a ban at once.
///
/// An honest node that is slow, far away or just restarted may stall, fall silent or be late. One may tell of a header above a block
/// that we found to be invalid before it could; a light one may hold a block of which only a full node sees that a message is in it
/// again; and one whose chain is reorganised while we ask may answer with what does not connect.
pub fn weight(fault: &Fault) -> u32 {
    match fault {
        Fault::Version { .. } | Fault::Network { .. } => 0,
        // What another version's hello looks like is not known.
        Fault::Malformed { packet: "hello" } => 0,
        Fault::InvalidHeader { error, .. } | Fault::InvalidBlock { error, .. } => rule_weight(error),
        Fault::InvalidMessage { .. }
        | Fault::InvalidLink
        | Fault::InvalidProof { .. }
        | Fault::KeyNotProven => BAN_POINTS,
        Fault::WorkNotShown | Fault::Disconnected { .. } => 50,
        Fault::UnknownPacket { .. }
        | Fault::PacketTooLarge { .. }
        | Fault::Malformed { .. }
        | Fault::NotGreeted { .. }
        | Fault::GreetedAgain { .. }
        | Fault::StrayPong
        | Fault::Unasked { .. } => 34,
        Fault::Stalled { .. } | Fault::Silent | Fault::HandshakeTimeout => 20,
    }
}

fn rule_weight(error: &RuleError) -> u32 {
    match error {
        RuleError::TooEarly { .. } | RuleError::ParentUnknown { .. } => 0,
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

/// The points of an offender, in parts, when it last offended.
#[derive(Clone, Copy, Debug)]
struct Score {
    parts: u32,
    at: Moment,
}

impl Score {
    /// What is left of the points: halved for each half-life, and within one along a straight line.
    fn parts_at(self, now: Moment) -> u32 {
        let (half_life, age) = (HALF_LIFE.as_micros(), (now - self.at).as_micros());
        let halved = u64::from(self.parts) >> (age / half_life).min(32);
        let rest = u64::try_from(age % half_life).unwrap_or_default();
        let half_life = u64::try_from(half_life).unwrap_or(u64::MAX);
        u32::try_from(halved - halved * rest / (2 * half_life)).unwrap_or(u32::MAX)
    }
}

#[derive(Clone, Copy, Debug)]
struct Ban {
    ends: Moment,
    /// The length of the last ban for a broken rule; zero when there was none.
    length: Duration,
}

/// Who is banned, and who has points.
#[derive(Debug, Default)]
pub struct Bans {
    bans: Sorted<Subject, Ban>,
    scores: Sorted<Subject, Score>,
}

impl Bans {
    /// A peer offended. Whether it is banned now.
    pub fn punish(&mut self, subject: &Subject, fault: &Fault, now: Moment) -> bool {
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
            Ban { ends: now + REST, length: last }
        };
        self.bans.insert(subject.clone(), ban);
        if self.bans.len() > BANS_MAX {
            drop_least(&mut self.bans, |ban| ban.ends);
        }
        true
    }

    /// Whether we do not speak with a peer.
    pub fn is_banned(&self, subject: &Subject, now: Moment) -> bool {
        self.bans.get(subject).is_some_and(|ban| now < ban.ends)
    }

    /// How many are banned.
    pub fn len(&self, now: Moment) -> usize {
        self.bans.values().filter(|ban| now < ban.ends).count()
    }

    /// Forgets the bans and points that count for nothing any more. Nothing depends on it but memory.
    pub fn expire(&mut self, now: Moment) {
        self.bans.retain(|_, ban| now < ban.ends || !ban.length.is_zero() && now < ban.ends + BAN_MAX);
        self.scores.retain(|_, score| score.parts_at(now) >= PARTS);
    }
}

fn drop_least<T>(map: &mut Sorted<Subject, T>, measure: impl Fn(&T) -> Moment) {
    let least = map.iter().min_by_key(|(_, value)| measure(value)).map(|(subject, _)| subject.clone());
    if let Some(subject) = least {
        map.remove(&subject);
    }
}

#[cfg(test)]
mod tests;
