//! The API's description in [OpenAPI](https://spec.openapis.org/oas/latest.html). Each route brings
//! its own part to the router, which gathers them.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "document", tag = "node",
    responses((status = 200, description = "OpenAPI 3")))]
pub(crate) async fn show(Extension(document): Extension<Arc<Document>>) -> Response {
    std::future::ready(Json(&*document).into_response()).await
}

/// Returns the description's head: everything apart from the routes and their schemas.
pub(crate) fn head() -> Document {
    DocumentHead::openapi()
}

/// A proof-of-work ledger of signed messages.
///
/// Numbers that may exceed 2^53 are decimal strings, times are RFC 3339, bytes are hex. Every error
/// is `{error: {code, message}}`.
#[derive(OpenApi)]
#[openapi(
    info(title = "Plexus", license(name = "MIT OR Apache-2.0")),
    tags((name = "ledger", description = "Blocks and messages"), (name = "node", description = "This node"),
        (name = "older system", description = "What the older system's clients use"))
)]
struct DocumentHead;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::{Value, json};

    use crate::http::router::document;

    fn value() -> Value {
        serde_json::to_value(document()).unwrap()
    }

    fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
        let paths = document["paths"].as_object().unwrap();
        paths.iter().flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
    }

    #[test]
    fn every_operation_has_an_id_and_a_tag_of_its_own() {
        let document = value();
        let named = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].to_string());
        let tags: BTreeSet<_> = named.collect();
        let mut ids = BTreeMap::new();
        for (name, operation) in operations(&document) {
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            assert_eq!(ids.insert(id, name.clone()), None, "{name}");
            assert!(tags.contains(&operation["tags"][0].to_string()), "{name}");
            assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()), "{name}");
        }
        assert_eq!(ids.len(), 18, "{ids:#?}");
    }

    #[test]
    fn every_schema_is_used_and_every_used_one_is_described() {
        let document = value();
        let mut used = BTreeSet::new();
        references(&document, &mut used);
        let described = document["components"]["schemas"].as_object().unwrap();
        assert_eq!(described.keys().cloned().collect::<BTreeSet<_>>(), used);
    }

    fn references(value: &Value, used: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    used.insert(reference.trim_start_matches("#/components/schemas/").to_owned());
                }
                fields.values().for_each(|value| references(value, used));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, used)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn the_document_is_of_this_version_of_openapi_and_of_the_node() {
        let document = value();
        assert_eq!(document["openapi"].as_str().map(|version| &version[..2]), Some("3."));
        assert_eq!(document["info"]["version"], json!(env!("CARGO_PKG_VERSION")));
        let submitted = &document["paths"]["/api/v1/messages"]["post"]["requestBody"]["content"];
        assert!(submitted["application/json"].is_object());
    }
}
