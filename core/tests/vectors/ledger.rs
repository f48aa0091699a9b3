//! Blocks, their verdicts, and a whole chain.

use std::collections::BTreeSet;

use plexus_core::ledger::chain::{Chain, Inserted, TipUpdate};
use plexus_core::ledger::validation::{self, RuleError};
use plexus_core::primitives::block::{self, Block};
use plexus_core::primitives::encoding::DecodeError;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::{PublicKey, Signature};
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::time::Timestamp;
use serde::Deserialize;

use crate::{Dec, Fixed, Hex, each, read, time};

/// Returns the name of the error for bytes that are not a block within these caps.
fn refusal(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::Size { field: "block" | "block message count", .. } => "BlockTooLarge",
        DecodeError::Size { .. }
        | DecodeError::Short { .. }
        | DecodeError::Trailing { .. }
        | DecodeError::Utf8 { .. }
        | DecodeError::Value { .. } => "InvalidEncoding",
    }
}

#[test]
fn blocks() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
    enum Vector {
        Block(Box<Whole>),
        Refused { block_bytes_max: usize, block_messages_max: usize, encoding: Hex, rule: String },
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        network_id: Hash,
        history_root: Hash,
        header: Fixed<96>,
        extra: Dec<u64>,
        author: PublicKey,
        signature: Signature,
        messages: Vec<Hex>,
        encoding: Hex,
        hash: Hash,
        messages_root: Hash,
        author_digest: Hash,
        body_root: Hash,
        content_root: Hash,
    }
    each("block.json", |v: Vector| match v {
        Vector::Block(v) => {
            let block = Block::decode(&v.encoding.0).unwrap();
            assert_eq!((block.encode(), block.size()), (v.encoding.0.clone(), v.encoding.0.len()));
            assert_eq!(block.header.encode(), v.header.0);
            assert_eq!((block.extra, block.author, block.signature), (v.extra.0, v.author, v.signature));
            let messages: Vec<_> = block.messages.iter().map(|message| Hex(message.encode())).collect();
            assert_eq!(messages, v.messages);
            assert_eq!(block.header.hash(), v.hash);
            assert_eq!(block.messages_root(), v.messages_root);
            assert_eq!(block.digest(&v.network_id, &v.history_root, &v.messages_root), v.author_digest);
            assert!(v.author.verifies(&v.author_digest, &v.signature));
            assert_eq!(block.body_root(&v.messages_root), v.body_root);
            assert_eq!(block::content_root(&v.history_root, &v.body_root, v.extra.0), v.content_root);
            assert_eq!(block.header.content_root, v.content_root);
        }
        Vector::Refused { block_bytes_max, block_messages_max, encoding, rule } => {
            let error = Block::decode_within(&encoding.0, block_bytes_max, block_messages_max).unwrap_err();
            assert_eq!(refusal(&error), rule, "{error}");
        }
    });
}

/// A chain that is verified block by block, as in a node, and the ids in it.
struct Ledger {
    chain: Chain,
    ids: BTreeSet<MessageId>,
}

impl Ledger {
    fn replay(parameters: Parameters, blocks: &[Hex]) -> Self {
        let network = Network::new(parameters).expect("the parameters are legal");
        assert_eq!(blocks[0].0, network.genesis_block().encode());
        let mut ledger = Self { chain: Chain::new(network), ids: BTreeSet::new() };
        for block in &blocks[1..] {
            let block = ledger.decode(&block.0).expect("the blocks below are valid");
            let (hash, time) = (block.header.hash(), block.header.time);
            assert_eq!(ledger.judge(&block, time), BTreeSet::new());
            assert_eq!(ledger.chain.insert(block.header, time), Ok(Inserted::New { leads: true }));
            assert_eq!(ledger.chain.mark_validated(&hash), TipUpdate::Extended);
            let network = *ledger.chain.network().id();
            ledger.ids.extend(block.messages.iter().map(|message| message.id(&network)));
        }
        ledger
    }

    fn decode(&self, bytes: &[u8]) -> Result<Block, DecodeError> {
        let network = self.chain.network();
        Block::decode_within(bytes, network.block_bytes_max(), network.block_messages_max())
    }

    /// Returns the names of all rules that a block breaks as a child of the tip.
    fn judge(&self, block: &Block, now: Timestamp) -> BTreeSet<&'static str> {
        let (network, tip) = (self.chain.network(), self.chain.tip());
        let history_root = self.chain.history(&tip.hash).expect("the tip is in the tree").root();
        let header = &block.header;
        let mut failures =
            validation::check_header(network, &tip.header, &header.prev_hash, header, &header.hash());
        failures.extend(validation::check_clock(header, now));
        failures.extend(validation::check_contents(network, &history_root, block));
        let digest = block.digest(network.id(), &history_root, &block.messages_root());
        if !block.author.verifies(&digest, &block.signature) {
            failures.push(RuleError::AuthorSignature { author: block.author, found: block.signature });
        }
        for (index, message) in block.messages.iter().enumerate() {
            if !message.sender().verifies(&message.id(network.id()), message.signature()) {
                let (sender, found) = (*message.sender(), *message.signature());
                failures.push(RuleError::MessageSignature { index, sender, found });
            }
        }
        let ids: Vec<_> = block.messages.iter().map(|message| message.id(network.id())).collect();
        failures.extend(validation::check_repeats(&ids, |_, id| self.ids.contains(id)));
        if header.prev_hash != tip.hash {
            // Rules that depend on the parent cannot be checked without it.
            failures.retain(|failure| {
                matches!(
                    failure,
                    RuleError::Version { .. }
                        | RuleError::TimeTooNew { .. }
                        | RuleError::ProofOfWork { .. }
                        | RuleError::MessageSignature { .. }
                        | RuleError::MessageTime { .. }
                )
            });
            failures.push(RuleError::Parent { expected: tip.hash, found: header.prev_hash });
            if header.height > tip.header.height + 1 {
                failures.push(RuleError::ParentUnknown { found: header.prev_hash });
            }
        }
        failures.iter().map(RuleError::flag).collect()
    }
}

#[test]
fn blocks_are_judged_alike() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rules {
        description: String,
        network: Parameters,
        blocks: Vec<Hex>,
        vectors: Vec<Vector>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        title: String,
        now: Dec<u64>,
        block: Hex,
        failures: Vec<String>,
    }
    let file: Rules = read("rules.json");
    assert!(!file.description.is_empty() && file.vectors.len() > 30);
    let ledger = Ledger::replay(file.network, &file.blocks);
    for v in file.vectors {
        let found: Vec<_> = match ledger.decode(&v.block.0) {
            Ok(block) => ledger.judge(&block, time(v.now)).into_iter().collect(),
            Err(error) => vec![refusal(&error)],
        };
        assert_eq!(found, v.failures, "{}", v.title);
    }
}

#[test]
fn a_chain_is_verified_to_its_tip() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        description: String,
        network: Parameters,
        blocks: Vec<Hex>,
        tip: Hash,
        total_work: Dec<u128>,
    }
    let v: Vector = read("chain.json");
    assert!(!v.description.is_empty());
    let tip = Ledger::replay(v.network, &v.blocks).chain.tip();
    assert_eq!((tip.hash, tip.total_work), (v.tip, Work::from_hashes(v.total_work.0)));
    assert_eq!(tip.header.height + 1, v.blocks.len() as u64);
}
