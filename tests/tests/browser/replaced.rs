//! A chain that is replaced: the page names the undone blocks and the fork, and shows both
//! branches.

use plexus_core::primitives::hash::Hash;
use plexus_tests::browser::{Browser, Tab};
use plexus_tests::process::{self, Process};
use tempfile::TempDir;

use crate::layout::fits;
use crate::page::{
    assert_nothing_thrown, click, make_key, pictures, send, start, wait_live, wait_sent, wait_valid,
};
use crate::quality::{Checker, axe};
use crate::stage::{self, Stage};

/// The text of a message in a block that is undone.
const TEXT: &str = "on the chain that goes";
const REORG: &str = "document.querySelector('#blocks > li.reorg')";

/// A tab on a node that has 75 blocks, one of the newest with a message of the tab's.
struct Before {
    browser: Browser,
    tab: Tab,
    node: Process,
    message: String,
    tip: Hash,
}

impl Before {
    fn set() -> Self {
        let browser = Browser::start();
        let mut stage = Stage::set();
        stage.mine_some(70);
        let mut tab = browser.open(&stage.page());
        tab.prefer(&[("prefers-reduced-motion", "reduce")]);
        wait_live(&mut tab);
        // It outlives a reload.
        make_key(&mut tab, "ann", Some("correct horse battery"));
        send(&mut tab, "bob", TEXT);
        let message = wait_sent(&mut tab, TEXT);
        stage.wait_for_messages(1);
        // The first may be of a job that was given out before the message came.
        let tip = (0..5).fold(Hash::ZERO, |_, _| stage.mine());
        wait_valid(&mut tab, &tip.to_string());
        tab.wait("the message is in a block", 30, &format!("{} === 'in-block'", state(&message)));
        Self { browser, tab, node: stage.node, message, tip }
    }
}

/// Returns JavaScript for the state of a message that was sent from the tab.
fn state(message: &str) -> String {
    format!("document.querySelector('#sent li[data-id=\"{message}\"]')?.dataset.state")
}

/// Returns the data of another node of the same network, with 164 other blocks, and its tip.
fn other() -> (TempDir, Hash) {
    let mut stage = Stage::set();
    stage.mine_some(163);
    let tip = stage.mine();
    assert!(stage.node.terminate().success());
    (stage.folder, tip)
}

/// Starts a node with this data in the place of the one that is gone.
fn take_place(folder: &TempDir, listen: &str) -> Process {
    start(folder.path(), "alice", &process::network(folder.path(), stage::BITS), listen, &[])
}

