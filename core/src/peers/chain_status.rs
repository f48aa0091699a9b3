//! Agreement: compares a peer's chain with ours, as far as its announcements show it.
//!
//! A peer that hears of a block first from us stays silent about it (`sync::block_relay`).
//! So a peer that was last near the tip is assumed to follow our announcements, until it announces
//! another block. Competing blocks near the tip are not a disagreement. A branch that forks off
//! farther down is one, and so is a chain that does not grow with ours.
//!
//! The result informs people and programs: consensus never depends on it. The last announcement of
//! each peer is kept, about 60 bytes. Noting one that is known already costs a comparison.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::chain::Chain;
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::time::MonotonicTime;
use crate::protocol::packet::Hello;

/// The most blocks below our tip at which chains may fork and still agree: blocks are always on
/// their way.
pub const NEAR_BLOCKS: u64 = 3;
/// The time after which a lasting disagreement is reported.
pub const LASTING: Duration = Duration::from_secs(120);
/// The interval between checks for disagreement.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(15);

/// The comparison of a peer's chain with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Agreement {
    /// It is the same, except for the newest blocks.
    Agrees,
    /// It is the same, but ends below the newest blocks.
    Lags,
    /// It is a different chain.
    Differs,
}

impl Agreement {
    /// Returns the name for display.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Lags => "lags",
            Self::Differs => "differs",
        }
    }
}

/// The last known tip of a peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerTip {
    last: Option<(Hash, u64)>,
    /// The time since which it has not agreed.
    since: Option<MonotonicTime>,
    is_told: bool,
}

impl PeerTip {
    /// Creates the state for a peer after its handshake. A peer whose chain is only genesis has it
    /// as its tip. Any other announces its tip next.
    pub(crate) fn new(hello: &Hello) -> Self {
        let last = (hello.height == 0).then_some((hello.network, 0));
        Self { last, ..Self::default() }
    }

    /// Returns the height of the last block that it announced.
    pub(crate) fn height(&self) -> u64 {
        self.last.map_or(0, |(_, height)| height)
    }

    /// Notes that the peer announced this block as its best.
    pub(crate) fn announced(&mut self, hash: &Hash, height: u64) {
        if !self.is_at(hash) {
            self.last = Some((*hash, height));
        }
    }

    /// Notes that the peer has this block, and perhaps more above it.
    pub(crate) fn has(&mut self, chain: &Chain, hash: &Hash, height: u64) {
        let is_news = !self.is_at(hash) && self.last.is_none_or(|(last, _)| !chain.is_ancestor(hash, &last));
        if is_news {
            self.last = Some((*hash, height));
        }
    }

    /// Notes that a new best block is announced to the peer. If the peer was near, it is assumed to
    /// follow.
    pub(crate) fn assume_followed(&mut self, chain: &Chain, header: &Header, hash: &Hash) {
        let Some((last, height)) = self.last else { return };
        let parent = (header.prev_hash, header.height.saturating_sub(1));
        if last == parent.0 || are_near(chain, (last, height), parent) {
            self.last = Some((*hash, header.height));
        }
    }

    fn is_at(&self, hash: &Hash) -> bool {
        self.last.is_some_and(|(last, _)| last == *hash)
    }

    /// Returns the comparison of its chain with ours. Returns `None` if its tip is unknown, or may
    /// be a block that we do not know yet.
    pub(crate) fn compare(&self, chain: &Chain) -> Option<Agreement> {
        let (hash, height) = self.last?;
        let top = chain.tip().header.height;
        if height < chain.lowest() {
            // The peer only has old blocks.
            return Some(Agreement::Lags);
        }
        if chain.find(&hash).is_none() {
            // A higher block may become part of our chain in a moment.
            return (height <= top).then_some(Agreement::Differs);
        }
        let fork = chain.fork_below(&hash).min(height);
        Some(match (top.saturating_sub(fork), height - fork) {
            (0..=NEAR_BLOCKS, _) => Agreement::Agrees,
            (_, 0) => Agreement::Lags,
            (_, 1..) => Agreement::Differs,
        })
    }

    /// Checks the peer again. Returns a disagreement once, when it has lasted long enough.
    pub(crate) fn watch(&mut self, now: MonotonicTime, chain: &Chain) -> Option<Agreement> {
        let agreement = self.compare(chain).filter(|agreement| *agreement != Agreement::Agrees);
        let Some(agreement) = agreement else {
            (self.since, self.is_told) = (None, false);
            return None;
        };
        let since = *self.since.get_or_insert(now);
        let is_due = now >= since + LASTING && !self.is_told;
        self.is_told |= is_due;
        is_due.then_some(agreement)
    }
}

/// Returns true if the last common block of two blocks is at most [`NEAR_BLOCKS`] below the higher
/// one.
fn are_near(chain: &Chain, mut a: (Hash, u64), mut b: (Hash, u64)) -> bool {
    let lowest = a.1.max(b.1).saturating_sub(NEAR_BLOCKS);
    while a.0 != b.0 {
        let higher = if a.1 >= b.1 { &mut a } else { &mut b };
        let Some(place) = chain.find(&higher.0).filter(|_| higher.1 > lowest) else { return false };
        *higher = (place.header.prev_hash, higher.1 - 1);
    }
    true
}

#[cfg(test)]
mod tests;
