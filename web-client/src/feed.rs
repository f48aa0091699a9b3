//! The feed: the blocks that arrived, each with its verdict; undone ones stay to be seen as such.

use plexus_core::block::Block;
use plexus_core::hash::Hash;
use plexus_core::pow::Work;
use plexus_core::rules::RuleError;
use plexus_core::time::Time;
use plexus_core::view::{self, Failure};
use serde::{Deserialize, Serialize};

use crate::board::{Board, Changed};
use crate::database::Entry;

/// Where the feed is kept in a network's part of the store.
pub(crate) const PREFIX: &str = "feed/";
/// The most blocks shown that were valid once; when more, the lowest go.
const BLOCKS_MAX: usize = 48;
/// The most refused blocks shown; when more, those refused first go, so that bad blocks never push out good ones.
const REFUSED_MAX: usize = 16;
/// The most messages shown of a block; the others are looked up.
const MESSAGES_SHOWN_MAX: usize = 20;

/// What this node thinks of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// It keeps every rule and is on the best chain.
    Valid,
    /// It keeps every rule, but another branch has more work.
    Undone,
    /// It breaks a rule.
    Refused,
}

/// A block that arrived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Arrival {
    hash: Hash,
    number_of_block: u64,
    verdict: Verdict,
    /// Every rule that it breaks.
    failures: Vec<Failure>,
    /// When it was checked here.
    seen_unix_ms: u64,
    mined_here: bool,
    /// How many messages it carries; `block` has the first of them.
    messages_total: usize,
    /// Its fields, of a block that kept the rules.
    block: Option<view::Block>,
}

/// The blocks that arrived.
#[derive(Debug, Default)]
pub(crate) struct Feed(Board<Arrival>);

impl Feed {
    /// What was stored.
    pub(crate) fn load(entries: &[Entry]) -> Self {
        Self(Board::load(entries, PREFIX))
    }

    /// A verified block joined the best chain.
    pub(crate) fn connected(
        &mut self,
        network: &Hash,
        hash: Hash,
        block: &Block,
        total_work: Work,
        mined_here: bool,
        now: Time,
    ) {
        let seen_before = self.0.find(&hash).map(|arrival| (arrival.seen_unix_ms, arrival.mined_here));
        let (seen_unix_ms, mined_here) = seen_before.unwrap_or((now.unix_ms(), mined_here));
        let messages_total = block.messages.len();
        let messages = block.messages.iter().take(MESSAGES_SHOWN_MAX).cloned().collect();
        let shown = Block { messages, ..*block };
        let arrival = Arrival {
            hash,
            number_of_block: block.header.height,
            verdict: Verdict::Valid,
            failures: Vec::new(),
            seen_unix_ms,
            mined_here,
            messages_total,
            block: Some(view::Block::new(&shown, total_work, network)),
        };
        self.0.put(hash, arrival);
        self.make_room(BLOCKS_MAX, |arrival| arrival.verdict != Verdict::Refused, |a| a.number_of_block);
    }

    /// Blocks left the best chain.
    pub(crate) fn undone(&mut self, hashes: &[Hash]) {
        for hash in hashes {
            self.0.change(hash, |arrival| arrival.verdict = Verdict::Undone);
        }
    }

    /// A block was refused.
    pub(crate) fn refused(&mut self, hash: Hash, height: u64, failures: &[RuleError], now: Time) {
        let status = view::VerifyStatus::new(hash, height, failures);
        let arrival = Arrival {
            hash,
            number_of_block: height,
            verdict: Verdict::Refused,
            failures: status.failures,
            seen_unix_ms: now.unix_ms(),
            mined_here: false,
            messages_total: 0,
            block: None,
        };
        self.0.put(hash, arrival);
        self.make_room(REFUSED_MAX, |arrival| arrival.verdict == Verdict::Refused, |a| a.seen_unix_ms);
    }

    /// Takes the least of some arrivals off until at most `max` are left.
    fn make_room(&mut self, max: usize, among: impl Fn(&Arrival) -> bool, order: impl Fn(&Arrival) -> u64) {
        loop {
            let some = || self.0.iter().filter(|(_, arrival)| among(arrival));
            if some().count() <= max {
                return;
            }
            let Some(least) = some().min_by_key(|(_, arrival)| order(arrival)).map(|(hash, _)| *hash) else {
                return;
            };
            self.0.remove(&least);
        }
    }

    /// What changed since it was last asked.
    pub(crate) fn take_changed(&mut self) -> Vec<Changed> {
        self.0.take_changed()
    }
}

#[cfg(test)]
mod tests {
    use plexus_core::network::Network;

    use super::*;

    fn connect(feed: &mut Feed, height: u64) -> Hash {
        let network = Network::dev();
        let mut block = network.genesis_block();
        block.header.height = height;
        let hash = block.header.hash();
        feed.connected(network.id(), hash, &block, Work::ZERO, false, Time::from_unix_ms(height));
        hash
    }

    #[test]
    fn an_undone_block_stays_and_may_come_back() {
        let mut feed = Feed::default();
        let hash = connect(&mut feed, 3);
        feed.take_changed();
        feed.undone(&[hash, Hash::ZERO]);
        let changed = feed.take_changed();
        assert_eq!(changed.len(), 1);
        assert!(changed[0].json.as_ref().unwrap().contains(r#""verdict":"undone""#));
        connect(&mut feed, 3);
        assert!(feed.take_changed()[0].json.as_ref().unwrap().contains(r#""verdict":"valid""#));
    }

    #[test]
    fn a_refused_block_shows_flag_and_reason() {
        let mut feed = Feed::default();
        let failure = RuleError::Height { expected: 4, found: 9 };
        feed.refused(Hash::ZERO, 9, &[failure], Time::from_unix_ms(1));
        let json = feed.take_changed()[0].json.clone().unwrap();
        assert!(
            json.contains(r#""flag":"BlockNumber","reason":"number_of_block: expected 4, found 9""#),
            "{json}"
        );
    }

    #[test]
    fn bad_blocks_never_push_out_good_ones() {
        let mut feed = Feed::default();
        let good = connect(&mut feed, 1);
        for number in 0..100_u8 {
            feed.refused(Hash::of(&[number]), 5, &[], Time::from_unix_ms(number.into()));
        }
        assert_eq!(feed.0.len(), REFUSED_MAX + 1);
        assert!(feed.0.find(&good).is_some() && feed.0.find(&Hash::of(&[99])).is_some());
        for height in 2..=60 {
            connect(&mut feed, height);
        }
        assert_eq!(feed.0.len(), REFUSED_MAX + BLOCKS_MAX);
        assert!(feed.0.find(&good).is_none());
    }
}
