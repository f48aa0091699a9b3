//! The feed: the blocks that arrived, each with its verdict. Undone blocks stay, so that the page
//! can show them.

use plexus_core::ledger::json;
use plexus_core::ledger::validation::RuleError;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::browser::database::DatabaseEntry;
use crate::chain_view::reorg::Undone;
use crate::chain_view::tracked_map::{Item, ItemChange, TrackedMap};

/// The prefix of the feed in a network's part of the store.
pub(crate) const PREFIX: &str = "feed/";
/// The most shown blocks that were valid once. Beyond it, the lowest are removed.
const BLOCKS_MAX: usize = 1_000;
/// The most bytes of these blocks. Beyond it, the lowest are removed.
const BYTES_MAX: usize = 4 << 20;
/// The most refused blocks shown. Beyond it, the first refused ones are removed, so that bad blocks
/// never push out good ones.
const REFUSED_MAX: usize = 16;
/// The most messages shown of a block. The others are available by lookup.
const MESSAGES_SHOWN_MAX: usize = 20;

/// This node's verdict on a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BlockVerdict {
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
    height: u64,
    verdict: BlockVerdict,
    /// The flag and the reason of every rule that it breaks.
    failures: Vec<(String, String)>,
    /// The time when it was checked here.
    seen_unix_ms: u64,
    mined_here: bool,
    /// The number of messages that it carries. `block` has the first of them.
    messages_total: u64,
    total_work: Work,
    /// The encoding of a valid block, with the first of its messages.
    block: Vec<u8>,
}

/// A block that arrived, in the form for the page.
#[derive(Serialize)]
struct ArrivalView<'a> {
    hash: &'a Hash,
    number_of_block: u64,
    verdict: BlockVerdict,
    failures: Vec<FailureView<'a>>,
    seen_unix_ms: u64,
    mined_here: bool,
    messages_total: u64,
    block: Option<json::BlockView>,
}

#[derive(Serialize)]
struct FailureView<'a> {
    flag: &'a str,
    reason: &'a str,
}

impl Item for Arrival {
    fn json(&self, network: &Hash) -> String {
        let failures = self.failures.iter().map(|(flag, reason)| FailureView { flag, reason });
        let view = ArrivalView {
            hash: &self.hash,
            number_of_block: self.height,
            verdict: self.verdict,
            failures: failures.collect(),
            seen_unix_ms: self.seen_unix_ms,
            mined_here: self.mined_here,
            messages_total: self.messages_total,
            block: Block::decode(&self.block)
                .ok()
                .map(|block| json::BlockView::new(&block, self.total_work, network)),
        };
        serde_json::to_string(&view).unwrap_or_default()
    }
}

/// The blocks that arrived.
#[derive(Debug, Default)]
pub(crate) struct Feed(TrackedMap<Arrival>);

impl Feed {
    /// Loads the stored feed.
    pub(crate) fn load(entries: &[DatabaseEntry]) -> Self {
        Self(TrackedMap::load(entries, PREFIX))
    }

    /// Adds a verified block that joined the best chain.
    pub(crate) fn connected(
        &mut self,
        hash: Hash,
        block: &Block,
        total_work: Work,
        mined_here: bool,
        now: Timestamp,
    ) {
        let seen_before = self.0.find(&hash).map(|arrival| (arrival.seen_unix_ms, arrival.mined_here));
        let (seen_unix_ms, mined_here) = seen_before.unwrap_or((now.unix_ms(), mined_here));
        let messages = block.messages.iter().take(MESSAGES_SHOWN_MAX).cloned().collect();
        let shown = Block { messages, ..*block };
        let arrival = Arrival {
            hash,
            height: block.header.height,
            verdict: BlockVerdict::Valid,
            failures: Vec::new(),
            seen_unix_ms,
            mined_here,
            messages_total: block.messages.len() as u64,
            total_work,
            block: shown.encode(),
        };
        self.0.put(hash, arrival);
        self.make_room(BLOCKS_MAX, |arrival| arrival.verdict != BlockVerdict::Refused, |a| a.height);
    }

