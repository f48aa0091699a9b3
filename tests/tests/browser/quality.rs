//! Accessibility: axe-core finds no violation of WCAG 2.2 AA and its best practices. It checks
//! every state of the page, in light and dark, wide and narrow.

use plexus_tests::browser::{Browser, Tab};
use plexus_tests::npm;
use serde_json::Value;

use crate::page::{
    BITS, assert_nothing_thrown, choose_file, click, draw_network, make_key, pictures, send, wait_live,
    wait_step, write,
};
use crate::stage::{PageFixture, Stage, open_live};

const PASSPHRASE: &str = "correct horse battery";
/// The sets of rules whose violations are failures.
const RULES: &str = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";
/// The looks in which each state is checked: scheme, width, height.
const LOOKS: [(&str, u32, u32); 3] = [("light", 1280, 900), ("dark", 1280, 900), ("light", 320, 700)];

/// Returns the program of axe-core.
pub(crate) fn axe() -> String {
    npm::file("axe-core/axe.min.js")
}

/// Checks a tab's contents, in each look.
pub(crate) struct Checker {
    axe: String,
    states: usize,
    found: Vec<String>,
}

impl Checker {
    pub(crate) fn new(axe: String) -> Self {
        Self { axe, states: 0, found: Vec::new() }
    }

    /// Checks the current state of the page.
    pub(crate) fn check(&mut self, tab: &mut Tab, state: &str) {
        self.states += 1;
        for (scheme, width, height) in LOOKS {
            show_as(tab, scheme, width, height);
            for found in violations(tab, &self.axe) {
                self.found.push(format!("{state}, {scheme}, {width} wide: {found}"));
            }
        }
        show_as(tab, LOOKS[0].0, LOOKS[0].1, LOOKS[0].2);
    }

    pub(crate) fn finish(self) {
        assert!(self.found.is_empty(), "{} violations:\n{}", self.found.len(), self.found.join("\n"));
        println!("{} states in {} looks: axe finds nothing", self.states, LOOKS.len());
    }
}

/// Sets a look. Motion is reduced, so that nothing is checked while its colours change.
fn show_as(tab: &mut Tab, scheme: &str, width: u32, height: u32) {
    tab.prefer(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]);
    tab.resize(width, height);
}

