//! The rules of the ledger, each written once: pure functions, called by node, miner, browser and
//! tests.
//!
//! Specified in PROTOCOL.md, "Rules".
//!
//! A check returns every broken rule, with the expected and the found value. A valid block gives an
//! empty list, which allocates nothing. A block's list is at most [`FAILURES_MAX`] long, whatever
//! the block.

use crate::primitives::block::{Block, HEADER_BYTES, Header, VERSION};
use crate::primitives::hash::Hash;
use crate::primitives::key::{PublicKey, Signature};
use crate::primitives::message::{Message, MessageId};
use crate::primitives::params::Network;
use crate::primitives::pow::{Bits, Target};
use crate::primitives::time::Timestamp;

/// The most milliseconds that a block's time may be ahead of the local clock.
pub const BLOCK_AHEAD_MS: u64 = 60_000;
/// The most milliseconds that a message may be older than its block.
pub const MESSAGE_AGE_MS: u64 = 86_400_000;
/// The most milliseconds that a message's time may be ahead of its block's.
pub const MESSAGE_AHEAD_MS: u64 = 60_000;
/// The most failures that a block's check lists. Further ones are left out.
pub const FAILURES_MAX: usize = 64;

/// A rule that a block breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// No block with the hash of its parent is known. PROTOCOL.md, "Rules: gap".
    #[error("parent {found} is not known")]
    ParentUnknown {
        /// The parent's hash, as the header names it.
        found: Hash,
    },
    /// Its parent is not the block that it was checked against.
    #[error("prev_hash: expected {expected}, found {found}")]
    Parent {
        /// The parent's hash.
        expected: Hash,
        /// The hash that the header names.
        found: Hash,
    },
    /// An ancestor broke a rule.
    #[error("follows the invalid block {ancestor}")]
    Ancestor {
        /// The invalid block.
        ancestor: Hash,
    },
    /// Its height is not its parent's plus one.
    #[error("number_of_block: expected {expected}, found {found}")]
    Height {
        /// The parent's height plus one.
        expected: u64,
        /// The header's.
        found: u64,
    },
    /// Its version is unknown.
    #[error("version: expected {VERSION}, found {found}")]
    Version {
        /// The header's.
        found: u32,
    },
    /// It is not later than its parent.
    #[error("timeStamp: expected later than {parent}, found {found}")]
    Time {
        /// The parent's time.
        parent: Timestamp,
        /// The header's.
        found: Timestamp,
    },
    /// It is too far ahead of the local clock. It is kept back, not rejected for good.
    #[error("timeStamp: expected at most {latest}, found {found}")]
    TimeTooNew {
        /// The latest time acceptable now.
        latest: Timestamp,
        /// The header's.
        found: Timestamp,
    },
    /// Its target does not follow from its parent.
    #[error("bits: expected {expected}, found {found}")]
    Bits {
        /// The bits that follow.
        expected: Bits,
        /// The header's.
        found: Bits,
    },
    /// Its hash is over its target.
    #[error("proof of work: expected a hash of at most {target}, found {hash}")]
    ProofOfWork {
        /// The target that follows from the parent.
        target: Target,
        /// The header's hash.
        hash: Hash,
    },
    /// Its header commits to other contents.
    #[error("content_root: expected {expected}, found {found}")]
    Content {
        /// The root of the block's contents.
        expected: Hash,
        /// The header's.
        found: Hash,
    },
    /// It is too large.
    #[error("size: expected at most {max} bytes, found {found}")]
    Size {
        /// The network's cap in bytes.
        max: usize,
        /// Its size in bytes.
        found: usize,
    },
    /// It has too many messages.
    #[error("messages: expected at most {max}, found {found}")]
    MessageCount {
        /// The network's cap.
        max: usize,
        /// The number of messages.
        found: usize,
    },
    /// Its signature is not its author's. PROTOCOL.md, "Rules: author".
    #[error("signature: expected one by the author {author}, found {found}")]
    AuthorSignature {
        /// The claimed author.
        author: PublicKey,
        /// The signature.
        found: Signature,
    },
    /// A message's signature is not its sender's. PROTOCOL.md, "Rules: senders".
    #[error("message {index}: expected a signature by its sender {sender}, found {found}")]
    MessageSignature {
        /// The message's index in the block.
        index: usize,
        /// The claimed sender.
        sender: PublicKey,
        /// The signature.
        found: Signature,
    },
    /// A message is too old or too new for its block.
    #[error("message {index}: expected a timeStamp from {earliest} to {latest}, found {found}")]
    MessageTime {
        /// The message's index in the block.
        index: usize,
        /// A day before the block.
        earliest: Timestamp,
        /// A minute after the block.
        latest: Timestamp,
        /// The message's time.
        found: Timestamp,
    },
    /// A message already occurs on its branch.
    #[error("message {index}: expected a new id, found {id} again")]
    MessageRepeated {
        /// The message's index in the block.
        index: usize,
        /// Its id.
        id: MessageId,
    },
}