    /// Marks blocks that left the best chain.
    pub(crate) fn undone(&mut self, hashes: &[Hash]) {
        for hash in hashes {
            self.0.change(hash, |arrival| arrival.verdict = BlockVerdict::Undone);
        }
    }

    /// Returns the blocks that are shown as valid and are not on the chain of this tip, as blocks
    /// that left it: the highest one, and the blocks below it that are shown. Returns `None` if there
    /// are none. A height for which `best_at` returns no hash decides nothing.
    pub(crate) fn astray(&self, tip: u64, best_at: impl Fn(u64) -> Option<Hash>) -> Option<Undone> {
        let valid = self.0.iter().filter(|(_, arrival)| arrival.verdict == BlockVerdict::Valid);
        let (mut shared, mut astray) = (vec![0], Vec::new());
        for (hash, arrival) in valid {
            match best_at(arrival.height) {
                Some(best) if best == *hash => shared.push(arrival.height),
                None if arrival.height <= tip => {}
                _ => astray.push((arrival.height, *hash, arrival.total_work)),
            }
        }
        astray.sort_unstable_by(|a, b| b.cmp(a));
        let (height, _, total_work) = *astray.first()?;
        // The chain may not have reached that height yet.
        astray.last().filter(|(lowest, ..)| *lowest <= tip)?;
        let row = astray.iter().zip(0..).take_while(|((at, ..), below)| at + below == height);
        let hashes: Vec<_> = row.map(|((_, hash, _), _)| *hash).collect();
        let below = height - hashes.len() as u64;
        let fork = shared.into_iter().filter(|shared| *shared <= below).max().unwrap_or(0);
        let is_exact = fork == below;
        Some(Undone { fork, is_exact, hashes, height, total_work })
    }

    /// Adds a refused block.
    pub(crate) fn refused(&mut self, hash: Hash, height: u64, failures: &[RuleError], now: Timestamp) {
        let failure = |failure: &RuleError| (failure.flag().to_owned(), failure.to_string());
        let arrival = Arrival {
            hash,
            height,
            verdict: BlockVerdict::Refused,
            failures: failures.iter().map(failure).collect(),
            seen_unix_ms: now.unix_ms(),
            mined_here: false,
            messages_total: 0,
            total_work: Work::ZERO,
            block: Vec::new(),
        };
        self.0.put(hash, arrival);
        self.make_room(REFUSED_MAX, |arrival| arrival.verdict == BlockVerdict::Refused, |a| a.seen_unix_ms);
    }

    /// Removes the lowest arrivals among some until at most `max` and `BYTES_MAX` are left.
    fn make_room(&mut self, max: usize, among: impl Fn(&Arrival) -> bool, order: impl Fn(&Arrival) -> u64) {
        loop {
            let some = || self.0.iter().filter(|(_, arrival)| among(arrival));
            let bytes: usize = some().map(|(_, arrival)| arrival.block.len()).sum();
            if some().count() <= max && bytes <= BYTES_MAX {
                return;
            }
            let Some(least) = some().min_by_key(|(_, arrival)| order(arrival)).map(|(hash, _)| *hash) else {
                return;
            };
            self.0.remove(&least);
        }
    }

