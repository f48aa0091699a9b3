//! The main path of the page. A message is written in a tab, mined by that tab, and verified,
//! stored and broadcast by the node. A second node and a second tab receive it. All of it is still
//! there after kill -9.

use std::time::Instant;

use plexus_tests::api::ApiClient;
use plexus_tests::wait::eventually;
use serde_json::Value;

use crate::page::{BITS, make_key, pictures, send, start, wait_live, wait_valid};
use crate::stage::{PageFixture, open_live};

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_message_from_a_tab_is_mined_there_and_outlives_kill_9() {
    let fixture = PageFixture::start(BITS, &[]);
    let address = fixture.node.address().to_owned();
    let bob = fixture.start_other("bob", &["--connect", &address]);
    let (here, there) = (fixture.api(), ApiClient::new(&bob.url));

    let opened = Instant::now();
    let mut first = fixture.open_live();
    println!("from opening the page to live: {} ms", opened.elapsed().as_millis());
    let mut second = open_live(&fixture.browser, &format!("{}/", bob.url));

    // The first tab writes and mines it.
    make_key(&mut first, "alice", Some("a tab's own passphrase"));
    make_key(&mut second, "bob", None);
    let id = send(&mut first, "bob", "hello from a tab");
    first.evaluate("document.querySelector('#mine-toggle').click()");
    let found: Value = eventually("the node has the message in a block", 120, || {
        here.ask(&format!("/messages/{id}")).filter(|found| found["number_of_block"].is_u64())
    });
    first.evaluate("document.querySelector('#mine-toggle').click()");
    let (height, hash) =
        (found["number_of_block"].as_u64().unwrap(), found["block"].as_str().unwrap().to_owned());
    first.wait(
        "the tab knows that its message is in a block",
        60,
        &format!("document.querySelector('#sent li[data-id=\"{id}\"]')?.dataset.state === 'in-block'"),
    );
    let block = here.ask(&format!("/blocks/{height}")).unwrap();
    assert_eq!(block["author"], found["sender"], "the tab mined with the person's own key");
    assert_eq!(found["text"], "hello from a tab");

    // The second node and the second tab have it.
    eventually("bob has the block", 60, || there.height_of(&hash).filter(|found| *found == height));
    wait_valid(&mut first, &hash);
    wait_valid(&mut second, &hash);
    first.screenshot(&pictures().join("first-tab.png"));
    second.screenshot(&pictures().join("second-tab.png"));

    // A third tab opens. Measure the time until it has verified a block by itself.
    let opened = Instant::now();
    let mut third = fixture.open("/");
    third.wait("a verified block is shown", 60, "!!document.querySelector('#blocks li[data-verdict=valid]')");
    println!("from opening the page to the first verified block: {} ms", opened.elapsed().as_millis());

    // The node is killed and started again. Everything is there, and the tabs reconnect.
    fixture.node.kill();
    first.wait(
        "the tab sees that the node is gone",
        60,
        "!document.querySelector('#peers li[data-kind=home]')",
    );
    let alice = start(fixture.folder.path(), "alice", &fixture.network, &address, &[]);
    assert_eq!(here.height_of(&hash), Some(height), "the block is still there");
    assert_eq!(here.ask(&format!("/messages/{id}")).unwrap()["number_of_block"], height);
    first.wait("the tab has its node again", 60, "!!document.querySelector('#peers li[data-kind=home]')");
    wait_live(&mut first);

    // A reloaded tab resumes with its key and its sent messages.
    let key = "document.querySelector('#key-public').textContent.trim()";
    let before = first.evaluate(key);
    first.reload();
    wait_live(&mut first);
    first.wait("the key is shown", 30, &format!("{key}.length >= 66"));
    assert_eq!(first.evaluate(key), before, "the key is the same");
    wait_valid(&mut first, &hash);

    // Another message is mined by the node's own miner this time.
    let id = send(&mut second, "alice", "hello from the second tab");
    assert!(alice.terminate().success());
    let alice = start(fixture.folder.path(), "alice", &fixture.network, &address, &["--mine=1"]);
    eventually("the second message is in a block", 120, || {
        here.ask(&format!("/messages/{id}")).filter(|found| found["number_of_block"].is_u64())
    });
    second.wait(
        "the second tab knows it",
        60,
        &format!("document.querySelector('#sent li[data-id=\"{id}\"]')?.dataset.state === 'in-block'"),
    );
    assert!(alice.terminate().success());
    for (name, tab) in [("first", &first), ("second", &second), ("third", &third)] {
        let thrown: Vec<_> = tab
            .trouble
            .iter()
            .filter(|text| text.contains("exception") || text.contains("Uncaught"))
            .collect();
        assert!(thrown.is_empty(), "the {name} tab threw: {thrown:?}");
    }
}
