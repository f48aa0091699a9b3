//! The API's description in [OpenAPI](https://spec.openapis.org/oas/latest.html), gathered from the
//! routes.
//!
//! The JSON forms of blocks and messages belong to core, which knows nothing of HTTP. They are
//! described here once more, and a test checks that the two agree.

use axum::Json;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "document", tag = "node",
    responses((status = 200, description = "OpenAPI 3")))]
pub(crate) async fn show() -> impl IntoResponse {
    Json(document())
}

/// Returns the whole description.
pub fn document() -> Document {
    OpenApiDocument::openapi()
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
        crate::http::openapi::show,
        crate::http::health::health,
        crate::http::metrics::show,
        crate::legacy::chain::show,
    ),
    tags((name = "ledger", description = "Blocks and messages"), (name = "node", description = "This node"),
        (name = "older system", description = "What the older system's clients use"))
)]
struct OpenApiDocument;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use plexus_core::ledger::json;
    use plexus_core::peers::topology::graph::GraphTopology;
    use plexus_core::primitives::key::SecretKey;
    use plexus_core::primitives::message::Draft;
    use plexus_core::primitives::params::Network;
    use plexus_core::primitives::pow::Work;
    use plexus_core::primitives::time::Timestamp;
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
        let block = json::BlockView::new(&network.genesis_block(), Work::ZERO, network.id());
        assert_eq!(described("Block"), fields(&block));
        assert_eq!(described("Parameters"), fields(network.parameters()));
        let secret = SecretKey::from_bytes(&[1; 32]).unwrap();
        let draft = Draft::new(secret.public(), "bob", "hello", Timestamp::default()).unwrap();
        let signed = draft.sign(&secret, network.id(), 0);
        let message = json::MessageView::new(&signed, network.id());
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
        let graph = Graph::new(&GraphTopology::new(one, [(one, other, 20_000)]));
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