    /// Returns the changes since the last call.
    pub(crate) fn take_changed(&mut self, network: &Hash) -> Vec<ItemChange> {
        self.0.take_changed(network)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plexus_core::primitives::key::SecretKey;
    use plexus_core::primitives::message::{Draft, TEXT_BYTES_MAX};
    use plexus_core::primitives::params::Network;

    use super::*;

    fn connect(feed: &mut Feed, height: u64) -> Hash {
        let network = Network::dev();
        let mut block = network.genesis_block();
        block.header.height = height;
        let hash = block.header.hash();
        feed.connected(hash, &block, Work::ZERO, false, Timestamp::from_unix_ms(height));
        hash
    }

    /// Returns the JSON of the only arrival that changed.
    fn json(feed: &mut Feed) -> String {
        let mut changed = feed.take_changed(Network::dev().id());
        assert_eq!(changed.len(), 1);
        changed.remove(0).now.unwrap().0
    }

    #[test]
    fn an_undone_block_stays_and_may_come_back() {
        let mut feed = Feed::default();
        let hash = connect(&mut feed, 3);
        json(&mut feed);
        feed.undone(&[hash, Hash::ZERO]);
        let undone = json(&mut feed);
        assert!(
            undone.contains(r#""verdict":"undone""#) && undone.contains(r#""number_of_block":3"#),
            "{undone}"
        );
        connect(&mut feed, 3);
        assert!(json(&mut feed).contains(r#""verdict":"valid""#));
    }

    #[test]
    fn blocks_of_another_chain_are_found() {
        let mut feed = Feed::default();
        let hashes: Vec<_> = (1..=5).map(|height| connect(&mut feed, height)).collect();
        let at = |height: u64| hashes.get(usize::try_from(height - 1).unwrap()).copied();
        assert!(feed.astray(5, at).is_none());
        assert!(feed.astray(9, |_| None).is_none(), "below what is known");
        assert!(feed.astray(3, |height| at(height).filter(|_| height < 4)).is_none(), "above what is known");
        let undone =
            feed.astray(4, |height| at(height).filter(|_| height < 3).or((height < 5).then_some(Hash::ZERO)));
        let undone = undone.unwrap();
        assert_eq!((undone.fork, undone.is_exact, undone.height), (2, true, 5));
        assert_eq!(undone.hashes, [hashes[4], hashes[3], hashes[2]]);
        // Of a page that has caught up, the newest are of the chain.
        let undone =
            feed.astray(5, |height| at(height).filter(|_| height != 3).or(Some(Hash::ZERO))).unwrap();
        assert_eq!((undone.fork, undone.is_exact, undone.hashes), (2, true, vec![hashes[2]]));
        feed.undone(&hashes[2..]);
        assert!(feed.astray(2, |height| at(height).filter(|_| height < 3)).is_none());
    }

    #[test]
    fn a_refused_block_shows_flag_and_reason() {
        let mut feed = Feed::default();
        let failure = RuleError::Height { expected: 4, found: 9 };
        feed.refused(Hash::ZERO, 9, &[failure], Timestamp::from_unix_ms(1));
        let json = json(&mut feed);
        assert!(
            json.contains(r#""flag":"BlockNumber","reason":"number_of_block: expected 4, found 9""#),
            "{json}"
        );
    }

    #[test]
    fn long_texts_do_not_fill_the_memory() {
        let (network, author) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
        let draft =
            Draft::new(author.public(), "", "a".repeat(TEXT_BYTES_MAX), Timestamp::from_unix_ms(1)).unwrap();
        let message = Arc::new(draft.sign(&author, network.id(), 0));
        let mut feed = Feed::default();
        for height in 1..=100 {
            let mut block = network.genesis_block();
            block.header.height = height;
            block.messages = vec![Arc::clone(&message); MESSAGES_SHOWN_MAX + 1];
            feed.connected(block.header.hash(), &block, Work::ZERO, false, Timestamp::from_unix_ms(height));
        }
        let bytes: usize = feed.0.iter().map(|(_, arrival)| arrival.block.len()).sum();
        let least = feed.0.iter().map(|(_, arrival)| arrival.height).min();
        assert!(bytes <= BYTES_MAX && bytes > BYTES_MAX - (100 << 10), "{bytes}");
        assert!(least.is_some_and(|least| least > 40), "the lowest went: {least:?}");
    }

    #[test]
    fn bad_blocks_never_push_out_good_ones() {
        let mut feed = Feed::default();
        let good = connect(&mut feed, 1);
        for number in 0..100_u8 {
            feed.refused(Hash::of(&[number]), 5, &[], Timestamp::from_unix_ms(number.into()));
        }
        assert_eq!(feed.0.len(), REFUSED_MAX + 1);
        assert!(feed.0.find(&good).is_some() && feed.0.find(&Hash::of(&[99])).is_some());
        for height in 2..=BLOCKS_MAX as u64 + 1 {
            connect(&mut feed, height);
        }
        assert_eq!(feed.0.len(), REFUSED_MAX + BLOCKS_MAX);
        assert!(feed.0.find(&good).is_none());
    }
}
