//! Restoring: loads the stored chain, or the part of it that is sound.
//!
//! Everything in the store was verified before it was written, so only damage from outside is
//! looked for. The newest [`WINDOW_MAX`] headers must keep every rule that headers alone can show.
//! The newest [`BODIES_CHECKED`] blocks must match their headers, unless their bodies were deleted. The best chain is cut off below
//! the lowest damage, and the node fetches the rest again.

use plexus_core::ledger::chain::{Chain, RestoreError, WINDOW_MAX};
use plexus_core::primitives::block::{Block, content_root};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::params::Network;

use super::snapshot::Snapshot;
use super::{Store, StoreError, StoreResult};

/// The number of newest blocks that are read again. If the lowest of them is damaged, twice that
/// number is read, and so on.
pub const BODIES_CHECKED: u64 = 64;

impl Store {
    /// Returns the chain as it was when the last change was applied.
    ///
    /// Damaged blocks are cut off, with an error in the log. A node fetches them again from its
    /// peers.
    ///
    /// # Errors
    /// The disk fails.
    pub fn restore(&self, network: &Network) -> StoreResult<Chain> {
        loop {
            let view = self.view()?;
            let tip = view.last()?.0;
            let damage = match try_restore(&view, network, tip)? {
                Ok(chain) => match damaged_body(&view, &chain, tip)? {
                    None => return Ok(chain),
                    Some(damage) => damage,
                },
                Err(damage) => damage,
            };
            drop(view);
            if tip == 0 {
                return Err(StoreError::Record {
                    what: "genesis",
                    key: network.id().to_string(),
                    reason: damage.reason,
                });
            }
            let keep = damage.height.min(tip).saturating_sub(1);
            tracing::error!(%damage, tip, keep, "the best chain is cut off below the damage and fetched anew");
            self.truncate(keep, network)?;
        }
    }

    fn truncate(&self, height: u64, network: &Network) -> StoreResult<()> {
        let id = network.id();
        self.write_merging(true, |writer| {
            writer.truncate(height, |body| message_ids(body, id))?;
            if height == 0 { writer.genesis(network) } else { Ok(()) }
        })
    }
}

/// Returns the ids of a block's messages. Returns an empty list if the block cannot be read. Its
/// messages then stay in the index, where they lead nowhere.
fn message_ids(body: &[u8], network: &Hash) -> Vec<MessageId> {
    let messages = Block::decode(body).map(|block| block.messages).unwrap_or_default();
    messages.iter().map(|message| message.id(network)).collect()
}

fn try_restore(
    view: &Snapshot,
    network: &Network,
    tip: u64,
) -> StoreResult<std::result::Result<Chain, RestoreError>> {
    let (history, headers) = view.span(tip.saturating_sub(WINDOW_MAX as u64), tip)?;
    let next = history.leaves() + headers.len() as u64;
    let chain = Chain::restore(network.clone(), history, &headers);
    Ok(chain.and_then(|chain| match next > tip {
        true => Ok(chain),
        false => Err(RestoreError { height: next, reason: "the header is missing".to_owned() }),
    }))
}

/// Returns the lowest damaged block among the newest ones, if there is any.
fn damaged_body(view: &Snapshot, chain: &Chain, tip: u64) -> StoreResult<Option<RestoreError>> {
    let mut count = BODIES_CHECKED;
    let first = view.kept_from()?.max(1);
    loop {
        let lowest = tip.saturating_sub(count - 1).max(first);
        let mut damage = None;
        for height in lowest..=tip {
            let Some(hash) = chain.best_at(height) else { continue };
            if let Some(reason) = body_damage(view, chain, height, hash)? {
                damage = Some(RestoreError { height, reason });
                break;
            }
        }
        let reaches = chain.best_at(lowest).is_some() && lowest > first;
        match damage {
            Some(damage) if damage.height == lowest && reaches => count *= 2,
            Some(_) | None => return Ok(damage),
        }
    }
}

/// Returns the difference between a block and its header's commitment, if there is any.
fn body_damage(view: &Snapshot, chain: &Chain, height: u64, hash: &Hash) -> StoreResult<Option<String>> {
    let Some(place) = chain.find(hash) else { return Ok(None) };
    let Some(history) = chain.history(&place.header.prev_hash) else { return Ok(None) };
    let Some(body) = view.body_at(height, hash)? else { return Ok(Some("the block is missing".to_owned())) };
    let block = match Block::decode(&body) {
        Ok(block) => block,
        Err(error) => return Ok(Some(error.to_string())),
    };
    if block.header != place.header {
        return Ok(Some("the block has another header".to_owned()));
    }
    let found = content_root(&history.root(), &block.body_root(&block.messages_root()), block.extra);
    let sound = found == place.header.content_root;
    Ok((!sound).then(|| format!("content_root: expected {}, found {found}", place.header.content_root)))
}
