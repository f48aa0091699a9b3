//! Metrics of a node as a process: by Prometheus' own tools, and on a listener of their own.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use plexus_tests::api::ApiClient;
use plexus_tests::process::Process;
use plexus_tests::prometheus::{Prometheus, promtool};
use plexus_tests::wait::eventually;
use serde_json::Value;

use super::{Place, repository, text};

/// The most connections of a listener for metrics.
const CONNECTIONS_MAX: usize = 16;

/// Returns the names of all families and series in a text of metrics.
fn names(metrics: &str) -> BTreeSet<String> {
    let samples = metrics.lines().filter(|line| !line.starts_with('#'));
    let series = samples.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned);
    series.collect()
}

/// Returns the names of metrics in expressions of Prometheus' language.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let ours = words.filter(|word| word.starts_with("plexus_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// Returns the base URL of a node's listener for metrics.
fn metrics_url(node: &Process) -> String {
    let banner = eventually("the banner is printed", 20, || {
        let said = node.banner();
        said.contains("Ctrl-C").then_some(said)
    });
    let url = banner.split_whitespace().find(|word| word.ends_with("/metrics"));
    url.expect("the banner names the listener").trim_end_matches("/metrics").to_owned()
}

/// A node that has mined, has answered requests, and has a peer.
fn busy(place: &Place) -> (Process, Process) {
    let alice = place.start("alice", &["--mine=1"]);
    let bob = place.start("bob", &["--connect", alice.address()]);
    let (here, there) = (ApiClient::new(&alice.url), ApiClient::new(&bob.url));
    eventually("bob follows alice", 60, || there.height().filter(|height| *height >= 3));
    assert_eq!(here.text("/api/v1/blocks/999999").unwrap().0, 404);
    (alice, bob)
}

#[test]
#[cfg_attr(no_promtool, ignore = "needs promtool")]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    let place = Place::new(16);
    let (alice, _bob) = busy(&place);
    let (status, metrics) = ApiClient::new(&alice.url).text("/metrics").unwrap();
    assert_eq!(status, 200);
    let output = promtool(place.folder.path(), &["check", "metrics"], &metrics);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
#[cfg_attr(no_promtool, ignore = "needs promtool")]
fn prometheus_scrapes_a_node_in_the_format_of_openmetrics() {
    let place = Place::new(16);
    let (_alice, bob) = busy(&place);
    let prometheus = Prometheus::start(bob.address());
    let target = eventually("the node is scraped", 60, || {
        let target = prometheus.targets()?.into_iter().next()?;
        (target["health"] != "unknown").then_some(target)
    });
    assert_eq!((&target["health"], &target["lastError"]), (&Value::from("up"), &Value::from("")), "{target}");
    let height = eventually("its height is known", 20, || prometheus.value("plexus_height"));
    assert!(height >= 3.0, "{height}");
    assert_eq!(prometheus.value("plexus_driver_up"), Some(1.0));
    let peers = eventually("the sum of peers", 20, || prometheus.value("sum(plexus_peers)"));
    assert!((peers - 1.0).abs() < f64::EPSILON, "{peers}");
    // OpenMetrics names a family of counters without `_total`, Prometheus' text with it. And only
    // OpenMetrics has the type `info`.
    let kind = |family: &str| eventually(family, 20, || prometheus.kind(family));
    assert_eq!(kind("plexus_blocks_connected"), "counter");
    assert_eq!(kind("plexus_build"), "info");
    assert_eq!(kind("plexus_commit_seconds"), "histogram");
}

#[test]
fn alerts_and_dashboard_name_metrics_that_a_node_serves() {
    let place = Place::new(16);
    let (_alice, bob) = busy(&place);
    // A clock is known once a node has been dialled.
    let api = ApiClient::new(&bob.url);
    let served = eventually("bob knows alice's clock", 20, || {
        let served = names(&api.text("/metrics").ok()?.1);
        served.contains("plexus_clock_offset_seconds").then_some(served)
    });
    let alerts = std::fs::read_to_string(repository("server-node/packaging/prometheus/alerts.yml")).unwrap();
    let expressions = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let mut wanted: BTreeSet<String> = expressions.flat_map(named).collect();
    assert!(wanted.len() > 10, "{wanted:?}");
    let dashboard = dashboard();
    let of_panels: BTreeSet<String> = targets(&dashboard).iter().flat_map(|expr| named(expr)).collect();
    assert!(of_panels.len() > 20, "{of_panels:?}");
    wanted.extend(of_panels);
    let missing: Vec<_> = wanted.difference(&served).collect();
    assert!(missing.is_empty(), "not served: {missing:?}; served: {served:#?}");
}

