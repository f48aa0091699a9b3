//! The app: every route of the node's one port, and the rules that hold for all answers.

use std::sync::Arc;

use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, DATE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Extension, Router};
use plexus_core::protocol::address::PEER_PATH;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api;
use crate::api::feed::EventFeed;
use crate::config::NodeConfig;
use crate::handle::Handle;
use crate::http::error::ApiError;
use crate::http::machine::Machine;
use crate::http::openapi;
use crate::http::state::{AppState, Surroundings};
use crate::http::{health, metrics, web};
use crate::legacy;
use crate::legacy::shared::LegacyState;
use crate::socket;

/// The permissions of the page: its own scripts, its own program, sockets to any node.
const CONTENT_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ws: wss: http: https:; worker-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'self'";

/// Creates the state that the routes of a node share. Must be called within a Tokio runtime, because
/// tasks encode the events and watch the chain.
pub(crate) fn state(handle: Handle, config: &NodeConfig, connections: &Semaphore) -> AppState {
    let author = config.author.public();
    AppState {
        feed: EventFeed::start(&handle),
        author,
        exports: Arc::new(Semaphore::new(api::export::EXPORTS_MAX)),
        graphs: Arc::new(Semaphore::new(api::graph::GRAPHS_MAX)),
        legacy: Arc::new(LegacyState::start(&handle, author)),
        proofs: Arc::new(Semaphore::new(api::proof::PROOFS_MAX)),
        searches: Arc::new(Semaphore::new(api::keys::SEARCHES_MAX)),
        surroundings: Arc::new(Surroundings {
            machine: Machine::new(config.data.clone()),
            is_connecting: !config.connect.is_empty(),
            disk_reserve: config.disk_reserve,
            connections_max: connections.available_permits(),
        }),
        handle,
    }
}

/// Returns all routes of a node.
pub fn router(app: AppState) -> Router {
    finish(described().merge(of_metrics()), app)
}

/// Returns all routes of a node that has another listener for metrics.
pub fn without_metrics(app: AppState) -> Router {
    finish(described(), app)
}

/// Returns the routes of a listener for metrics alone.
pub fn only_metrics(app: AppState) -> Router {
    Router::from(of_metrics())
        .layer(from_fn_with_state(app.handle.clone(), metrics::count))
        .layer(CompressionLayer::new())
        .with_state(app)
}

/// Returns the description of all routes that answer requests.
pub fn document() -> Document {
    described().merge(of_metrics()).into_openapi()
}

/// Returns the described routes, apart from the metrics. A route is named here or in
/// [`api::router`], and nowhere else.
fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::head())
        .merge(api::router())
        .routes(routes!(openapi::show))
        .routes(routes!(legacy::chain::show))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
}

fn of_metrics() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(metrics::show))
}

/// Adds the rules that hold for all answers.
fn finish(routes: OpenApiRouter<AppState>, app: AppState) -> Router {
    let (routes, document) = routes.split_for_parts();
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([CONTENT_TYPE])
        // A client elsewhere holds its clock against the node's.
        .expose_headers([DATE]);
    routes
        // OpenAPI has no words for WebSockets. The page's files are the fallback.
        .route(PEER_PATH, socket::route().with_state(app.handle.clone()))
        .route("/", get(legacy::root))
        .layer(Extension(Arc::new(document)))
        .fallback(web::file)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(app.handle.clone(), metrics::count))
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
