//! Checks a store: the database's own checksums, and then the tables against each other. The file is
//! not changed.
//!
//! Each block of the best chain must be there, keep every rule but the signatures, and have its rows
//! in the other tables. The signatures were verified before the block was stored, and its hash
//! commits to them. Of a block whose body was deleted, the header and the two values that stay are
//! checked in place of the body. As in [`super::salvage`], the database may panic on a damaged page.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use plexus_core::node::storage::CHECKPOINT_BLOCKS;
use plexus_core::primitives::block::{Block, Header};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::{Message, MessageId};
use plexus_core::primitives::mmr::{Mmr, MmrNode, Position};
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Timestamp;
use redb::{ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use serde::{Deserialize, Serialize};

use super::memtable::{self, Memtable};
use super::mmr_nodes::{CHUNK, CHUNK_LEVEL, fold};
use super::snapshot::Snapshot;
use super::{StoreError, StoreResult, identity, salvage, table};
use crate::chain_file::verifier::ChainVerifier;

/// A time after that of all blocks: a stored block was not too new when it came.
const ANY_TIME: Timestamp = Timestamp::from_unix_ms(u64::MAX / 2);

/// A step of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// This part is read next.
    Begun {
        /// The part: `file` or a table.
        part: Cow<'static, str>,
    },
    /// The best chain is read up to a height.
    Height(u64),
    /// Damage was found.
    Damage {
        /// The part: `file` or a table.
        part: Cow<'static, str>,
        /// The height of the block that it concerns, if it concerns one.
        height: Option<u64>,
        /// The reason.
        reason: String,
    },
    /// All was read.
    Ended {
        /// The height of the best chain.
        tip: u64,
    },
}

/// Checks the store of a data folder. Passes on each step.
///
/// # Errors
/// The store cannot be read so far as to go on.
pub fn check(data: &Path, network: &Network, mut tell: impl FnMut(Checked)) -> StoreResult<()> {
    tell(Checked::Begun { part: "file".into() });
    let damage = |reason: String| Checked::Damage { part: "file".into(), height: None, reason };
    match salvage::open(data)?.check_integrity() {
        Ok(true) => {}
        Ok(false) => tell(damage("the pages and the list of free pages do not match".to_owned())),
        Err(error) => tell(damage(error.to_string())),
    }
    // A failed check makes the database unusable.
    let database = salvage::open(data)?;
    let transaction = database.begin_read()?;
    check_meta(&transaction, data, network)?;
    let view = Snapshot::new(&transaction, *network.id())?;
    let mut head = Memtable::default();
    tell(Checked::Begun { part: "message log".into() });
    for row in transaction.open_table(table::LOG)?.iter()? {
        head.extend(memtable::read_log_row(row?.1.value()));
    }
    let verifier = ChainVerifier::new(network.clone());
    let nodes = NodeCheck::default();
    let mut check = Check { view, head, verifier, nodes, tell: &mut tell };
    let tip = check.chain(network)?;
    check.rest(&transaction, network)?;
    tell(Checked::Ended { tip });
    Ok(())
}

fn check_meta(transaction: &ReadTransaction, data: &Path, network: &Network) -> StoreResult<()> {
    let meta = transaction.open_table(table::META)?;
    let value = |key| -> StoreResult<Vec<u8>> {
        Ok(meta.get(key)?.map(|value| value.value().to_vec()).unwrap_or_default())
    };
    identity::check_format(data, &value(table::FORMAT_KEY)?)?;
    identity::check_network(
        &transaction.open_table(table::HEADERS)?,
        data,
        &value(table::NETWORK_KEY)?,
        network.id(),
    )
}

struct Check<'a, F> {
    view: Snapshot,
    head: Memtable,
    verifier: ChainVerifier,
    nodes: NodeCheck,
    tell: &'a mut F,
}

