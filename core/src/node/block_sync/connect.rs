//! Connecting: moves the tip over validated blocks, and records the changes to store.

use crate::ledger::chain::{ChainEntry, TipUpdate};
use crate::ledger::signature_batch::KnownIn;
use crate::ledger::validation::{self, RuleError};
use crate::node::block_sync::{BlockSync, NEAR_TIP_BLOCKS, PeerMisbehavior};
use crate::node::context::Context;
use crate::node::storage::{CHECKPOINT_BLOCKS, Change};
use crate::primitives::hash::Hash;
use crate::protocol::misbehavior::Misbehavior;
use crate::sync::block_download::{DownloadedBody, ValidatedBody};
use crate::sync::headers::LIGHT_BODIES;

/// A block that was connected to its branch.
#[derive(Debug)]
pub(crate) struct ConnectedBlock {
    pub(crate) body: DownloadedBody,
    /// The effect on the tip, which may have moved to another branch than the block's.
    pub(crate) update: TipUpdate,
    /// The tip before.
    pub(crate) old: ChainEntry,
}

impl BlockSync {
    /// Returns true if the next block of the best branch waits only to be connected.
    pub(crate) fn is_next_ready(&self, cx: &Context<'_>) -> bool {
        cx.chain.missing_blocks().next().is_some_and(|lowest| self.download.is_ready(lowest))
    }

    /// Removes and returns the next block of the best branch, if its body is validated.
    pub(crate) fn take_next(&mut self, cx: &Context<'_>) -> Option<ValidatedBody> {
        let lowest = *cx.chain.missing_blocks().next()?;
        self.download.take_ready(&lowest)
    }

    /// Removes and returns another block on the tip, if its body is validated. The node does not
    /// wait for the best header's body if the body of a rival is there.
    pub(crate) fn take_rival(&mut self, cx: &Context<'_>) -> Option<ValidatedBody> {
        let tip = cx.chain.tip().hash;
        let is_near = cx.chain.missing_blocks().len() <= NEAR_TIP_BLOCKS;
        is_near.then(|| self.download.take_ready_on(&tip)).flatten()
    }

    /// Checks that a block whose signatures are valid repeats no messages. Returns its body to
    /// connect.
    ///
    /// # Errors
    /// The peer that sent a block with repeated messages, and its misbehavior. `None` if the store is
    /// asked about the block's messages again, because the best chain has changed.
    pub(crate) fn check_repeats(
        &mut self,
        cx: &mut Context<'_>,
        ready: ValidatedBody,
        changes: &mut Vec<Change>,
    ) -> Result<DownloadedBody, Option<PeerMisbehavior>> {
        if ready.body.reorg_count != self.reorg_count {
            // The best chain changed since the store was asked about these ids.
            let body = DownloadedBody { reorg_count: self.reorg_count, ..ready.body };
            self.verify_body(cx, body, Vec::new());
            return Err(None);
        }
        let repeats = self.find_repeats(cx, &ready);
        if let Some(error) = repeats.first().cloned() {
            let (hash, height, peer) = (ready.body.hash, ready.body.block.header.height, ready.body.peer);
            cx.outbox.persist(core::mem::take(changes));
            self.refuse_block(cx, &hash, height, peer, repeats, true);
            let misbehavior = Misbehavior::InvalidBlock { hash, error: Box::new(error) };
            return Err(peer.map(|peer| (peer, misbehavior)));
        }
        Ok(ready.body)
    }

    /// Returns violations of the second half of rule 5: ids that repeat within the block or occur
    /// in a block below it.
    fn find_repeats(&self, cx: &Context<'_>, ready: &ValidatedBody) -> Vec<RuleError> {
        let parent = ready.body.block.header.prev_hash;
        let fork = cx.chain.fork_below(&parent);
        let is_below = |seen: &KnownIn| {
            if cx.chain.find(&seen.block).is_some() {
                cx.chain.is_ancestor(&seen.block, &parent)
            } else {
                seen.best && seen.height <= fork
            }
        };
        let mut seen = ready.seen.iter().peekable();
        validation::check_repeats(&ready.body.ids, |index, id| {
            let mut found = false;
            while let Some(next) = seen.next_if(|seen| seen.index <= index) {
                found |= next.index == index && is_below(next);
            }
            found || self.recent.is_below(cx.chain, id, &parent)
        })
    }

    /// Connects a valid block to its branch, which may become the best chain.
    pub(crate) fn connect(
        &mut self,
        cx: &mut Context<'_>,
        body: DownloadedBody,
        changes: &mut Vec<Change>,
    ) -> ConnectedBlock {
        let old = cx.chain.tip();
        let update = cx.chain.mark_validated(&body.hash);
        self.last_progress = cx.now.moment;
        self.lacking = self.lacking.filter(|(_, lacking)| *lacking != body.hash);
        record_header(cx, &body.hash, changes);
        let (hash, height) = (body.hash, body.block.header.height);
        if cx.is_full() {
            changes.push(Change::Body { hash, height, block: body.encoded.clone(), ids: body.ids.clone() });
        }
        record_tip(cx, &update, changes);
        self.recent.put(hash, body.encoded.clone(), &body.ids);
        self.count_reorg(&update);
        ConnectedBlock { body, update, old }
    }

    /// Lets a light node assume the next block of the best branch valid by its header, if it is
    /// deep. Returns the effect on the tip.
    pub(crate) fn assume_next(
        &mut self,
        cx: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Option<TipUpdate> {
        if cx.chain.missing_blocks().len() <= LIGHT_BODIES {
            return None;
        }
        let (hash, update) = cx.chain.assume_valid()?;
        record_header(cx, &hash, changes);
        record_tip(cx, &update, changes);
        self.count_reorg(&update);
        Some(update)
    }

    fn count_reorg(&mut self, update: &TipUpdate) {
        self.reorg_count += u64::from(matches!(update, TipUpdate::Reorged { .. }));
    }
}

/// Records a header, and the history at every [`CHECKPOINT_BLOCKS`] blocks.
pub(super) fn record_header(cx: &Context<'_>, hash: &Hash, changes: &mut Vec<Change>) {
    let Some(ChainEntry { header, total_work, .. }) = cx.chain.find(hash) else { return };
    changes.push(Change::Header { hash: *hash, header, total_work });
    if header.height % CHECKPOINT_BLOCKS == 0
        && let Some(history) = cx.chain.history(hash)
    {
        changes.push(Change::Checkpoint { height: header.height, hash: *hash, history: history.clone() });
    }
}

/// Records where the tip moved to, if it did.
fn record_tip(cx: &Context<'_>, update: &TipUpdate, changes: &mut Vec<Change>) {
    let ChainEntry { hash, header, .. } = cx.chain.tip();
    let fork = match update {
        TipUpdate::Side => return,
        TipUpdate::Extended => header.height.saturating_sub(1),
        TipUpdate::Reorged { fork, .. } => *fork,
    };
    changes.push(Change::Tip { hash, height: header.height, fork });
}
