//! Stores: the persisted state of each host, in a few bytes a block, because all hosts store the
//! same blocks.
//!
//! The archive holds every block that any host stores, once. A store holds the numbers of its own
//! blocks. It behaves as a [`Journal`] does: a host restarts from the journal that its store
//! unfolds to, and a test compares the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::signature_batch::KnownIn;
use crate::node::storage::{Change, Journal, StoreQuery, StoreReply};
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::message::MessageId;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;
use crate::primitives::pow::Work;
use crate::protocol::limits::HEADERS_MAX;

/// A block that some host stores.
#[derive(Debug)]
struct ArchivedBlock {
    hash: Hash,
    header: Header,
    total_work: Work,
    body: Option<(Bytes, Arc<[MessageId]>)>,
    history: Option<Mmr>,
}

/// All blocks that any host stores. A parent has a lower number than its children.
#[derive(Debug)]
pub(super) struct Archive {
    network: Network,
    records: Vec<ArchivedBlock>,
    numbers: BTreeMap<Hash, u32>,
    messages: BTreeMap<MessageId, Vec<u32>>,
}

/// The persisted state of one host.
#[derive(Debug)]
pub(super) struct HostStore {
    /// The numbers of its best chain, by height.
    best: Vec<u32>,
    /// The numbers of its headers, in rising order, each doubled, plus one if it has the body.
    kept: Vec<u32>,
    pooled: BTreeMap<MessageId, Bytes>,
    book: Bytes,
}

impl Archive {
    pub(super) fn new(network: &Network) -> Self {
        let (hash, header) = (*network.id(), *network.genesis());
        let body = Some((network.genesis_block().encode().into(), Arc::from([])));
        let genesis = ArchivedBlock { hash, header, total_work: Work::ZERO, body, history: None };
        Self {
            network: network.clone(),
            records: vec![genesis],
            numbers: BTreeMap::from([(hash, 0)]),
            messages: BTreeMap::new(),
        }
    }

    fn record(&self, number: u32) -> &ArchivedBlock {
        &self.records[number as usize]
    }

    fn number(&mut self, hash: Hash, header: Header, total_work: Work) -> u32 {
        let next = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(hash).or_insert(next);
        if number == next {
            self.records.push(ArchivedBlock { hash, header, total_work, body: None, history: None });
        }
        number
    }

    fn keep_body(&mut self, number: u32, block: &Bytes, ids: &Arc<[MessageId]>) {
        let record = &mut self.records[number as usize];
        if record.body.is_none() {
            record.body = Some((block.clone(), Arc::clone(ids)));
            for id in ids.iter() {
                self.messages.entry(*id).or_default().push(number);
            }
        }
    }
}

impl HostStore {
    /// Creates a store with only genesis.
    pub(super) fn new() -> Self {
        Self { best: vec![0], kept: vec![1], pooled: BTreeMap::new(), book: Bytes::new() }
    }

