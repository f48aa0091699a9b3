//! The trace of a verification: a block from another node, checked rule by rule against the data of
//! this node.

use plexus_core::ledger::json;
use plexus_core::ledger::validation_trace::{Against, TraceStep, trace};
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::time::Now;
use serde::Serialize;

use super::Driver;
use crate::messages::UserError;

/// The place of a block, as far as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum TracedPosition {
    /// On the chain that was checked here.
    Chain,
    /// On another branch.
    Fork,
    /// Below the lowest block that is held here.
    Below,
    /// At no place that is known here.
    Unknown,
}

#[derive(Serialize)]
struct TraceView {
    block: json::BlockView,
    place: TracedPosition,
    steps: Vec<TraceStep>,
}

impl Driver {
    /// Returns the trace of an encoded block, as JSON. `hash` is the requested hash, if it was
    /// requested by hash.
    ///
    /// # Errors
    /// It is not a block, or is larger than the network's blocks can be.
    pub(crate) fn trace(&self, now: Now, encoded: &[u8], hash: &str) -> Result<String, UserError> {
        let (bytes_max, messages_max) = (self.network.block_bytes_max(), self.network.block_messages_max());
        let block = Block::decode_within(encoded, bytes_max, messages_max).map_err(UserError::because)?;
        let (chain, asked) = (self.node.chain(), hash.parse().ok());
        let (header, hash) = (&block.header, block.header.hash());
        let parent = chain.find(&header.prev_hash);
        let below = chain.history(&header.prev_hash).map(plexus_core::primitives::mmr::Mmr::root);
        let against = Against {
            parent: parent.as_ref(),
            history_root: below.as_ref(),
            hash: asked.as_ref(),
            clock: now.time,
        };
        let place = match chain.best_at(header.height) {
            Some(best) if *best == hash => TracedPosition::Chain,
            _ if chain.find(&hash).is_some() => TracedPosition::Fork,
            None if header.height < chain.lowest() => TracedPosition::Below,
            _ => TracedPosition::Unknown,
        };
        let steps = trace(&self.network, &block, against);
        let total_work = chain.find(&hash).map(|place| place.total_work).unwrap_or_default();
        let block = json::BlockView::new(&block, total_work, self.network.id());
        serde_json::to_string(&TraceView { block, place, steps }).map_err(UserError::because)
    }

    /// Returns true if the verified chain has this block of a proof file, false if it has another
    /// one at that height. Where the chain does not reach down to the block, it has it if it has the
    /// file's tip. Returns `None` otherwise.
    pub(crate) fn holds(&self, network: &str, block: (u64, Hash), tip: (u64, Hash)) -> Option<bool> {
        if self.network.id().to_string() != network {
            return None;
        }
        let chain = self.node.chain();
        let is_best = |(height, hash): (u64, Hash)| chain.best_at(height).map(|best| *best == hash);
        is_best(block).or_else(|| is_best(tip).filter(|is_best| *is_best))
    }
}
