//! The API's description in [OpenAPI](https://spec.openapis.org/oas/latest.html), gathered from the routes.
//!
//! The forms of blocks and messages are core's, which knows nothing of HTTP; they are described here once more, and a test sees
//! to it that the two agree.

use utoipa::openapi::OpenApi as Document;
use utoipa::{OpenApi, ToSchema};

/// The whole description.
pub fn document() -> Document {
    Api::openapi()
}

/// A proof-of-work ledger of signed messages.
///
/// Numbers that may pass 2^53 are decimal strings, times are RFC 3339, bytes are hex. Every refusal is `{error: {code, message}}`.
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
        crate::legacy::chain,
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
    /// The genesis block's time, unix milliseconds.
    pub genesis_time: u64,
    /// The wished interval between blocks, milliseconds.
    pub spacing_ms: u64,
    /// How much silence halves the difficulty, milliseconds; 0 keeps it constant.
    pub half_life_ms: u64,
    /// The easiest target, compact, in hex.
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
    /// To whom it is written.
    pub recipient: String,
    /// What it says.
    pub text: String,
    /// When it was written, RFC 3339.
    #[schema(rename = "timeStamp")]
    pub time_stamp: String,
    /// The same time in unix milliseconds, which the id is over.
    pub time_unix_ms: u64,
    /// The stamp, a decimal string.
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    pub signature: String,
    /// The form that people read: `From <sender> to <recipient>, <text>`.
    pub message: String,
}

/// A signed message to hand in.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct Submission {
    /// The sender's key, 66 hex digits.
    pub sender: String,
    /// To whom it is written, at most 128 bytes.
    #[schema(required = false)]
    pub recipient: String,
    /// What it says, 1 to 4,096 bytes.
    pub text: String,
    /// When it was written, unix milliseconds.
    pub time_unix_ms: u64,
    /// The stamp, a decimal string.
    #[schema(required = false)]
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    pub signature: String,
}

/// A message and its place in the ledger.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct MessageStatus {
    #[schema(inline)]
    #[serde(flatten)]
    pub base: Message,
    /// Whether it waits in the pool.
    pub pending: bool,
    /// The height of its block, once it is in one.
    pub number_of_block: Option<u64>,
    /// The hash of its block, once it is in one.
    pub block: Option<String>,
    /// The work of its block and of all blocks above, a decimal string, once it is in one.
    pub work_above: Option<String>,
}

/// The proof file of a message, which `plexus verify` reads; the protocol's specification says how it is verified.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct Proof {
    /// The version of this form: 1.
    pub version: u32,
    /// The network's parameters.
    pub network: Parameters,
    /// The message.
    pub message: ProofMessage,
    /// Its place in the block, from 0.
    pub index: u16,
    /// How many messages the block has.
    pub count: u16,
    /// The hashes beside the message's way up to the messages root, from the bottom.
    pub siblings: Vec<String>,
    /// The block without its messages.
    pub block: ProofBlock,
    /// The records beside the block's way up to the peak of the mountain range over it, from the bottom.
    pub path: Vec<ProofRecord>,
    /// The chain proof, in hex.
    pub chain: String,
}

/// What a message's bytes say.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct ProofMessage {
    /// The sender's key, 66 hex digits.
    pub sender: String,
    /// To whom it is written.
    pub recipient: String,
    /// What it says.
    pub text: String,
    /// When it was written, unix milliseconds.
    pub time_unix_ms: u64,
    /// The stamp, a decimal string.
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    pub signature: String,
}

/// A block's header, and what its body commits to beside the messages.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct ProofBlock {
    /// The parent's hash.
    pub prev_hash: String,
    /// Commits to all below and within.
    pub content_root: String,
    /// The header's version.
    pub version: u32,
    /// The height.
    pub number_of_block: u64,
    /// When it was mined, unix milliseconds.
    pub time_unix_ms: u64,
    /// The target in compact form, as `0x1e100000`.
    pub bits: String,
    /// What was searched for, a decimal string.
    pub nonce: String,
    /// The miner's free number, a decimal string.
    pub extra: String,
    /// The miner's key.
    pub author: String,
    /// The author's signature.
    pub signature: String,
}

/// A record of the mountain range.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct ProofRecord {
    /// A header's hash, or that of a parent's two children.
    pub hash: String,
    /// The sum of work, a decimal string.
    pub work: String,
    /// The last header's time, unix milliseconds.
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
    /// When it was mined, RFC 3339.
    #[schema(rename = "timeStamp")]
    pub time_stamp: String,
    /// The same time in unix milliseconds.
    pub time_unix_ms: u64,
    /// The header's version.
    pub version: u32,
    /// What was searched for, a decimal string.
    pub nonce: String,
    /// The miner's free number, a decimal string.
    pub extra: String,
    /// The target in compact form, as `0x1e100000`.
    pub bits: String,
    /// Commits to all below and within.
    pub content_root: String,
    /// The expected number of hashes that the target stands for, a decimal string.
    pub proof_of_work: String,
    /// The sum of work up to and with this block, a decimal string.
    pub total_work: String,
    /// The miner's key.
    pub author: String,
    /// The author's signature.
    pub signature: String,
    /// The messages as text, joined by line ends: the older system's single field.
    pub message: String,
    /// The messages.
    pub messages: Vec<Message>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use plexus_core::graph::Topology;
    use plexus_core::key::SecretKey;
    use plexus_core::message::Draft;
    use plexus_core::network::Network;
    use plexus_core::pow::Work;
    use plexus_core::receipt::{Form, Receipt};
    use plexus_core::time::Time;
    use plexus_core::view;
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
        let block = view::Block::new(&network.genesis_block(), Work::ZERO, network.id());
        assert_eq!(described("Block"), fields(&block));
        assert_eq!(described("Parameters"), fields(network.parameters()));
        let secret = SecretKey::from_bytes(&[1; 32]).unwrap();
        let draft = Draft::new(secret.public(), "bob", "hello", Time::default()).unwrap();
        let signed = draft.sign(&secret, network.id(), 0);
        let message = view::Message::new(&signed, network.id());
        assert_eq!(described("Message"), fields(&message));
        let (sender, signature) = (message.sender, message.signature);
        let submission = view::Submission {
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
        let status = view::MessageStatus { message, pending: true, number_of_block, block, work_above };
        assert_eq!(described("MessageStatus"), fields(&status));
        let genesis = network.genesis_block();
        let path = vec![genesis.header.record(*network.id())];
        let block = plexus_core::block::Block { messages: vec![Arc::new(signed)], ..genesis };
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