impl RuleError {
    /// Returns the flag of the older system's block verify status that this failure raises, if it
    /// has one.
    pub fn flag(&self) -> &'static str {
        match self {
            Self::Parent { .. } => "PreviousHashBlockError",
            Self::ParentUnknown { .. } => "MissedBlock",
            Self::Height { .. } => "BlockNumber",
            Self::ProofOfWork { .. } => "InvalidBlockHash",
            Self::Content { .. } => "InvalidContentRoot",
            Self::AuthorSignature { .. } | Self::MessageSignature { .. } => "InvalidSignature",
            Self::Ancestor { .. } => "InvalidAncestor",
            Self::Version { .. } => "InvalidVersion",
            Self::Time { .. } => "TimeNotAfterParent",
            Self::TimeTooNew { .. } => "TimeTooFarAhead",
            Self::Bits { .. } => "InvalidBits",
            Self::Size { .. } | Self::MessageCount { .. } => "BlockTooLarge",
            Self::MessageTime { .. } => "MessageTimeOutOfRange",
            Self::MessageRepeated { .. } => "DuplicateMessage",
        }
    }

    /// Returns true if the same header may be valid later, so that sending it is no offence.
    pub fn may_pass_later(&self) -> bool {
        matches!(self, Self::TimeTooNew { .. } | Self::ParentUnknown { .. })
    }
}

/// Checks rules 1 to 3 and the proof of work: all rules that need only a header and its parent.
/// Returns the broken rules.
///
/// PROTOCOL.md, "Rules: parent", "Rules: height", "Rules: version", "Rules: order",
/// "Rules: difficulty".
///
/// ```
/// # use plexus_core::ledger::validation::{RuleError, check_header};
/// # use plexus_core::mining::search::grind;
/// # use plexus_core::{Header, Network};
/// let network = Network::dev();
/// let (genesis, id) = (network.genesis(), network.id());
/// let time = genesis.time.plus_ms(15_000);
/// let mut header = Header { prev_hash: *id, height: 1, time, ..*genesis };
/// header.nonce = grind(&header, 1 << 20).unwrap();
/// assert_eq!(check_header(&network, genesis, id, &header, &header.hash()), []);
///
/// let high = Header { height: 7, ..header };
/// let broken = check_header(&network, genesis, id, &high, &header.hash());
/// assert_eq!(broken, [RuleError::Height { expected: 1, found: 7 }]);
/// ```
pub fn check_header(
    network: &Network,
    parent: &Header,
    parent_hash: &Hash,
    header: &Header,
    hash: &Hash,
) -> Vec<RuleError> {
    let mut failures = Vec::new();
    if header.prev_hash != *parent_hash {
        failures.push(RuleError::Parent { expected: *parent_hash, found: header.prev_hash });
    }
    let expected = parent.height.saturating_add(1);
    if header.height != expected {
        failures.push(RuleError::Height { expected, found: header.height });
    }
    if header.version != VERSION {
        failures.push(RuleError::Version { found: header.version });
    }
    if header.time <= parent.time {
        failures.push(RuleError::Time { parent: parent.time, found: header.time });
    }
    let expected = network.next_bits(parent, header.time);
    if header.bits != expected {
        failures.push(RuleError::Bits { expected, found: header.bits });
    }
    // Bits that are not a target are reported above. There is no target to compare the hash with.
    if let Some(target) = header.bits.target().filter(|target| !target.is_met_by(hash)) {
        failures.push(RuleError::ProofOfWork { target, hash: *hash });
    }
    failures
}

