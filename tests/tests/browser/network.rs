//! The network, as a page draws it.

use std::time::Duration;

use plexus_tests::process::Process;
use plexus_tests::wait::within;

use crate::page::{BITS, pictures, wait_live};
use crate::stage::PageFixture;

/// The most pairs of nodes that are started, one after the other.
const ROUNDS_MAX: usize = 4;
/// The time that a pair has to certify its links. A quiet machine takes half of it.
const ROUND: Duration = Duration::from_secs(60);

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn the_network_is_drawn_as_the_page_s_node_sees_it() {
    let fixture = PageFixture::start(BITS, &[]);
    let address = fixture.node.address().to_owned();
    let mut tab = fixture.open("/#network-card");
    wait_live(&mut tab);
    let spots = "document.querySelectorAll('#network-graph circle.node').length";
    // On a busy machine the two ends of a link may measure round trips so different that its
    // certificate does not count, and they certify again ten minutes later at the earliest. Other
    // nodes then take the place of these.
    let mut others = Vec::new();
    for round in 0..ROUNDS_MAX {
        others.drain(..).for_each(Process::kill);
        others.extend(["bob", "carol"].map(|name| {
            let name = format!("{name}-{round}");
            fixture.start_other(&name, &["--connect", &address])
        }));
        let nodes = others.len() + 1;
        if within(ROUND, || (tab.evaluate(spots) == nodes).then_some(())).is_some() {
            break;
        }
    }
    tab.wait("all nodes are drawn", 30, &format!("{spots} === {}", others.len() + 1));
    assert_eq!(tab.evaluate("document.querySelectorAll('#network-graph circle.own').length"), 1);
    let ways = "document.querySelectorAll('#network-graph :is(.tree, .bridge)').length";
    assert_eq!(tab.evaluate(ways), 2, "a block's way to each of the others is drawn");
    let said = tab.evaluate("document.querySelector('#network-said').textContent");
    assert!(said.as_str().unwrap().starts_with("3 nodes, up to "), "{said}");
    let whys = "document.querySelectorAll('#network-links > li[data-slot]').length";
    tab.wait("each link is listed with its reason", 30, &format!("{whys} === {}", others.len()));
    tab.evaluate("document.querySelector('#network-replay').click()");
    let moving =
        "document.getAnimations().filter(({ effect }) => effect.target.closest('#network-graph')).length";
    assert_eq!(tab.evaluate(moving), 3);
    tab.screenshot(&pictures().join("network.png"));
}