/// Checks all text of the page about the chain that was replaced.
fn check_told(tab: &mut Tab, message: &str, undone: &Hash, holds: &Hash) {
    let line = tab.wait("it is told", 60, &format!("{REORG}?.querySelector('summary')?.textContent ?? ''"));
    let line = line.as_str().unwrap();
    for part in
        ["Above block 0", "Replaced", "75 blocks undone, up to block 75.", "Another chain, up to block 164,"]
    {
        assert!(line.contains(part), "{part}: {line}");
    }
    wait_valid(tab, &holds.to_string());
    tab.evaluate(&format!("{REORG}.querySelector('details').open = true"));
    let view = format!("{REORG}.querySelector('.fork-view')");
    // The ages of the tips grow from one look to the next.
    let ageless = "textContent.replace(/ · ([0-9]+ [a-z]+ ago|now)/g, '')";
    let words = tab.wait("both branches are shown", 30, &format!("{view}?.{ageless} ?? ''"));
    let words = words.as_str().unwrap();
    for part in
        ["They fork above block 0.", "at block 164, against", "at block 75.", TEXT, "not in any of these"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
    let rows = tab.evaluate(&format!(
        "[...{view}.querySelectorAll('tbody tr')].map(({{ cells }}) => \
         [...cells].map((cell) => cell.querySelector('a')?.hash.slice(8) ?? cell.textContent).join(' '))"
    ));
    let rows: Vec<String> = serde_json::from_value(rows).unwrap();
    assert_eq!(rows.len(), 12, "{rows:?}");
    assert!(rows[0].starts_with("1 ") && rows[0].len() == 2 + 64 + 1 + 64, "{rows:?}");
    assert_eq!(rows[8], "66 heights in between");
    assert!(rows[9].starts_with(&format!("75 {undone} ")), "{rows:?}");
    assert_eq!(rows[10], "88 heights in between");
    assert_eq!(rows[11], format!("164 – {holds}"));
    tab.wait("the message waits again", 30, &format!("{} === 'pending'", state(message)));
    // A block of the undone branch shows the same.
    click(tab, "blocks-more");
    let block = format!("document.querySelector('#blocks > li[data-hash=\"{undone}\"]')");
    tab.wait("the block that went is listed", 30, &format!("{block}?.dataset.verdict === 'undone'"));
    tab.evaluate(&format!("{block}.querySelector('details').open = true"));
    let view = format!("{block}.querySelector('.fork-view')?.{ageless}");
    assert_eq!(tab.wait("its fork is shown", 30, &view), *words);
}

const NOTICE: &str = "[...document.querySelectorAll('#notices li.bad span')].map((item) => item.textContent).find((text) => text.includes('undone'))";
const SAID: &str = "75 blocks were undone, above block 0: another chain, up to block 164, has more work \
    than this page’s, which went up to block 75. “Now” shows both branches.";

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_page_whose_node_comes_back_with_another_chain_says_what_was_undone() {
    let Before { browser: _browser, mut tab, node, message, tip } = Before::set();
    let (folder, holds) = other();
    let listen = node.address().to_owned();
    node.kill();
    tab.wait("the node is gone", 60, "document.querySelector('#state').dataset.state === 'offline'");
    let _other = take_place(&folder, &listen);
    wait_live(&mut tab);
    assert_eq!(tab.wait("a person is told", 60, NOTICE), SAID);
    wait_valid(&mut tab, &holds.to_string());
    for (width, height) in [(1280, 1000), (400, 850)] {
        tab.resize(width, height);
        tab.evaluate("document.querySelector('plexus-feed').scrollIntoView()");
        tab.screenshot(&pictures().join(format!("replaced-{width}.png")));
    }
    check_told(&mut tab, &message, &tip, &holds);
    for (width, height) in [(1280, 1400), (400, 1400)] {
        tab.resize(width, height);
        tab.evaluate(&format!("{REORG}.scrollIntoView()"));
        tab.screenshot(&pictures().join(format!("replaced-open-{width}.png")));
    }
    let mut wrong = Vec::new();
    fits(&mut tab, "a chain that was replaced", &mut wrong);
    assert!(wrong.is_empty(), "{} do not fit:\n{}", wrong.len(), wrong.join("\n"));
    assert_nothing_thrown(&tab);
}

#[test]
#[cfg_attr(any(no_chromium, no_axe), ignore = "needs Chromium and npm's axe-core")]
fn a_page_that_opens_on_another_chain_than_it_kept_says_what_was_undone() {
    let Before { browser: _browser, mut tab, node, message, tip } = Before::set();
    let (folder, holds) = other();
    let (listen, url) = (node.address().to_owned(), format!("{}/", node.url));
    tab.go("about:blank");
    node.kill();
    let _other = take_place(&folder, &listen);
    tab.go(&url);
    wait_live(&mut tab);
    assert_eq!(tab.wait("a person is told", 60, NOTICE), SAID);
    check_told(&mut tab, &message, &tip, &holds);
    // It stays in the list, and is no longer news the next time.
    tab.reload_without_policy();
    wait_live(&mut tab);
    check_told(&mut tab, &message, &tip, &holds);
    assert_eq!(tab.evaluate("document.querySelectorAll('#notices li').length"), 0);
    let mut checker = Checker::new(axe());
    checker.check(&mut tab, "a chain that was replaced");
    checker.finish();
    assert_nothing_thrown(&tab);
}
