//! The answered requests, by class of route and by status, with their durations.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The upper bounds of the durations, in seconds.
const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// The statuses that are told apart. Every other one counts as `other`.
const STATUSES: [(u16, &str); 18] = [
    (101, "101"),
    (200, "200"),
    (201, "201"),
    (204, "204"),
    (206, "206"),
    (304, "304"),
    (400, "400"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (409, "409"),
    (413, "413"),
    (415, "415"),
    (416, "416"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (503, "503"),
];

/// A class of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteClass {
    /// The JSON API.
    Api,
    /// Streams of events, which last as long as the client wants.
    Events,
    /// Exports of the whole chain.
    Export,
    /// The checks of health.
    Health,
    /// The metrics.
    Metrics,
    /// The older system's route for the chain.
    Older,
    /// The page and its files. Clients of the older system connect at the page's address.
    Page,
    /// Sockets of peers.
    Peer,
}

impl RouteClass {
    const ALL: [Self; 8] = [
        Self::Api,
        Self::Events,
        Self::Export,
        Self::Health,
        Self::Metrics,
        Self::Older,
        Self::Page,
        Self::Peer,
    ];

    /// Returns the class of a route by its path in the router. Without a route, the request is for
    /// a file of the page.
    pub(crate) fn of(route: Option<&str>) -> Self {
        match route.unwrap_or("/") {
            "/api/v1/events" => Self::Events,
            "/api/v1/export" => Self::Export,
            "/health" | "/health/ready" => Self::Health,
            "/metrics" => Self::Metrics,
            "/get-blockchaindata" => Self::Older,
            plexus_core::protocol::address::PEER_PATH => Self::Peer,
            route if route.starts_with("/api/") => Self::Api,
            _ => Self::Page,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Events => "events",
            Self::Export => "export",
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::Older => "older",
            Self::Page => "page",
            Self::Peer => "peer",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    class: &'static str,
    status: &'static str,
}

/// The answered requests. There are at most 8 classes times 19 statuses.
#[derive(Clone, Debug)]
pub struct Requests {
    answers: Family<AnswerLabels, Counter>,
    durations: [Histogram; RouteClass::ALL.len()],
}

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let answers = Family::default();
        registry.register("http_requests", "Answered requests by class of route and status", answers.clone());
        let durations = Family::<ClassLabels, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        registry.register_with_unit(
            "http_request_duration",
            "From a request to the head of its answer, by class of route",
            Unit::Seconds,
            durations.clone(),
        );
        let of_class =
            |class: RouteClass| durations.get_or_create_owned(&ClassLabels { class: class.name() });
        Self { answers, durations: RouteClass::ALL.map(of_class) }
    }

    /// Counts a request that was answered with this status after this time.
    pub(crate) fn count(&self, class: RouteClass, status: u16, took: Duration) {
        let known = STATUSES.iter().find(|(code, _)| *code == status);
        let labels = AnswerLabels { class: class.name(), status: known.map_or("other", |(_, name)| name) };
        self.answers.get_or_create(&labels).inc();
        if let Some(histogram) = self.durations.get(class as usize) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// Returns the number of requests that were answered with this status.
    #[cfg(test)]
    pub(crate) fn answered(&self, class: RouteClass, status: &'static str) -> u64 {
        self.answers.get(&AnswerLabels { class: class.name(), status }).map_or(0, |count| count.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_the_order_of_their_histograms() {
        for (place, class) in RouteClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, place, "{}", class.name());
        }
    }

    #[test]
    fn each_route_has_its_class() {
        for (route, class) in [
            (Some("/api/v1/blocks/{name}"), RouteClass::Api),
            (Some("/api/v1/events"), RouteClass::Events),
            (Some("/health/ready"), RouteClass::Health),
            (Some("/p2p"), RouteClass::Peer),
            (Some("/"), RouteClass::Page),
            (None, RouteClass::Page),
        ] {
            assert_eq!(RouteClass::of(route), class, "{route:?}");
        }
    }

    #[test]
    fn a_status_beyond_the_known_ones_is_other() {
        let requests = Requests::register(&mut Registry::default());
        for status in [200, 200, 418, 799] {
            requests.count(RouteClass::Api, status, Duration::from_millis(2));
        }
        assert_eq!(requests.answered(RouteClass::Api, "200"), 2);
        assert_eq!(requests.answered(RouteClass::Api, "other"), 2);
    }
}