impl<F: FnMut(Checked)> Check<'_, F> {
    fn damage(&mut self, part: &'static str, height: u64, reason: impl Into<String>) {
        (self.tell)(Checked::Damage { part: part.into(), height: Some(height), reason: reason.into() });
    }

    /// Checks the best chain from genesis up to its tip or the first block that is damaged. Returns
    /// the height of the last sound block.
    fn chain(&mut self, network: &Network) -> StoreResult<u64> {
        (self.tell)(Checked::Begun { part: "best".into() });
        let (tip, kept_from) = (self.view.last()?.0, self.view.kept_from()?);
        (self.tell)(Checked::Begun { part: if kept_from > 1 { "pruned" } else { "bodies" }.into() });
        for height in 0..=tip {
            if height.is_multiple_of(CHECKPOINT_BLOCKS) {
                (self.tell)(Checked::Height(height));
            }
            let Some(hash) = self.view.hash_at(height)? else {
                self.damage("best", height, "the row is missing");
                return Ok(height.saturating_sub(1));
            };
            if (1..kept_from).contains(&height) {
                match self.pruned_block(height, &hash)? {
                    Ok(header) => self.rows(network, height, &hash, &header, &[])?,
                    Err(reason) => {
                        self.damage("pruned", height, reason);
                        return Ok(height - 1);
                    }
                }
                continue;
            }
            if height == kept_from {
                (self.tell)(Checked::Begun { part: "bodies".into() });
            }
            let body = self.view.body_at(height, &hash)?;
            let block = match body.map(|body| Block::decode(&body)) {
                Some(Ok(block)) => block,
                Some(Err(error)) => {
                    self.damage("bodies", height, error.to_string());
                    return Ok(height.saturating_sub(1));
                }
                None => {
                    self.damage("bodies", height, "the block is missing");
                    return Ok(height.saturating_sub(1));
                }
            };
            if let Err(reason) = self.block(network, height, &hash, &block) {
                self.damage("bodies", height, reason);
                return Ok(height.saturating_sub(1));
            }
            self.rows(network, height, &hash, &block.header, &block.messages)?;
        }
        Ok(tip)
    }

    /// Checks a block by itself and against the one below it.
    fn block(&mut self, network: &Network, height: u64, hash: &Hash, block: &Block) -> Result<(), String> {
        if block.header.hash() != *hash {
            return Err(format!("the block is {}, not {hash}", block.header.hash()));
        }
        if height == 0 {
            let is_genesis = *block == network.genesis_block();
            return if is_genesis { Ok(()) } else { Err("it is not the genesis block".to_owned()) };
        }
        self.verifier.push(block, ANY_TIME, false).map(drop).map_err(|error| error.to_string())
    }

    /// Checks a block whose body was deleted by the values that stay. Returns its header, or the reason
    /// that it is damaged.
    fn pruned_block(&mut self, height: u64, hash: &Hash) -> StoreResult<Result<Header, String>> {
        let header = match self.view.header_at(height, hash) {
            Ok(Some((header, _))) => header,
            Ok(None) => return Ok(Err("the header is missing".to_owned())),
            Err(StoreError::Record { reason, .. }) => return Ok(Err(reason)),
            Err(error) => return Err(error),
        };
        let Some((body_root, extra)) = self.view.pruned_at(height)? else {
            return Ok(Err("the row is missing".to_owned()));
        };
        let pushed = self.verifier.push_pruned(header, &body_root, extra).map_err(|error| error.to_string());
        Ok(pushed.and_then(|found| match found == *hash {
            true => Ok(header),
            false => Err(format!("the header is that of {found}, not of {hash}")),
        }))
    }

    /// Checks the rows that a block of the best chain has in the other tables.
    fn rows(
        &mut self,
        network: &Network,
        height: u64,
        hash: &Hash,
        block: &Header,
        messages: &[Arc<Message>],
    ) -> StoreResult<()> {
        let total_work = self.verifier.history().work();
        match self.view.header_at(height, hash) {
            Ok(Some((header, work))) if header == *block && work == total_work => {}
            Ok(Some((header, _))) if header != *block => {
                self.damage("headers", height, "the header is not the block's");
            }
            Ok(Some((_, work))) => {
                self.damage("headers", height, format!("the total work is {work}, expected {total_work}"));
            }
            Ok(None) => self.damage("headers", height, "the row is missing"),
            Err(StoreError::Record { reason, .. }) => self.damage("headers", height, reason),
            Err(error) => return Err(error),
        }
        if self.view.height(hash)? != Some(height) {
            self.damage("heights", height, "the row is missing or has another height");
        }
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id(network.id())).collect();
        for id in ids {
            let is_row = |row: &(Hash, u64)| *row == (*hash, height);
            if !self.head.find(&id).any(|row| is_row(&row))
                && !self.view.find_in_table(&id)?.iter().any(is_row)
            {
                self.damage("messages", height, format!("message {id} is missing"));
            }
        }
        if height.is_multiple_of(CHECKPOINT_BLOCKS) {
            match self.view.checkpoint(height, hash)?.map(|record| Mmr::decode(&record)) {
                Some(Ok(found)) if found == *self.verifier.history() => {}
                Some(_) => self.damage("checkpoints", height, "the history is another one"),
                None => self.damage("checkpoints", height, "the row is missing"),
            }
        }
        let leaf = block.record(*hash);
        for (position, node) in self.nodes.push(leaf) {
            match self.view.node(position) {
                Ok(Some(found)) if found == node => {}
                Ok(Some(_)) | Err(StoreError::Record { .. }) => {
                    self.damage(
                        "nodes",
                        height,
                        format!("the node of level {} is another one", position.level),
                    );
                }
                Ok(None) => {
                    self.damage("nodes", height, format!("the node of level {} is missing", position.level));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Checks the rows that belong to no block of the best chain.
    fn rest(&mut self, transaction: &ReadTransaction, network: &Network) -> StoreResult<()> {
        (self.tell)(Checked::Begun { part: "heights".into() });
        let headers = transaction.open_table(table::HEADERS)?;
        let (rows, heights) = (headers.len()?, transaction.open_table(table::HEIGHTS)?.len()?);
        if rows != heights {
            let reason = format!("{heights} rows for {rows} headers");
            (self.tell)(Checked::Damage { part: "heights".into(), height: None, reason });
        }
        (self.tell)(Checked::Begun { part: "pooled".into() });
        for (id, message) in self.view.pooled()? {
            let found = Message::decode(&message).map(|message| message.id(network.id()));
            if found != Ok(id) {
                let reason = format!("message {id} is damaged");
                (self.tell)(Checked::Damage { part: "pooled".into(), height: None, reason });
            }
        }
        Ok(())
    }
}

/// The nodes that are stored over the blocks so far.
#[derive(Default)]
struct NodeCheck {
    leaves: Vec<MmrNode>,
    chunks: u64,
    /// The newest node of each level above the lowest that has no parent yet.
    open: Vec<Option<MmrNode>>,
}

impl NodeCheck {
    /// Adds a leaf. Returns the nodes that it completes.
    fn push(&mut self, leaf: MmrNode) -> Vec<(Position, MmrNode)> {
        self.leaves.push(leaf);
        let mut completed = Vec::new();
        if self.leaves.len() as u64 == CHUNK
            && let Some(mut node) = fold(&std::mem::take(&mut self.leaves), CHUNK_LEVEL)
        {
            let mut index = self.chunks;
            self.chunks += 1;
            for level in 0.. {
                let position =
                    Position { level: CHUNK_LEVEL + u32::try_from(level).unwrap_or(u32::MAX), index };
                completed.push((position, node));
                if self.open.len() == level {
                    self.open.push(None);
                }
                let Some(open) = self.open.get_mut(level) else { break };
                match open.take() {
                    Some(left) => node = MmrNode::parent(&left, &node),
                    None => {
                        *open = Some(node);
                        break;
                    }
                }
                index >>= 1;
            }
        }
        completed
    }
}