#[test]
fn permits_are_those_that_nobody_holds() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--connections-max", "5", "--inbound-max", "7"]);
    let api = ApiClient::new(&alice.url);
    let permits = |resource: &str| {
        let metrics = api.text("/metrics").unwrap().1;
        ["available", "max"].map(|name| {
            let name = format!("plexus_permits_{name}{{resource=\"{resource}\"}} ");
            metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<usize>().ok())
        })
    };
    eventually("the scrape alone holds a connection", 20, || {
        (permits("connections") == [Some(4), Some(5)]).then_some(())
    });
    let idle = [(); 2].map(|()| TcpStream::connect(alice.address()).unwrap());
    eventually("two more connections are held", 20, || {
        (permits("connections") == [Some(2), Some(5)]).then_some(())
    });
    drop(idle);
    eventually("they are free again", 20, || (permits("connections")[0] == Some(4)).then_some(()));
    let [free, max] = permits("inbound_sockets");
    assert_eq!(free, max);
    let _bob = place.start("bob", &["--connect", alice.address()]);
    eventually("a peer holds a socket", 60, || {
        (permits("inbound_sockets") == [max.map(|max| max - 1), max]).then_some(())
    });
    // Its connection for HTTP became that of the peer.
    assert_eq!(permits("connections"), [Some(4), Some(5)]);
    for resource in ["exports", "graphs", "proofs", "searches"] {
        let [free, max] = permits(resource);
        assert!(free == max && max > Some(0), "{resource}: {free:?} of {max:?}");
    }
}

fn dashboard() -> Value {
    let file = repository("server-node/packaging/grafana/dashboard.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Returns the expressions of a dashboard's panels.
fn targets(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_dashboard_has_the_form_of_its_schema() {
    let schema = repository("server-node/packaging/grafana/dashboard.schema.json");
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    let index = compiler.compile(schema.to_str().unwrap(), &mut schemas).unwrap();
    let dashboard = dashboard();
    if let Err(error) = schemas.validate(&dashboard, index) {
        panic!("{error:#}");
    }
    // The schema is not one that accepts anything.
    for (path, wrong) in [
        ("/panels/1/targets/0/expr", Value::from("")),
        ("/panels/1/gridPos/x", Value::from(24)),
        ("/panels/1/datasource/uid", Value::from("mine")),
        ("/schemaVersion", Value::from("39")),
    ] {
        let mut dashboard = dashboard.clone();
        *dashboard.pointer_mut(path).expect(path) = wrong;
        assert!(schemas.validate(&dashboard, index).is_err(), "{path}");
    }
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has its own id");
    for panel in panels {
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24, "{panel}");
    }
}

#[test]
#[cfg_attr(no_promtool, ignore = "needs promtool")]
fn each_alert_fires_in_its_case_and_none_for_a_healthy_node() {
    let folder = repository("server-node/packaging/prometheus");
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let output = promtool(&folder, &arguments, "");
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (alerts, tests) = (read("alerts.yml"), read("alerts_test.yml"));
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("- name: {alert}\n")), "{alert} has no case");
    }
}

#[test]
fn metrics_move_to_a_listener_of_their_own() {
    let place = Place::new(16);
    for (name, address) in [("alice", "127.0.0.1:0"), ("bob", "[::1]:0")] {
        let node = place.start(name, &["--metrics-listen", address]);
        let (main, own) = (ApiClient::new(&node.url), ApiClient::new(&metrics_url(&node)));
        assert_eq!(main.text("/metrics").unwrap().0, 404);
        assert_eq!(main.text("/health").unwrap().0, 200);
        let (status, metrics) = own.text("/metrics").unwrap();
        assert!(status == 200 && metrics.contains("\nplexus_height 0"), "{status}: {metrics}");
        for other in ["/", "/health", "/api/v1/status"] {
            assert_eq!(own.text(other).unwrap().0, 404, "{other}");
        }
        let document: Value = serde_json::from_str(&main.text("/api/v1/openapi.json").unwrap().1).unwrap();
        assert!(document["paths"].get("/health/ready").is_some());
        assert!(document["paths"].get("/metrics").is_none(), "it is not at this address");
    }
}

#[test]
fn a_taken_address_for_metrics_is_an_error_that_names_it() {
    let place = Place::new(16);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error =
        Process::start(&place.data("alice"), &place.network, super::ANY, &["--metrics-listen", &address])
            .expect_err("the address is taken");
    assert!(error.contains(&address) && error.contains("--metrics-listen"), "{error}");
}

#[test]
fn a_crowd_at_the_metrics_does_not_reach_the_node() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--metrics-listen", "127.0.0.1:0"]);
    let url = metrics_url(&alice);
    let address = url.trim_start_matches("http://");
    let crowd: Vec<_> = (0..CONNECTIONS_MAX).map(|_| TcpStream::connect(address).unwrap()).collect();
    let api = ApiClient::new(&alice.url);
    let mut late = TcpStream::connect(address).unwrap();
    late.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    late.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let error = late.read(&mut [0; 1]).expect_err("all places are taken");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!(api.text("/health").unwrap().0, 200, "the main listener has places of its own");
    drop(crowd);
    late.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
