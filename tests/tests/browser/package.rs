//! The light client for other pages: packed, installed, and served under a strict policy from an
//! origin that does not belong to a node.

use std::fs;
use std::path::{Path, PathBuf};

use plexus_tests::browser::Tab;
use plexus_tests::npm;
use plexus_tests::process::{Process, run};
use plexus_tests::site::Site;
use plexus_tests::wait::eventually;

use crate::page::{BITS, pictures};
use crate::stage::PageFixture;

/// The node that the example names.
const NODE: &str = "http://127.0.0.1:8333";

/// Copies the example with the package in it, for a node. Returns its folder.
fn example(folder: &Path, node: &Process) -> PathBuf {
    let (site, package) = (folder.join("site"), folder.join("package"));
    fs::create_dir(&site).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web-client/example");
    for name in ["index.html", "send.html", "send.js", "style.css"] {
        let text = fs::read_to_string(from.join(name)).unwrap().replace(NODE, &node.url);
        fs::write(site.join(name), text).unwrap();
    }
    let written = run(["package", package.to_str().unwrap()]);
    assert!(written.status.success(), "{written:?}");
    let packed = npm::npm().args(["pack", "--silent"]).current_dir(&package).output().unwrap();
    assert!(packed.status.success(), "{packed:?}");
    let file = package.join(String::from_utf8(packed.stdout).unwrap().trim());
    let output = npm::npm().arg("install").arg(file).current_dir(&site).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    site
}

/// Returns the strictest policy that the package works under.
fn policy(node: &Process) -> String {
    let address = node.address();
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' http://{address} ws://{address}"
    )
}

/// Returns an expression for a part of an element.
fn within(element: &str, part: &str) -> String {
    format!("document.querySelector('plexus-{element}')?.shadowRoot?.querySelector({part:?})")
}

fn press_mine(tab: &mut Tab) {
    tab.evaluate(&format!("{}.click()", within("miner", "button")));
}

/// Returns a tab's complaints: exceptions, and violations of its policy.
fn complaints(tab: &Tab) -> Vec<&String> {
    tab.trouble.iter().filter(|text| !text.contains("404")).collect()
}

#[test]
#[cfg_attr(any(no_chromium, no_npm), ignore = "needs Chromium and npm")]
fn a_page_elsewhere_mines_verifies_and_sends_by_the_package() {
    let fixture = PageFixture::start(BITS, &[]);
    let (alice, here) = (&fixture.node, fixture.api());
    let peers = || here.ask("/peers").and_then(|peers| Some(peers.as_array()?.len()));
    let site = Site::serve(&example(fixture.folder.path(), alice), &policy(alice));

    // The elements: the miner mines, and the blocks are shown as this page verified them.
    let mut tab = fixture.browser.open(&format!("{}/", site.url));
    let status = within("blocks", "[part=status]");
    tab.wait("the page is live", 60, &format!("{status}?.textContent === 'No blocks yet.'"));
    assert_eq!(peers(), Some(1), "elements of one node share a client");
    press_mine(&mut tab);
    let valid = within("blocks", "li[data-verdict=valid]");
    tab.wait("a verified block is shown", 120, &format!("!!{valid}"));
    tab.wait(
        "it was mined here",
        60,
        &format!("+{}.textContent > 0", within("miner", "div:last-child > dd")),
    );
    let hash = tab.evaluate(&format!("{valid}.dataset.hash"));
    let hash = hash.as_str().unwrap();
    eventually("the node has the block", 30, || here.height_of(hash));
    // An element that is moved continues its work.
    tab.evaluate("document.body.append(document.querySelector('plexus-miner'))");
    tab.evaluate("document.querySelector('plexus-miner').setAttribute('percent', '5')");
    tab.wait("it mines less", 30, "document.querySelector('plexus-miner').client.mining.percent === 5");

    // The client alone: its message gets into a block, which the other page mines.
    let mut second = fixture.browser.open(&format!("{}/send.html", site.url));
    second.wait("the form can be sent", 60, "!!document.querySelector('button:enabled')");
    let text = "from a <i>page</i> elsewhere";
    second.evaluate(&format!("document.querySelector('input').value = {text:?}"));
    second.evaluate("document.querySelector('form').requestSubmit()");
    let said = "document.querySelector('output').textContent";
    second.wait("the message is in a block", 120, &format!("{said}.includes('is in block')"));
    let said = second.evaluate(said);
    let height = said.as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    // The node passes a block on before it has stored it.
    let block = eventually("the node has its block", 30, || here.ask(&format!("/blocks/{height}")));
    assert_eq!(block["messages"][0]["text"], text);

    // It is shown as text.
    tab.evaluate("document.querySelector('plexus-blocks').setAttribute('limit', '50')");
    let list = within("blocks", "ol");
    tab.wait("the message is shown", 60, &format!("{list}.textContent.includes({text:?})"));
    assert_eq!(tab.evaluate(&format!("{list}.querySelector('i')")), serde_json::Value::Null);
    tab.evaluate("document.querySelector('plexus-blocks').setAttribute('limit', '1')");
    press_mine(&mut tab);
    let button = within("miner", "button");
    tab.wait("the miner stops", 30, &format!("{button}.textContent === 'Start mining'"));
    let shown = format!("{list}.childElementCount");
    assert_eq!(tab.evaluate(&shown), 1, "as many blocks are shown as the page wants");
    tab.evaluate("document.querySelector('plexus-blocks').setAttribute('limit', '5')");
    tab.screenshot(&pictures().join("embedded.png"));

    // An element that is moved keeps its client. An element without a node says so.
    tab.evaluate("document.body.prepend(document.querySelector('plexus-blocks'))");
    let same =
        "document.querySelector('plexus-blocks').client === document.querySelector('plexus-miner').client";
    assert_eq!(tab.evaluate(same), true);
    tab.evaluate("document.querySelector('plexus-blocks').removeAttribute('node')");
    let missing = tab.evaluate(&format!("{status}.textContent"));
    assert!(missing.as_str().unwrap().contains("“node” is missing"), "{missing}");
    assert_eq!(tab.evaluate("document.querySelector('plexus-blocks').client"), serde_json::Value::Null);

    // The elements show the data of a client that the page made, and do not own it. The elements'
    // own client ends with the last element.
    tab.evaluate(&format!(
        "import('./node_modules/plexus-light/client.js').then(({{ Client }}) => {{ globalThis.own = new Client({{ node: {:?} }}); }})",
        alice.url
    ));
    tab.wait("it is live and has blocks", 60, "own.state?.phase === 'live' && own.blocks.size > 1");
    let shows = format!(
        "document.querySelector('plexus-blocks').client = own, {shown} === Math.min(own.blocks.size, 5)"
    );
    assert_eq!(tab.evaluate(&shows), true);
    assert_eq!(peers(), Some(3));
    tab.evaluate("document.body.replaceChildren()");
    eventually("the client of elements that are gone is closed", 30, || (peers()? == 2).then_some(()));
    tab.evaluate("own.close()");
    eventually("the page's own is closed by the page", 30, || (peers()? == 1).then_some(()));
    assert_eq!(complaints(&tab), Vec::<&String>::new());
    assert_eq!(complaints(&second), Vec::<&String>::new());
}
