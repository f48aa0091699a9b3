//! The API's description in [OpenAPI](https://spec.openapis.org/oas/latest.html), gathered from the
//! routes.
//!
//! The JSON forms of blocks and messages belong to core, which knows nothing of HTTP. They are
//! described here once more, and a test checks that the two agree.

use utoipa::openapi::OpenApi as Document;
use utoipa::{OpenApi, ToSchema};

/// Returns the whole description.
pub fn document() -> Document {
    Api::openapi()
}

/// A proof-of-work ledger of signed messages.
///
/// Numbers that may exceed 2^53 are decimal strings, times are RFC 3339, bytes are hex. Every error
/// is `{error: {code, message}}`.
#[derive(OpenApi)]
#[openapi(
    info(title = "Plexus", license(name = "MIT OR Apache-2.0")),
    paths(
        crate::api::status,
        crate::api::network,
        crate::api::blocks::list,
        crate::api::blocks::show,
        crate::api::messages::list,
        crate::api::messages::show,
        crate::api::messages::submit,
        crate::api::proof::show,
        crate::api::keys::show,
        crate::api::peers,
        crate::api::graph::show,
        crate::api::events::stream,
        crate::api::export::stream,
        crate::api::document,
        crate::app::health,
        crate::metrics::show,
        crate::legacy::chain::show,
    ),
    tags((name = "ledger", description = "Blocks and messages"), (name = "node", description = "This node"),
        (name = "older system", description = "What the older system's clients use"))
)]
struct Api;

/// A network's parameters.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
#[schema(example = json!({ "name": "plexus", "limit_bits": "0x1e100000" }))]
pub(crate) struct Parameters {
    /// 1 to 32 of a–z, 0–9 and `-`.
    pub name: String,
    /// The genesis block's time in unix milliseconds.
    pub genesis_time: u64,
    /// The target interval between blocks in milliseconds.
    pub spacing_ms: u64,
    /// The delay of a block that halves the difficulty, in milliseconds. 0 keeps it constant.
    pub half_life_ms: u64,
    /// The easiest target, in compact form and in hex.
    pub limit_bits: String,
    /// The most bytes of an encoded block.
    pub block_bytes_max: u32,
    /// The most messages of a block.
    pub block_messages_max: u32,
}

/// A message.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct Message {
    /// The message's id.
    pub id: String,
    /// The sender's key, 66 hex digits.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The text.
    pub text: String,
    /// The time when it was written, RFC 3339.
    #[schema(rename = "timeStamp")]
    pub time_stamp: String,
    /// The same time in unix milliseconds. The id is computed from this one.
    pub time_unix_ms: u64,
    /// The stamp, as a decimal string.
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    pub signature: String,
    /// The form for people: `From <sender> to <recipient>, <text>`.
    pub message: String,
}

/// A signed message to submit.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct Submission {
    /// The sender's key, 66 hex digits.
    pub sender: String,
    /// The recipient, at most 128 bytes.
    #[schema(required = false)]
    pub recipient: String,
    /// The text, 1 to 4,096 bytes.
    pub text: String,
    /// The time when it was written, in unix milliseconds.
    pub time_unix_ms: u64,
    /// The stamp, as a decimal string.
    #[schema(required = false)]
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    pub signature: String,
}

/// A message and its position in the ledger.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct MessageStatus {
    #[schema(inline)]
    #[serde(flatten)]
    pub base: Message,
    /// True if it waits in the mempool.
    pub pending: bool,
    /// The height of its block, once it is in one.
    pub number_of_block: Option<u64>,
    /// The hash of its block, once it is in one.
    pub block: Option<String>,
    /// The work of its block and of all blocks above, as a decimal string, once it is in a block.
    pub work_above: Option<String>,
}

/// The proof file of a message, which `plexus verify` reads. The protocol's specification describes
/// its verification.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct Proof {
    /// The version of this form: 1.
    pub version: u32,
    /// The network's parameters.
    pub network: Parameters,
    /// The message.
    pub message: ProofMessage,
    /// Its index in the block, from 0.
    pub index: u16,
    /// The number of messages in the block.
    pub count: u16,
    /// The sibling hashes on the message's path to the messages root, from the bottom.
    pub siblings: Vec<String>,
    /// The block without its messages.
    pub block: ProofBlock,
    /// The sibling nodes on the block's path to the MMR peak over it, from the bottom.
    pub path: Vec<ProofRecord>,
    /// The chain proof, in hex.
    pub chain: String,
}

/// The fields of a message's encoding.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct ProofMessage {
    /// The sender's key, 66 hex digits.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The text.
    pub text: String,
    /// The time when it was written, in unix milliseconds.
    pub time_unix_ms: u64,
    /// The stamp, as a decimal string.
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    pub signature: String,
}

/// A block's header, and the body's commitments apart from the messages.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct ProofBlock {
    /// The parent's hash.
    pub prev_hash: String,
    /// The commitment to the history below the block and to its contents.
    pub content_root: String,
    /// The header's version.
    pub version: u32,
    /// The height.
    pub number_of_block: u64,
    /// The time when it was mined, in unix milliseconds.
    pub time_unix_ms: u64,
    /// The target in compact form, as `0x1e100000`.
    pub bits: String,
    /// The nonce, as a decimal string.
    pub nonce: String,
    /// The miner's free number, as a decimal string.
    pub extra: String,
    /// The miner's key.
    pub author: String,
    /// The author's signature.
    pub signature: String,
}