/// Checks a header without its parent: its target is no easier than the network's limit, and its
/// hash meets it. Returns the broken rule.
///
/// PROTOCOL.md, "Rules: proof of work".
///
/// ```
/// use plexus_core::ledger::validation::{RuleError, check_own_work};
/// use plexus_core::{Hash, Network};
///
/// let (network, hash) = (Network::dev(), Hash::from_bytes([0xff; 32]));
/// let header = network.genesis();
/// assert_eq!(check_own_work(&network, header, &Hash::ZERO), None);
/// let target = network.limit();
/// let broken = check_own_work(&network, header, &hash);
/// assert_eq!(broken, Some(RuleError::ProofOfWork { target, hash }));
/// ```
pub fn check_own_work(network: &Network, header: &Header, hash: &Hash) -> Option<RuleError> {
    let (expected, found) = (network.parameters().limit_bits, header.bits);
    match header.bits.target().filter(|target| *target <= network.limit()) {
        None => Some(RuleError::Bits { expected, found }),
        Some(target) if !target.is_met_by(hash) => Some(RuleError::ProofOfWork { target, hash: *hash }),
        Some(_) => None,
    }
}

/// Checks the second half of rule 2: a header's time is not too far ahead of the local clock.
/// Returns an error if it is.
///
/// PROTOCOL.md, "Rules: clock".
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::ledger::validation::{BLOCK_AHEAD_MS, check_clock};
///
/// let header = *Network::dev().genesis();
/// let slow = header.time.minus_ms(BLOCK_AHEAD_MS);
/// assert_eq!(check_clock(&header, slow), None);
/// let early = check_clock(&header, slow.minus_ms(1)).unwrap();
/// assert!(early.may_pass_later(), "the same header is valid a moment later");
/// ```
pub fn check_clock(header: &Header, local: Timestamp) -> Option<RuleError> {
    let latest = local.plus_ms(BLOCK_AHEAD_MS);
    (header.time > latest).then_some(RuleError::TimeTooNew { latest, found: header.time })
}

/// The furthest that a block's time may lie ahead of a node's clock when the node takes it up, in
/// milliseconds.
pub const TAKE_AHEAD_MS: u64 = 5_000;

/// Returns the earliest time of its clock at which a node takes a header up. Until then the node
/// keeps it back.
///
/// PROTOCOL.md, "Fork choice".
pub fn time_to_take(header: &Header) -> Timestamp {
    header.time.minus_ms(TAKE_AHEAD_MS)
}

/// Checks that a node may take a header up now. Returns an error if it is too early.
///
/// This is stricter than [`check_clock`]: a block that is valid may still have to wait. So nobody
/// gains by stating a later time than the clock's.
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::ledger::validation::{TAKE_AHEAD_MS, check_clock, check_time_to_take};
///
/// let header = *Network::dev().genesis();
/// let slow = header.time.minus_ms(TAKE_AHEAD_MS);
/// assert_eq!(check_time_to_take(&header, slow), None);
/// assert!(check_time_to_take(&header, slow.minus_ms(1)).is_some());
/// assert_eq!(check_clock(&header, slow.minus_ms(1)), None, "it is valid all the same");
/// ```
pub fn check_time_to_take(header: &Header, local: Timestamp) -> Option<RuleError> {
    let latest = local.plus_ms(TAKE_AHEAD_MS);
    (header.time > latest).then_some(RuleError::TimeTooNew { latest, found: header.time })
}