    /// Applies the changes of one output.
    pub(super) fn apply(&mut self, archive: &mut Archive, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Header { hash, header, total_work } => {
                    let number = archive.number(*hash, *header, *total_work);
                    if let Err(place) = self.place(number) {
                        self.kept.insert(place, number * 2);
                    }
                }
                Change::Body { hash, block, ids, .. } => {
                    let Some(&number) = archive.numbers.get(hash) else { continue };
                    archive.keep_body(number, block, ids);
                    if let Ok(place) = self.place(number) {
                        self.kept[place] |= 1;
                    }
                }
                Change::Checkpoint { hash, history, .. } => {
                    if let Some(&number) = archive.numbers.get(hash) {
                        archive.records[number as usize].history = Some(history.clone());
                    }
                }
                Change::Tip { hash, fork, .. } => self.move_tip(archive, hash, *fork),
                Change::Pooled { id, message } => {
                    self.pooled.insert(*id, message.clone());
                }
                Change::Book { encoded } => self.book = encoded.clone(),
                Change::Unpooled { id } => {
                    self.pooled.remove(id);
                }
            }
        }
    }

    fn place(&self, number: u32) -> Result<usize, usize> {
        // A block that is new to a store is usually the newest of all.
        match self.kept.last() {
            Some(last) if last / 2 < number => Err(self.kept.len()),
            _ => self.kept.binary_search_by_key(&number, |kept| kept / 2),
        }
    }

    fn move_tip(&mut self, archive: &Archive, tip: &Hash, fork: u64) {
        let (mut at, mut branch) = (archive.numbers.get(tip), Vec::new());
        while let Some(number) = at.filter(|number| archive.record(**number).header.height > fork) {
            branch.push(*number);
            at = archive.numbers.get(&archive.record(*number).header.prev_hash);
        }
        self.best.truncate(usize::try_from(fork).unwrap_or(usize::MAX).saturating_add(1));
        self.best.extend(branch.into_iter().rev());
    }

    /// Returns the best chain's hashes from genesis on.
    pub(super) fn best<'a>(&'a self, archive: &'a Archive) -> impl DoubleEndedIterator<Item = &'a Hash> {
        self.best.iter().map(|number| &archive.record(*number).hash)
    }

    /// Returns true if only genesis was ever stored.
    pub(super) fn is_new(&self) -> bool {
        self.kept.len() == 1
    }

    /// Returns the encodings of the host's own messages that wait for a block.
    pub(super) fn pooled(&self) -> impl Iterator<Item = &Bytes> {
        self.pooled.values()
    }

    /// Returns the address book's encoding. It is empty before the first was stored.
    pub(super) fn book(&self) -> &Bytes {
        &self.book
    }

    fn has_body(&self, number: u32) -> bool {
        self.place(number).is_ok_and(|place| self.kept[place] % 2 == 1)
    }

    fn is_best(&self, archive: &Archive, number: u32) -> bool {
        let height = usize::try_from(archive.record(number).header.height).unwrap_or(usize::MAX);
        self.best.get(height) == Some(&number)
    }

    /// Returns a stored block's encoding.
    pub(super) fn body<'a>(&self, archive: &'a Archive, hash: &Hash) -> Option<&'a Bytes> {
        let number = *archive.numbers.get(hash)?;
        let body = archive.record(number).body.as_ref().filter(|_| self.has_body(number))?;
        Some(&body.0)
    }

    /// Returns the same as [`Journal::headers_after`].
    pub(super) fn headers_after(&self, archive: &Archive, locator: &[Hash]) -> Vec<Header> {
        let known = locator.iter().filter_map(|hash| archive.numbers.get(hash));
        let start = known.copied().find(|number| self.is_best(archive, *number));
        let height = start.map_or(0, |number| archive.record(number).header.height);
        let first = usize::try_from(height).unwrap_or(usize::MAX).saturating_add(1);
        let numbers = self.best.get(first..).unwrap_or_default().iter().take(HEADERS_MAX);
        numbers.map(|number| archive.record(*number).header).collect()
    }

    /// Returns the same as [`Journal::seen`].
    pub(super) fn seen(&self, archive: &Archive, index: usize, id: &MessageId) -> Vec<KnownIn> {
        let numbers = archive.messages.get(id).into_iter().flatten();
        let kept = numbers.copied().filter(|number| self.has_body(*number));
        let seen = kept.map(|number| {
            let ArchivedBlock { hash, header, .. } = archive.record(number);
            KnownIn { index, block: *hash, height: header.height, best: self.is_best(archive, number) }
        });
        seen.collect()
    }

    /// Returns the same as [`Journal::recall`].
    pub(super) fn recall(&self, archive: &Archive, recall: &StoreQuery) -> StoreReply {
        match recall {
            StoreQuery::LoadMmr(_) => self.journal(archive).recall(recall),
            StoreQuery::Bodies(hashes) => StoreReply::Bodies(
                hashes.iter().filter_map(|hash| self.body(archive, hash)).cloned().collect(),
            ),
        }
    }

    /// Returns the journal that this store stands for.
    pub(super) fn journal(&self, archive: &Archive) -> Journal {
        let mut journal = Journal::new(&archive.network);
        for kept in self.kept.iter().skip(1) {
            let ArchivedBlock { hash, header, total_work, body, history } = archive.record(kept / 2);
            let (hash, height) = (*hash, header.height);
            journal.apply(&[Change::Header { hash, header: *header, total_work: *total_work }]);
            if let Some((block, ids)) = body.as_ref().filter(|_| kept % 2 == 1) {
                journal.apply(&[Change::Body { hash, height, block: block.clone(), ids: Arc::clone(ids) }]);
            }
            if let Some(history) = history {
                journal.apply(&[Change::Checkpoint { height, hash, history: history.clone() }]);
            }
        }
        if let Some(hash) = self.best(archive).next_back().filter(|_| self.best.len() > 1) {
            let height = self.best.len() as u64 - 1;
            journal.apply(&[Change::Tip { hash: *hash, height, fork: 0 }]);
        }
        if !self.book.is_empty() {
            journal.apply(&[Change::Book { encoded: self.book.clone() }]);
        }
        for (id, message) in &self.pooled {
            journal.apply(&[Change::Pooled { id: *id, message: message.clone() }]);
        }
        journal
    }
}

