//! Proofs: a light node starts at the end of a proven chain, and downloads no header below it.

use super::{ConnectionId, LIGHT_BODIES, Node};
use crate::ledger::chain::{ChainEntry, Inserted};
use crate::ledger::validation::{MESSAGE_AHEAD_MS, check_clock};
use crate::node::event::Event;
use crate::node::storage::Change;
use crate::primitives::hash::Hash;
use crate::primitives::time::Now;
use crate::proof::chain_proof::Proven;
use crate::protocol::misbehavior::Misbehavior;
use crate::sync::message_relay::AssumedRange;

impl Node {
    pub(super) fn received_proof(
        &mut self,
        now: Now,
        peer: ConnectionId,
        bytes: &[u8],
    ) -> Result<(), Misbehavior> {
        let mut progress = self.blocks.headers.received_proof(now, peer, bytes, &mut self.chain)?;
        let proven = progress.proven.take();
        self.progressed(now, peer, progress);
        if let Some(proven) = proven {
            self.start_anew(now, &proven, bytes.len());
        }
        Ok(())
    }

    /// Switches to a proven chain. Its newest blocks are downloaded like any others, and their
    /// bodies are fully verified.
    fn start_anew(&mut self, now: Now, proven: &Proven, bytes: usize) {
        let old = self.chain.tip();
        let (deep, near) = proven.tail.split_at(self.assumed(proven, &old));
        let (Some(first), Some(last)) = (deep.first(), deep.last()) else { return };
        if check_clock(last, now.time).is_some() {
            return;
        }
        let undone = self.undone_by(proven);
        // A chain with an invalid block is not accepted, whatever its work.
        if self.chain.restart(proven.below.clone(), deep).is_err() {
            return;
        }
        let (fork, below) = (first.height - 1, first.prev_hash);
        let mut changes =
            vec![Change::Checkpoint { height: fork, hash: below, history: proven.below.clone() }];
        for header in deep {
            self.remember_header(&header.hash(), &mut changes);
        }
        let ChainEntry { hash, header, total_work } = self.chain.tip();
        changes.push(Change::Tip { hash, height: header.height, fork });
        self.outbox.persist(changes);
        self.blocks.reorg_count += 1;
        self.messages.assumed = AssumedRange { block: header.time, assumed_at: Some(now.time) };
        self.messages.pool.reverify_before(header.time.plus_ms(MESSAGE_AHEAD_MS));
        let (height, samples) = (header.height, proven.samples);
        self.outbox.tell(Event::Proven { height, hash, total_work, samples, bytes });
        if let Some(event) = undone {
            self.outbox.tell(event);
        }
        for header in near {
            if let Ok(Inserted::TimeTooNew { .. }) = self.chain.insert(*header, now.time) {
                self.blocks.keep_early(now, *header);
            }
        }
        self.leader_moved(now);
    }

    /// Returns the event for the blocks of ours that a proven chain lacks. Returns `None` if the
    /// proof shows no other block at the height of one of ours.
    fn undone_by(&self, proven: &Proven) -> Option<Event> {
        let below = proven.tail.first().map(|first| (first.height - 1, first.prev_hash));
        let tail = proven.tail.iter().map(|header| (header.height, header.hash()));
        let known: Vec<_> = proven.shown.iter().copied().chain(below).chain(tail).collect();
        let is_ours = |height: u64, hash: &Hash| self.chain.best_at(height) == Some(hash);
        let (mut fork, mut lowest) = (0, u64::MAX);
        for (height, hash) in &known {
            if is_ours(*height, hash) {
                fork = fork.max(*height);
            } else if self.chain.best_at(*height).is_some() {
                lowest = lowest.min(*height);
            }
        }
        // Headers of the new branch may be in the tree. They lead down to the fork.
        let mut beside = known.iter().rev().filter(|(height, hash)| !is_ours(*height, hash));
        let mut at = beside.find_map(|(_, hash)| self.chain.find(hash));
        while let Some(place) = at {
            if is_ours(place.header.height, &place.hash) {
                fork = fork.max(place.header.height);
                lowest = lowest.min(place.header.height + 1);
                break;
            }
            at = self.chain.find(&place.header.prev_hash);
        }
        let old = self.chain.tip();
        let heights = (lowest..=old.header.height).rev();
        let hashes: Vec<_> = heights.map_while(|height| self.chain.best_at(height).copied()).collect();
        let (height, total_work) = (old.header.height, old.total_work);
        let is_exact = lowest == fork.saturating_add(1);
        (!hashes.is_empty()).then_some(Event::Undone { fork, is_exact, hashes, height, total_work })
    }

    /// Returns the number of tail headers whose bodies are assumed valid. All but the newest are
    /// assumed, and at least enough of them that the tip's work does not fall.
    fn assumed(&self, proven: &Proven, old: &ChainEntry) -> usize {
        let mut work = proven.total_work().hashes();
        let newest = proven.tail.iter().skip(1).rev().take(LIGHT_BODIES);
        let near = newest.take_while(|header| {
            work = work.saturating_sub(header.work().hashes());
            work >= old.total_work.hashes()
        });
        proven.tail.len() - near.count()
    }
}
