//! Agreement: whether a peer's chain is ours, as far as what it says shows.
//!
//! Who hears of a block first from us stays silent about it: that is how blocks spread ([`crate::relay`]). So a peer whose last word
//! was near the top is taken to follow what we tell it, until it says something else. Blocks that race at the top are no
//! disagreement; a branch that parts from ours farther down is, and so is a chain that does not grow with ours.
//!
//! It informs people and programs; consensus never depends on it. Of each peer the last word is kept, some 60 bytes; to note
//! one that is known already costs a comparison.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::block::Header;
use crate::chain::Chain;
use crate::hash::Hash;
use crate::time::Moment;
use crate::wire::Hello;

/// Branches that part at most so many blocks below our tip are at one: blocks are on their way all the time.
pub const NEAR_BLOCKS: u64 = 3;
/// A disagreement that lasts so long is told.
pub const LASTING: Duration = Duration::from_secs(120);
/// How often the peers are looked at for one.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(15);

/// How a peer's chain stands to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Agreement {
    /// It is ours, but for the newest blocks.
    Agrees,
    /// It is ours, but ends below the newest blocks.
    Lags,
    /// It is another.
    Differs,
}

impl Agreement {
    /// Its name, as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Lags => "lags",
            Self::Differs => "differs",
        }
    }
}

/// What a peer last said to have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stance {
    last: Option<(Hash, u64)>,
    /// Since when it has not agreed.
    since: Option<Moment>,
    is_told: bool,
}

impl Stance {
    /// Of a peer that greets: unless it begins with genesis, it tells of its tip next.
    pub(crate) fn new(hello: &Hello) -> Self {
        let last = (hello.height == 0).then_some((hello.network, 0));
        Self { last, ..Self::default() }
    }

    /// The height of the last block that it told of.
    pub(crate) fn height(&self) -> u64 {
        self.last.map_or(0, |(_, height)| height)
    }

    /// The peer leads with this block.
    pub(crate) fn leads(&mut self, hash: &Hash, height: u64) {
        if !self.is_at(hash) {
            self.last = Some((*hash, height));
        }
    }

    /// The peer has this block, and perhaps more above it.
    pub(crate) fn holds(&mut self, chain: &Chain, hash: &Hash, height: u64) {
        let is_news = !self.is_at(hash) && self.last.is_none_or(|(last, _)| !chain.is_ancestor(hash, &last));
        if is_news {
            self.last = Some((*hash, height));
        }
    }

    /// The peer is told of a block that leads: if it was near, it follows.
    pub(crate) fn follows(&mut self, chain: &Chain, header: &Header, hash: &Hash) {
        let Some((last, height)) = self.last else { return };
        let parent = (header.prev_hash, header.height.saturating_sub(1));
        if last == parent.0 || are_near(chain, (last, height), parent) {
            self.last = Some((*hash, header.height));
        }
    }

    fn is_at(&self, hash: &Hash) -> bool {
        self.last.is_some_and(|(last, _)| last == *hash)
    }

    /// How its chain stands to ours; none: it did not say, or spoke of what we do not know yet.
    pub(crate) fn judge(&self, chain: &Chain) -> Option<Agreement> {
        let (hash, height) = self.last?;
        let top = chain.tip().header.height;
        if height < chain.lowest() {
            // Nothing but old.
            return Some(Agreement::Lags);
        }
        if chain.find(&hash).is_none() {
            // What is above may be ours in a moment.
            return (height <= top).then_some(Agreement::Differs);
        }
        let fork = chain.fork_below(&hash).min(height);
        Some(match (top.saturating_sub(fork), height - fork) {
            (0..=NEAR_BLOCKS, _) => Agreement::Agrees,
            (_, 0) => Agreement::Lags,
            (_, 1..) => Agreement::Differs,
        })
    }

    /// Looks at the peer again; a disagreement that has lasted is told once.
    pub(crate) fn watch(&mut self, now: Moment, chain: &Chain) -> Option<Agreement> {
        let agreement = self.judge(chain).filter(|agreement| *agreement != Agreement::Agrees);
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

/// Whether two blocks have one below them, or are one, that is at most [`NEAR_BLOCKS`] below the higher.
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