#[cfg(test)]
mod tests {
    use super::super::rng::SimRng;
    use super::*;
    use crate::primitives::block::VERSION;

    /// Random trees of blocks go into both, and the best chain jumps about.
    #[test]
    fn agrees_with_a_journal() {
        let network = Network::dev();
        for seed in 0..20 {
            let mut rng = SimRng::new(seed);
            let (mut archive, mut store, mut other) =
                (Archive::new(&network), HostStore::new(), HostStore::new());
            let mut journal = Journal::new(&network);
            let mut blocks = vec![(*network.id(), *network.genesis(), Work::ZERO)];
            for _ in 0..60 {
                let &(prev_hash, below, work) = rng.pick(&blocks);
                let header = Header {
                    prev_hash,
                    content_root: Hash::from_bytes(rng.bytes32()),
                    version: VERSION,
                    height: below.height + 1,
                    ..below
                };
                let (hash, total_work) = (header.hash(), work.plus(Work::from_hashes(2)));
                let ids: Arc<[MessageId]> = Arc::from([Hash::of(&[u8::try_from(rng.below(20)).unwrap()])]);
                let header_change = Change::Header { hash, header, total_work };
                let (height, block) = (header.height, Bytes::copy_from_slice(hash.as_bytes()));
                let body_change = Change::Body { hash, height, block, ids };
                let mut changes = vec![header_change];
                if rng.below(4) > 0 {
                    changes.push(body_change);
                }
                let tip = *journal.best().last().unwrap();
                if height > journal.best().len() as u64 - 1 {
                    let mut fork = header;
                    while !journal.is_best(&fork.prev_hash) {
                        fork = journal.header(&fork.prev_hash).unwrap().0;
                    }
                    changes.push(Change::Tip { hash, height, fork: fork.height - 1 });
                }
                // In half of the cases another host has it first.
                if rng.below(2) == 0 {
                    other.apply(&mut archive, &changes[..1]);
                }
                store.apply(&mut archive, &changes);
                journal.apply(&changes);
                blocks.push((hash, header, total_work));
                assert!(store.best(&archive).eq(journal.best()), "seed {seed}");
                let locator = [hash, rng.pick(&blocks).0, tip];
                assert_eq!(store.headers_after(&archive, &locator), journal.headers_after(&locator));
                let unfolded = store.journal(&archive);
                assert_eq!(unfolded.best(), journal.best());
                for (hash, ..) in &blocks {
                    assert_eq!(store.body(&archive, hash), journal.body(hash));
                    assert_eq!(unfolded.header(hash), journal.header(hash));
                }
                for id in (0..20).map(|number| Hash::of(&[number])) {
                    assert_eq!(store.seen(&archive, 3, &id), journal.seen(3, &id));
                }
            }
            assert!(other.best(&archive).count() == 1);
        }
    }
}
