//! The route for metrics, in the text format that the scraper prefers, and the count of requests.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::clock;
use crate::handle::Handle;
use crate::http::negotiation::quality;
use crate::http::state::AppState;
use crate::metrics::requests::RouteClass;
use crate::metrics::scrape::{Format, Permits, Scrape};

/// The media types of the two formats, and the range that a browser or `curl` sends.
const OPEN_METRICS: &str = "application/openmetrics-text";
const PLAIN: &str = "text/plain";

/// The node's metrics
///
/// They are in OpenMetrics' text format if the request accepts `application/openmetrics-text` and
/// does not prefer `text/plain`, otherwise in Prometheus' text format. A node with
/// `--metrics-listen` serves them on that address alone.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "node",
    responses((status = 200, description = "The metrics",
        content((String = "text/plain"), (String = "application/openmetrics-text")))))]
pub(crate) async fn show(State(app): State<AppState>, headers: HeaderMap) -> impl IntoResponse {
    let format = preferred(&headers);
    let findings = app.findings().await;
    let scrape = Scrape {
        now: clock::time(),
        reasons: findings.findings.reasons(),
        node: findings.node,
        pruned: app.handle.store().kept_from(),
        machine: findings.machine,
        disk_reserve: app.surroundings.disk_reserve,
        clock_offset: findings.findings.clock_offset,
        permits: permits(&app),
    };
    let text = scrape.text(app.handle.metrics(), app.handle.network(), format);
    ([(CONTENT_TYPE, format.content_type()), (VARY, "accept")], text)
}

/// Returns the format that a scraper prefers.
fn preferred(headers: &HeaderMap) -> Format {
    let accepted = || headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let open = quality(accepted(), OPEN_METRICS).unwrap_or(0);
    match open > 0 && open >= quality(accepted(), PLAIN).unwrap_or(0) {
        true => Format::OpenMetrics,
        false => Format::Prometheus,
    }
}

fn permits(app: &AppState) -> Vec<Permits> {
    let of = |resource, semaphore: &Arc<Semaphore>, max| Permits {
        resource,
        available: semaphore.available_permits(),
        max,
    };
    // The listener takes the permit of the next connection before that comes, so the semaphore tells
    // one too few.
    let (max, open) = (app.surroundings.connections_max, app.handle.metrics().connections.http.get());
    let open = usize::try_from(open).unwrap_or(0);
    vec![
        Permits { resource: "connections", available: max.saturating_sub(open), max },
        of("exports", &app.exports, crate::api::export::EXPORTS_MAX),
        of("graphs", &app.graphs, crate::api::graph::GRAPHS_MAX),
        of("proofs", &app.proofs, crate::api::proof::PROOFS_MAX),
        of("searches", &app.searches, crate::api::keys::SEARCHES_MAX),
        app.handle.frame_permits(),
        app.handle.gate().permits(),
    ]
}

/// Counts a request by the class of its route, its status, and the time to the head of its answer.
pub(crate) async fn count(State(handle): State<Handle>, request: Request, next: Next) -> Response {
    let class = RouteClass::of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let begun = Instant::now();
    let answer = next.run(request).await;
    handle.metrics().requests.count(class, answer.status().as_u16(), begun.elapsed());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(accept: &[&str]) -> Format {
        preferred(&accept.iter().map(|value| (ACCEPT, value.parse().unwrap())).collect())
    }

    #[test]
    fn a_scraper_gets_the_format_that_it_prefers() {
        // Prometheus 2.42, and later with its escaping scheme.
        for scraper in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
            "application/openmetrics-text",
        ] {
            assert_eq!(format(&[scraper]), Format::OpenMetrics, "{scraper}");
        }
        for other in [
            &[][..],
            &["*/*"],
            &["text/html,application/xhtml+xml,*/*;q=0.8"],
            &["text/plain;version=0.0.4"],
            &["text/plain, application/openmetrics-text;q=0.5"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text;q=many"],
        ] {
            assert_eq!(format(other), Format::Prometheus, "{other:?}");
        }
    }
}