/// Checks rule 4 without signatures, and the times of rule 5, by a block and the history below it.
/// Returns the broken rules.
///
/// `history_root` is the root over all headers below this block.
///
/// PROTOCOL.md, "Rules: content", "Rules: size".
///
/// ```
/// use plexus_core::ledger::validation::check_contents;
/// use plexus_core::{Hash, Network, SecretKey};
///
/// let (network, root) = (Network::dev(), Hash::of(b"the history below"));
/// let mut block = network.genesis_block();
/// block.seal(&SecretKey::from_bytes(&[7; 32]).unwrap(), network.id(), &root);
/// assert_eq!(check_contents(&network, &root, &block), []);
/// block.extra += 1;
/// assert_eq!(check_contents(&network, &root, &block)[0].flag(), "InvalidContentRoot");
/// ```
pub fn check_contents(network: &Network, history_root: &Hash, block: &Block) -> Vec<RuleError> {
    let mut failures = Vec::new();
    let body_root = block.body_root(&block.messages_root());
    let expected = crate::primitives::block::content_root(history_root, &body_root, block.extra);
    if block.header.content_root != expected {
        failures.push(RuleError::Content { expected, found: block.header.content_root });
    }
    let (max, found) = (network.block_bytes_max(), block.size());
    debug_assert!(found > HEADER_BYTES);
    if found > max {
        failures.push(RuleError::Size { max, found });
    }
    let (max, found) = (network.block_messages_max(), block.messages.len());
    if found > max {
        failures.push(RuleError::MessageCount { max, found });
    }
    let times = block.messages.iter().enumerate();
    failures
        .extend(times.filter_map(|(index, message)| check_message_time(index, message, block.header.time)));
    failures.truncate(FAILURES_MAX);
    failures
}

/// Checks the first half of rule 5: a message lies within a day before and a minute after its
/// block. Returns an error if not.
///
/// PROTOCOL.md, "Rules: message time".
///
/// ```
/// # use plexus_core::ledger::validation::{MESSAGE_AGE_MS, check_message_time};
/// # use plexus_core::primitives::message::Draft;
/// # use plexus_core::primitives::time::Timestamp;
/// # use plexus_core::{Network, SecretKey};
/// let alice = SecretKey::from_bytes(&[7; 32]).unwrap();
/// let time = Timestamp::from_unix_ms(1_767_225_600_000);
/// let draft = Draft::new(alice.public(), "bob", "hello", time).unwrap();
/// let message = draft.sign(&alice, Network::dev().id(), 0);
/// // A message may be a day old.
/// assert_eq!(check_message_time(0, &message, time.plus_ms(MESSAGE_AGE_MS)), None);
/// assert!(check_message_time(0, &message, time.plus_ms(MESSAGE_AGE_MS + 1)).is_some());
/// ```
pub fn check_message_time(index: usize, message: &Message, block: Timestamp) -> Option<RuleError> {
    let (earliest, latest) = (block.minus_ms(MESSAGE_AGE_MS), block.plus_ms(MESSAGE_AHEAD_MS));
    let found = message.time();
    let legal = (earliest..=latest).contains(&found);
    (!legal).then_some(RuleError::MessageTime { index, earliest, latest, found })
}

/// Checks the second half of rule 5: no id of `ids` occurs twice, or was `seen` below the block.
/// Returns the repeated ids as errors.
///
/// PROTOCOL.md, "Rules: once".
///
/// ```
/// use plexus_core::Hash;
/// use plexus_core::ledger::validation::{RuleError, check_repeats};
///
/// let [a, b] = [Hash::of(b"a"), Hash::of(b"b")];
/// assert_eq!(check_repeats(&[a, b], |_, _| false), []);
/// let twice = RuleError::MessageRepeated { index: 2, id: a };
/// assert_eq!(check_repeats(&[a, b, a], |_, _| false), [twice]);
/// let mined_before = RuleError::MessageRepeated { index: 1, id: b };
/// assert_eq!(check_repeats(&[a, b], |_, id| *id == b), [mined_before]);
/// ```
pub fn check_repeats(ids: &[MessageId], mut seen: impl FnMut(usize, &MessageId) -> bool) -> Vec<RuleError> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by_key(|&index| (ids[index], index));
    let mut repeated: Vec<usize> =
        order.windows(2).filter(|pair| ids[pair[0]] == ids[pair[1]]).map(|pair| pair[1]).collect();
    repeated.extend((0..ids.len()).filter(|&index| seen(index, &ids[index])));
    repeated.sort_unstable();
    repeated.dedup();
    repeated.truncate(FAILURES_MAX);
    repeated.into_iter().map(|index| RuleError::MessageRepeated { index, id: ids[index] }).collect()
}

#[cfg(test)]
mod tests;