/// A node of the MMR.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct ProofRecord {
    /// A header's hash, or the hash of a parent's two children.
    pub hash: String,
    /// The sum of work, as a decimal string.
    pub work: String,
    /// The last header's time in unix milliseconds.
    pub time_unix_ms: u64,
    /// The last header's bits, as `0x1e100000`.
    pub bits: String,
}

/// A block with its messages.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct Block {
    /// The block's hash.
    pub hash: String,
    /// The parent's hash.
    pub prev_hash: String,
    /// The height.
    pub number_of_block: u64,
    /// The time when it was mined, RFC 3339.
    #[schema(rename = "timeStamp")]
    pub time_stamp: String,
    /// The same time in unix milliseconds.
    pub time_unix_ms: u64,
    /// The header's version.
    pub version: u32,
    /// The nonce, as a decimal string.
    pub nonce: String,
    /// The miner's free number, as a decimal string.
    pub extra: String,
    /// The target in compact form, as `0x1e100000`.
    pub bits: String,
    /// The commitment to the history below the block and to its contents.
    pub content_root: String,
    /// The expected number of hashes for the target, as a decimal string.
    pub proof_of_work: String,
    /// The sum of work up to this block and including it, as a decimal string.
    pub total_work: String,
    /// The miner's key.
    pub author: String,
    /// The author's signature.
    pub signature: String,
    /// The messages as text, joined by line ends: the single field of the older system.
    pub message: String,
    /// The messages.
    pub messages: Vec<Message>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use plexus_core::ledger::json;
    use plexus_core::peers::topology::graph::Topology;
    use plexus_core::primitives::key::SecretKey;
    use plexus_core::primitives::message::Draft;
    use plexus_core::primitives::params::Network;
    use plexus_core::primitives::pow::Work;
    use plexus_core::primitives::time::Time;
    use plexus_core::proof::inclusion_proof::{Form, Receipt};
    use serde_json::{Value, json};

    use super::*;
    use crate::api::graph::Graph;

    fn described(name: &str) -> BTreeSet<String> {
        let document = serde_json::to_value(document()).unwrap();
        let mut names = BTreeSet::new();
        collect(&document, &document["components"]["schemas"][name], &mut names);
        assert!(!names.is_empty(), "{name} is not described");
        names
    }

    fn collect(document: &Value, schema: &Value, names: &mut BTreeSet<String>) {
        names.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
        if let Some(reference) = schema["$ref"].as_str() {
            collect(document, document.pointer(reference.trim_start_matches('#')).unwrap(), names);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            collect(document, part, names);
        }
    }

    fn fields(value: &impl serde::Serialize) -> BTreeSet<String> {
        serde_json::to_value(value).unwrap().as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn what_is_described_is_what_is_sent() {
        let network = Network::dev();
        let block = json::Block::new(&network.genesis_block(), Work::ZERO, network.id());
        assert_eq!(described("Block"), fields(&block));
        assert_eq!(described("Parameters"), fields(network.parameters()));
        let secret = SecretKey::from_bytes(&[1; 32]).unwrap();
        let draft = Draft::new(secret.public(), "bob", "hello", Time::default()).unwrap();
        let signed = draft.sign(&secret, network.id(), 0);
        let message = json::Message::new(&signed, network.id());
        assert_eq!(described("Message"), fields(&message));
        let (sender, signature) = (message.sender, message.signature);
        let submission = json::Submission {
            sender,
            recipient: String::new(),
            text: String::new(),
            time_unix_ms: 0,
            stamp: String::new(),
            signature,
        };
        assert_eq!(described("Submission"), fields(&submission));
        let (one, other) = (secret.public(), SecretKey::from_bytes(&[2; 32]).unwrap().public());
        let graph = Graph::new(&Topology::new(one, [(one, other, 20_000)]));
        assert_eq!(described("Graph"), fields(&graph));
        assert_eq!(described("GraphNode"), fields(&graph.nodes[0]));
        assert_eq!(described("GraphLink"), fields(&graph.links[0]));
        assert_eq!(described("GraphRing"), fields(&graph.rings[0]));
        assert_eq!(described("Near"), fields(&graph.nearest[0]));
        let (number_of_block, block, work_above) = (None, None, None);
        let status = json::MessageStatus { message, pending: true, number_of_block, block, work_above };
        assert_eq!(described("MessageStatus"), fields(&status));
        let genesis = network.genesis_block();
        let path = vec![genesis.header.record(*network.id())];
        let block = plexus_core::primitives::block::Block { messages: vec![Arc::new(signed)], ..genesis };
        let proof = Form::new(&Receipt::new(&network, &block, 0, path, Vec::new()).unwrap());
        assert_eq!(described("Proof"), fields(&proof));
        assert_eq!(described("ProofMessage"), fields(&proof.message));
        assert_eq!(described("ProofBlock"), fields(&proof.block));
        assert_eq!(described("ProofRecord"), fields(&proof.path[0]));
    }

    #[test]
    fn every_route_is_described() {
        let document = serde_json::to_value(document()).unwrap();
        let paths: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
        let names =
            ["status", "network", "blocks", "blocks/{name}", "messages", "messages/{id}", "peers", "events"];
        for name in names.into_iter().chain(["export", "graph", "openapi.json", "messages/{id}/proof"]) {
            assert!(paths.contains(&format!("/api/v1/{name}")), "{name}");
        }
        assert_eq!(document["openapi"].as_str().map(|version| &version[..2]), Some("3."));
        assert!(
            document["paths"]["/api/v1/messages"]["post"]["requestBody"]["content"]["application/json"]
                .is_object()
        );
        assert_eq!(document["info"]["version"], json!(env!("CARGO_PKG_VERSION")));
    }
}
