//! The app: every route of the node's one port, and the rules that hold for all answers.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, DATE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::routing::get;
use plexus_core::primitives::key::PublicKey;
use plexus_core::protocol::address::PEER_PATH;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::api;
use crate::api::feed::EventFeed;
use crate::handle::Handle;
use crate::http::error::ApiError;
use crate::http::health::health;
use crate::http::openapi;
use crate::http::state::AppState;
use crate::http::{metrics, web};
use crate::legacy;
use crate::socket;

/// The permissions of the page: its own scripts, its own program, sockets to any node.
const CONTENT_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ws: wss: http: https:; worker-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'self'";

/// Returns all routes, on one node that mines in the name of `author`. Must be called within a
/// Tokio runtime, because a task encodes the events.
pub fn router(handle: Handle, author: PublicKey) -> Router {
    let app = AppState {
        feed: EventFeed::start(&handle),
        handle: handle.clone(),
        author,
        exports: Arc::new(Semaphore::new(api::export::EXPORTS_MAX)),
        graphs: Arc::new(Semaphore::new(api::graph::GRAPHS_MAX)),
        legacy: Arc::new(legacy::shared::LegacyState::start(&handle, author)),
        proofs: Arc::new(Semaphore::new(api::proof::PROOFS_MAX)),
        searches: Arc::new(Semaphore::new(api::keys::SEARCHES_MAX)),
    };
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([CONTENT_TYPE])
        // A client elsewhere holds its clock against the node's.
        .expose_headers([DATE]);
    Router::new()
        .route(PEER_PATH, socket::route().with_state(handle))
        .nest("/api/v1", api::router().route("/openapi.json", get(openapi::show)))
        .route("/", get(legacy::root))
        .route("/get-blockchaindata", get(legacy::chain::show))
        .route("/health", get(health))
        .route("/metrics", get(metrics::show))
        .fallback(web::file)
        .method_not_allowed_fallback(no_such_method)
        .layer(CompressionLayer::new())
        .layer(header(CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(REFERRER_POLICY, "no-referrer"))
        .layer(cors)
        .with_state(app)
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn no_such_method(method: Method) -> ApiError {
    std::future::ready(ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{method} is not possible here: see /api/v1/openapi.json"),
    ))
    .await
}
