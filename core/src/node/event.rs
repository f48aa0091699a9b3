//! Events: a record of changes for people and programs that watch. Nothing depends on them.

use core::time::Duration;
use std::sync::Arc;

use crate::ledger::validation::RuleError;
use crate::peers::chain_status::Agreement;
use crate::primitives::block::Block;
use crate::primitives::hash::Hash;
use crate::primitives::key::PublicKey;
use crate::primitives::message::{MessageId, VerifiedMessage};
use crate::primitives::pow::Work;
use crate::protocol::connection::ConnectionId;
use crate::protocol::misbehavior::{Misbehavior, Reason};
use crate::protocol::packet::Role;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A verified block joined the best chain; on a reorganisation once for each block, after [`Event::Undone`].
    Connected {
        /// Its hash.
        hash: Hash,
        /// The block.
        block: Arc<Block>,
        /// The sum of work up to and with it.
        total_work: Work,
        /// Whether this node mined it.
        mined_here: bool,
    },
    /// The tip moved over headers whose bodies were not asked for (light nodes, below the newest blocks).
    Assumed {
        /// The tip's height now.
        height: u64,
        /// The tip's hash.
        hash: Hash,
        /// The sum of work up to it.
        total_work: Work,
    },
    /// The tip moved to a chain that was proven (light nodes): all its work, and the headers that its end consists of.
    Proven {
        /// The tip's height.
        height: u64,
        /// The tip's hash.
        hash: Hash,
        /// The sum of work up to it.
        total_work: Work,
        /// How many points of the work below were shown.
        samples: usize,
        /// The proof's size.
        bytes: usize,
    },
    /// A full node verified a block that a peer announced: how long that took.
    Arrived {
        /// Its hash.
        hash: Hash,
        /// From the miner's time in its header to the first announcement that came here, milliseconds: both clocks' errors
        /// are in it, and it is 0 when the miner's clock is ahead by more.
        age_ms: u64,
        /// From the first announcement to the verified body.
        waited: Duration,
    },
    /// An announced header keeps all rules, on a branch that does not lead; its body may never be asked for (full nodes).
    Stale {
        /// Its hash.
        hash: Hash,
        /// Its height.
        height: u64,
    },
    /// A header was announced whose parent is not known (full nodes).
    Orphan {
        /// The peer that announced it.
        peer: ConnectionId,
        /// Its hash.
        hash: Hash,
    },
    /// Blocks left the best chain.
    Undone {
        /// The height of the last block that is known to stay.
        fork: u64,
        /// Whether the block above `fork` is known to have left. False where a light node goes over to a proven chain and the proof
        /// leaves open where between `fork` and the lowest of `hashes` the branches part.
        is_exact: bool,
        /// The blocks that are known to have left, as far as the node remembers them: the tip first, then each one below.
        hashes: Vec<Hash>,
        /// The height of the tip that left.
        height: u64,
        /// The sum of work up to the tip that left.
        total_work: Work,
    },
    /// A block was refused.
    Refused {
        /// The peer that sent it. `None` if it was read from the node's own store.
        peer: Option<ConnectionId>,
        /// Its hash.
        hash: Hash,
        /// Its height, as it says.
        height: u64,
        /// Every rule that it breaks.
        failures: Vec<RuleError>,
    },
    /// A message joined the pool, or a copy with more stamp work did.
    Pooled(VerifiedMessage),
    /// A message was evicted from the full pool: others have more stamp work per byte.
    Dropped {
        /// Its id.
        id: MessageId,
    },
    /// A peer completed the handshake.
    PeerUp {
        /// The peer.
        peer: ConnectionId,
        /// Its key.
        key: PublicKey,
        /// Its role: full or light.
        role: Role,
    },
    /// A peer is gone.
    PeerDown {
        /// The peer.
        peer: ConnectionId,
    },
    /// A peer has had another chain than ours, or the lower part of ours, for
    /// [`crate::peers::chain_status::LASTING`].
    Disagrees {
        /// The peer.
        peer: ConnectionId,
        /// How its chain stands to ours.
        agreement: Agreement,
        /// The height of the last block that it told of.
        height: u64,
    },
    /// A peer offended, and is closed.
    Faulted {
        /// The peer.
        peer: ConnectionId,
        /// Its misbehavior.
        fault: Misbehavior,
    },
    /// A connection is refused or given up without an offence.
    Closing {
        /// The peer.
        peer: ConnectionId,
        /// Why.
        reason: Reason,
    },
    /// All peers that have the next block deleted its body, so synchronization waits for a peer that
    /// is an archive. Told once, when it begins.
    Lacking {
        /// The height of the block.
        height: u64,
    },
    /// Synchronization got on, or is complete.
    Synchronizing {
        /// The tip's height.
        height: u64,
        /// The height that is aimed at; equal when complete.
        target: u64,
    },
}
