//! A page whose node is down.

use crate::page::{BITS, STORE, pictures, start, wait_live};
use crate::stage::{PageFixture, open_live};

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_page_whose_node_is_gone_goes_on_with_the_others_it_knows_of() {
    let fixture = PageFixture::start(BITS, &["--mine=1"]);
    let bob = fixture.start_other("bob", &["--connect", fixture.node.address()]);

    // The page comes from bob. Its node, alice, tells it about bob.
    let mut tab = open_live(&fixture.browser, &format!("{}/?node={}", bob.url, fixture.node.url));
    tab.wait(
        "both are there and agree",
        60,
        "document.querySelectorAll('#peers li[data-agreement=agrees]').length === 2",
    );
    assert_eq!(
        tab.evaluate("document.querySelector('#state-detail').textContent"),
        "2 nodes, all in agreement"
    );
    assert_eq!(tab.evaluate("document.querySelectorAll('#peers li[data-kind=home]').length"), 1);
    tab.screenshot(&pictures().join("two-nodes.png"));
    tab.evaluate("document.querySelector('footer').scrollIntoView()");
    tab.screenshot(&pictures().join("two-nodes-footer.png"));
    // A page stores addresses two seconds after its start, and then every minute.
    let kept = format!("(([name, book]) => name.endsWith('book') && book.includes({:?}))", bob.address());
    tab.wait("bob's address is stored", 120, &format!("{STORE}.then((entries) => entries.some({kept}))"));

    fixture.node.kill();
    tab.wait("alice is gone", 60, "!document.querySelector('#peers li[data-kind=home]')");
    assert_eq!(tab.evaluate("document.querySelector('#state').dataset.state"), "live", "bob is there");
    assert_eq!(tab.evaluate("document.querySelectorAll('#notices li').length"), 0, "nobody need be told");
    tab.reload();
    wait_live(&mut tab);
    tab.wait(
        "bob is found in the book",
        30,
        "document.querySelectorAll('#peers li[data-kind]').length === 1",
    );
    tab.screenshot(&pictures().join("one-node-left.png"));

    bob.kill();
    tab.wait("nobody is left", 60, "document.querySelector('#state').dataset.state === 'offline'");
    tab.wait("it is said why", 30, "!document.querySelector('#trouble').hidden");
    tab.screenshot(&pictures().join("nobody-left.png"));
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_page_that_was_loaded_once_opens_without_its_node() {
    let fixture = PageFixture::start(BITS, &["--mine=1"]);
    let listen = fixture.node.address().to_owned();
    let mut tab = fixture.open_live();
    let kept =
        "navigator.serviceWorker.controller && (await (await caches.open('plexus-page')).keys()).length";
    tab.wait("the page's files are kept", 60, &format!("(async () => {kept})()"));
    let height = "Number(document.querySelector('#height').textContent.replace(/[^0-9]/g, ''))";
    tab.wait("there are blocks", 60, &format!("{height} > 3"));
    fixture.node.kill();
    tab.wait("the node is gone", 60, "document.querySelector('#state').dataset.state === 'offline'");
    tab.reload();
    tab.wait(
        "the page is there all the same",
        60,
        "document.querySelector('#state')?.dataset.state === 'offline'",
    );
    tab.wait("with its chain", 60, &format!("{height} > 3"));
    tab.wait(
        "and its blocks",
        60,
        "document.querySelectorAll('#blocks > li[data-verdict=valid]').length > 3",
    );
    tab.screenshot(&pictures().join("offline.png"));
    let _again = start(fixture.folder.path(), "alice", &fixture.network, &listen, &[]);
    wait_live(&mut tab);
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_service_worker_of_an_earlier_page_is_replaced() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open("/");
    let is_at = |path: &str| format!("navigator.serviceWorker.controller?.scriptURL.endsWith({path:?})");
    tab.wait("the page has its worker", 60, &is_at("/service-worker.js"));
    // An earlier page registered its worker at this address, where the browser looks for updates.
    tab.evaluate("navigator.serviceWorker.register('/service.js').then(() => true)");
    tab.wait("the old address has a worker", 60, &is_at("/service.js"));
    tab.reload();
    tab.wait("the page has its worker again", 60, &is_at("/service-worker.js"));
}