/// Returns the rule, the element and the error of each violation.
fn violations(tab: &mut Tab, axe: &str) -> Vec<String> {
    if tab.evaluate("typeof axe") == "undefined" {
        tab.evaluate(axe);
    }
    let found = tab.evaluate(&format!(
        "axe.run({{ runOnly: {RULES}, resultTypes: ['violations'] }}).then(({{ violations }}) => \
         violations.flatMap(({{ id, help, nodes }}) => nodes.map(({{ target, html, failureSummary }}) => \
         `${{id}} (${{help}}): ${{target.join(' ')}}: ${{html.slice(0, 160)}}: ${{failureSummary.replace(/\\s+/g, ' ')}}`)))"
    ));
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Sends an event to a view of the page, as its client would.
fn tell(tab: &mut Tab, view: &str, event: &str, detail: &Value) {
    tab.evaluate(&format!(
        "(() => {{ const source = new EventTarget(); document.querySelector('{view}').connect(source); \
         source.dispatchEvent(new CustomEvent('{event}', {{ detail: {detail} }})); }})()"
    ));
}

#[test]
#[cfg_attr(any(no_chromium, no_axe), ignore = "needs Chromium and npm's axe-core")]
fn every_view_of_the_page_is_accessible() {
    let (browser, mut checker) = (Browser::start(), Checker::new(axe()));
    let mut stage = Stage::set();
    let mut tab = open_live(&browser, &stage.page());
    checker.check(&mut tab, "a fresh page");

    stage.mine_some(14);
    let id = stage.write("carol", &format!("sha256:{}", "5e".repeat(32)));
    // A proof takes a block above.
    stage.mine();
    stage.mine();
    tab.wait(
        "the blocks are listed",
        60,
        "document.querySelectorAll('#blocks > li[data-verdict=valid]').length >= 12",
    );
    tab.evaluate("document.querySelectorAll('#blocks > li:not([hidden]) summary').forEach((summary, at) => at % 3 || summary.click())");
    checker.check(&mut tab, "blocks, some of them open");
    for verdict in ["undone", "refused"] {
        let failures =
            serde_json::json!([{ "flag": "InvalidSignature", "reason": "signature: expected the author's" }]);
        let arrival = serde_json::json!({ "hash": "ab".repeat(32), "number_of_block": 99, "verdict": verdict,
            "failures": failures, "seen_unix_ms": 1, "mined_here": true, "messages_total": 0, "block": null });
        tell(&mut tab, "plexus-feed", "block", &arrival);
        tab.wait(
            "it is listed",
            10,
            &format!("!!document.querySelector('#blocks > li[data-verdict={verdict}]')"),
        );
        tab.evaluate("document.querySelector('#blocks summary').click()");
        checker.check(&mut tab, &format!("a block that is {verdict}"));
    }

    let title = "document.querySelector('#lookup-title')?.textContent";
    tab.evaluate(&format!("location.hash = '#/message/{id}'"));
    tab.wait("the message is shown", 30, &format!("{title} === 'Message'"));
    choose_file(&mut tab, "#lookup-body", "other.txt", "abc");
    tab.wait("the file is held against it", 30, "!!document.querySelector('#lookup-body [data-same=false]')");
    checker.check(&mut tab, "a message with a seal");
    tab.evaluate("location.hash = '#/block/3'");
    tab.wait("the block is shown", 30, &format!("{title} === 'Block 3'"));
    checker.check(&mut tab, "a block with its trace");
    tab.evaluate("location.hash = '#/block/99999'");
    tab.wait("nothing is found", 30, &format!("{title} === 'Not found'"));
    checker.check(&mut tab, "nothing found");

    let proof = format!(
        "fetch('/api/v1/messages/{id}/proof', {{ headers: {{ accept: 'application/octet-stream' }} }})"
    );
    for (change, valid) in [("", "true"), ("bytes[bytes.length >> 1] ^= 1;", "false")] {
        tab.evaluate(&format!(
            "(async () => {{ const bytes = new Uint8Array(await (await {proof}).arrayBuffer()); {change} \
             const files = new DataTransfer(); files.items.add(new File([bytes], 'a.plexus')); \
             const input = document.querySelector('#verify input'); input.files = files.files; \
             input.dispatchEvent(new Event('change')); }})()"
        ));
        let said = format!("document.querySelector('#verify-said').dataset.valid === '{valid}'");
        tab.wait("it is said what the file shows", 30, &said);
        checker.check(&mut tab, &format!("a proof whose validity is {valid}"));
    }
    for bad in [false, true] {
        tell(
            &mut tab,
            "plexus-notices",
            "notice",
            &serde_json::json!({ "bad": bad, "text": "The chain was read anew." }),
        );
        checker.check(&mut tab, &format!("a notice, bad: {bad}"));
    }
    tab.screenshot(&pictures().join("notices.png"));
    assert_nothing_thrown(&tab);
    stage.node.kill();
    tab.wait("it is said that the node is gone", 60, "!document.querySelector('#trouble').hidden");
    checker.check(&mut tab, "the node is gone");
    checker.finish();
}

#[test]
#[cfg_attr(any(no_chromium, no_axe), ignore = "needs Chromium and npm's axe-core")]
fn the_dialog_about_keys_and_all_that_needs_a_key_is_accessible() {
    let (browser, mut checker) = (Browser::start(), Checker::new(axe()));
    let stage = Stage::set();
    let mut tab = open_live(&browser, &stage.page());
    write(&mut tab, "#text", "hello");
    click(&mut tab, "send");
    wait_step(&mut tab, "words");
    checker.check(&mut tab, "words");
    click(&mut tab, "key-next");
    wait_step(&mut tab, "confirm");
    tab.evaluate("document.querySelectorAll('.asked').forEach((field) => (field.value = 'plexus'))");
    click(&mut tab, "key-next");
    tab.wait("it is said what is wrong", 30, "!document.querySelector('#key-error').hidden");
    checker.check(&mut tab, "confirm");
    click(&mut tab, "key-cancel");
    tab.wait("the dialog is gone", 30, "!document.querySelector('#key-dialog').open");
    make_key(&mut tab, "ann", Some(PASSPHRASE));
    checker.check(&mut tab, "a key");
    send(&mut tab, "bob", "hello");
    checker.check(&mut tab, "a message sent");
    click(&mut tab, "mine-toggle");
    tab.wait("it is mined", 30, "document.querySelector('#mine').dataset.mining === 'active'");
    click(&mut tab, "mine-toggle");
    tab.wait("mining is off", 30, "document.querySelector('#mine').dataset.mining === 'off'");

    click(&mut tab, "key-restore");
    wait_step(&mut tab, "restore");
    checker.check(&mut tab, "restore");
    click(&mut tab, "key-cancel");
    click(&mut tab, "key-lock");
    tab.wait("the key is locked", 30, "document.querySelector('#keys li')?.dataset.state === 'locked'");
    checker.check(&mut tab, "a locked key");
    click(&mut tab, "key-unlock");
    wait_step(&mut tab, "unlock");
    checker.check(&mut tab, "unlock");
    click(&mut tab, "key-cancel");
    click(&mut tab, "key-show");
    wait_step(&mut tab, "unlock");
    write(&mut tab, "#key-passphrase", PASSPHRASE);
    click(&mut tab, "key-next");
    wait_step(&mut tab, "show");
    checker.check(&mut tab, "show");
    click(&mut tab, "key-next");
    tab.wait("the dialog is gone", 30, "!document.querySelector('#key-dialog').open");
    click(&mut tab, "key-make");
    wait_step(&mut tab, "words");
    tab.evaluate("(async () => { const { keep } = await import('/views/key-dialog.js'); keep('keep', 'Keep it', async () => ''); })()");
    wait_step(&mut tab, "keep");
    checker.check(&mut tab, "keep");
    tab.evaluate("(async () => { const { keep } = await import('/views/key-dialog.js'); keep('protect', 'A passphrase for your key', async () => ''); })()");
    wait_step(&mut tab, "protect");
    checker.check(&mut tab, "protect");
    assert_nothing_thrown(&tab);
    checker.finish();
}

#[test]
#[cfg_attr(any(no_chromium, no_axe), ignore = "needs Chromium and npm's axe-core")]
fn the_view_of_the_network_is_accessible() {
    let mut checker = Checker::new(axe());
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open("/#network-card");
    wait_live(&mut tab);
    let said = "document.querySelector('#network-said').textContent";
    tab.wait("it is said that there is none", 60, &format!("{said}.includes('no link yet')"));
    checker.check(&mut tab, "no network");
    draw_network(&mut tab);
    checker.check(&mut tab, "a network");
    checker.finish();
}

#[test]
#[cfg_attr(any(no_chromium, no_axe), ignore = "needs Chromium and npm's axe-core")]
fn the_laboratory_is_accessible() {
    let mut checker = Checker::new(axe());
    let fixture = PageFixture::start(BITS, &[]);
    for (query, stage) in [
        ("", "idle"),
        ("?nodes=1", "failed"),
        ("?nodes=30&blocks=3&spacing-ms=2000&faults=silent=10%", "done"),
    ] {
        let mut tab = fixture.open(&format!("/laboratory/{query}"));
        let stands = format!("document.querySelector('#stage')?.dataset.stage === '{stage}'");
        tab.wait(stage, 90, &stands);
        checker.check(&mut tab, stage);
        assert_nothing_thrown(&tab);
    }
    checker.finish();
}
