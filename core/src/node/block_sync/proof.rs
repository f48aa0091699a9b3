//! Proofs: a light node starts at the end of a proven chain, and downloads no header below it.

use crate::ledger::chain::{Chain, ChainEntry, Inserted};
use crate::ledger::fork_choice::{self, BranchEnd};
use crate::ledger::validation::check_time_to_take;
use crate::node::block_sync::BlockSync;
use crate::node::block_sync::connect::record_header;
use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::storage::Change;
use crate::primitives::hash::Hash;
use crate::primitives::pow::Work;
use crate::primitives::time::Timestamp;
use crate::proof::chain_proof::Proven;
use crate::protocol::connection::ConnectionId;
use crate::protocol::misbehavior::Misbehavior;
use crate::sync::headers::LIGHT_BODIES;

/// The effect of a valid proof.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProofProgress {
    /// True if the best header moved.
    pub(crate) has_moved: bool,
    /// The time of the newest block whose body was assumed valid, if the node switched to the proven
    /// chain.
    pub(crate) assumed: Option<Timestamp>,
}

impl BlockSync {
    /// Handles a requested proof.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_proof(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        bytes: &[u8],
    ) -> Result<ProofProgress, Misbehavior> {
        let mut progress = self.headers.received_proof(cx.now, peer, bytes, cx.chain)?;
        let proven = progress.proven.take();
        let has_moved = self.progressed(cx, peer, progress);
        let assumed = proven.and_then(|proven| self.switch_to(cx, &proven, bytes.len()));
        Ok(ProofProgress { has_moved: has_moved || assumed.is_some(), assumed })
    }

    /// Switches to a proven chain. Its newest blocks are downloaded like any others, and their
    /// bodies are fully verified. Returns the time of the newest block whose body is assumed valid,
    /// or `None` if the node does not switch.
    fn switch_to(&mut self, cx: &mut Context<'_>, proven: &Proven, bytes: usize) -> Option<Timestamp> {
        let old = cx.chain.tip();
        let (deep, near) = proven.tail.split_at(count_assumed(proven, &old));
        let (Some(first), Some(last)) = (deep.first(), deep.last()) else { return None };
        if check_time_to_take(last, cx.now.time).is_some() {
            return None;
        }
        let undone = undone_by(cx.chain, proven);
        // A chain with an invalid block is not accepted, whatever its work.
        if cx.chain.restart(proven.below.clone(), deep).is_err() {
            return None;
        }
        let (fork, below) = (first.height - 1, first.prev_hash);
        let mut changes =
            vec![Change::Checkpoint { height: fork, hash: below, history: proven.below.clone() }];
        for header in deep {
            record_header(cx, &header.hash(), &mut changes);
        }
        let ChainEntry { hash, header, total_work } = cx.chain.tip();
        changes.push(Change::Tip { hash, height: header.height, fork });
        cx.outbox.persist(changes);
        self.reorg_count += 1;
        let (height, time, samples) = (header.height, header.time, proven.samples);
        cx.outbox.emit(Event::Proven { height, hash, total_work, samples, bytes });
        if let Some(event) = undone {
            cx.outbox.emit(event);
        }
        for header in near {
            if let Ok(Inserted::TimeTooNew { .. }) = cx.chain.insert(*header, cx.now.time) {
                self.keep_early(cx.now, *header);
            }
        }
        Some(time)
    }
}

/// Returns the event for the blocks of ours that a proven chain lacks. Returns `None` if the
/// proof shows no other block at the height of one of ours.
fn undone_by(chain: &Chain, proven: &Proven) -> Option<Event> {
    let below = proven.tail.first().map(|first| (first.height - 1, first.prev_hash));
    let tail = proven.tail.iter().map(|header| (header.height, header.hash()));
    let known: Vec<_> = proven.shown.iter().copied().chain(below).chain(tail).collect();
    let is_ours = |height: u64, hash: &Hash| chain.best_at(height) == Some(hash);
    let (mut fork, mut lowest) = (0, u64::MAX);
    for (height, hash) in &known {
        if is_ours(*height, hash) {
            fork = fork.max(*height);
        } else if chain.best_at(*height).is_some() {
            lowest = lowest.min(*height);
        }
    }
    // Headers of the new branch may be in the tree. They lead down to the fork.
    let mut beside = known.iter().rev().filter(|(height, hash)| !is_ours(*height, hash));
    let mut at = beside.find_map(|(_, hash)| chain.find(hash));
    while let Some(place) = at {
        if is_ours(place.header.height, &place.hash) {
            fork = fork.max(place.header.height);
            lowest = lowest.min(place.header.height + 1);
            break;
        }
        at = chain.find(&place.header.prev_hash);
    }
    let old = chain.tip();
    let heights = (lowest..=old.header.height).rev();
    let hashes: Vec<_> = heights.map_while(|height| chain.best_at(height).copied()).collect();
    let (height, total_work) = (old.header.height, old.total_work);
    let is_exact = lowest == fork.saturating_add(1);
    (!hashes.is_empty()).then_some(Event::Undone { fork, is_exact, hashes, height, total_work })
}

/// Returns the number of tail headers whose bodies are assumed valid. All but the newest are
/// assumed, and at least enough of them that their branch replaces the old tip's.
fn count_assumed(proven: &Proven, old: &ChainEntry) -> usize {
    let (mut work, mut assumed) = (proven.total_work().hashes(), proven.tail.len());
    for _ in 0..LIGHT_BODIES {
        let [.., before, last] = &proven.tail[..assumed] else { break };
        let left = work.saturating_sub(last.work().hashes());
        let end = BranchEnd { total_work: Work::from_hashes(left), tip_work: before.work() };
        if before.hash() != old.hash && !fork_choice::replaces(end, *old) {
            break;
        }
        (work, assumed) = (left, assumed - 1);
    }
    assumed
}
