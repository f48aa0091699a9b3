//! Several tabs of one origin share one node, which runs in the first of them.

use plexus_tests::browser::Tab;
use plexus_tests::wait::eventually;

use crate::page::{BITS, click, go_through, send, wait_live, wait_sent, wait_step, wait_valid, write};
use crate::stage::PageFixture;

const PASSPHRASE: &str = "correct horse battery";

/// Waits until this number of pages is connected to a node.
fn wait_pages(fixture: &PageFixture, count: usize) {
    let api = fixture.api();
    eventually(&format!("{count} pages"), 30, || {
        let peers = api.ask("/peers")?;
        (peers.as_array()?.iter().filter(|peer| peer["role"] == "light").count() == count).then_some(())
    });
}

fn wait_mining(tab: &mut Tab, mining: &str) {
    let is = format!("document.querySelector('#mine').dataset.mining === {mining:?}");
    tab.wait(&format!("mining is {mining}"), 60, &is);
}

/// Waits for a message to be in a block. Returns the block's hash.
fn wait_in_block(tab: &mut Tab, id: &str) -> String {
    let link = format!("document.querySelector('#sent li[data-id=\"{id}\"] a[href^=\"#/block/\"]')");
    let link = tab.wait("the message is in a block", 60, &format!("{link}?.getAttribute('href') ?? ''"));
    link.as_str().unwrap().strip_prefix("#/block/").unwrap().to_owned()
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn tabs_share_one_node_and_when_its_tab_closes_another_goes_on_with_it() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut first = fixture.open_live();
    let mut second = fixture.open_live();
    wait_pages(&fixture, 1);

    // Both tabs show the effects of each, wherever the node runs.
    second.wait("a key can be made", 30, "!!document.querySelector('#key-make')");
    click(&mut second, "key-make");
    go_through(&mut second, "ann", Some(PASSPHRASE));
    let id = send(&mut second, "bob", "from the second tab");
    assert_eq!(wait_sent(&mut first, "from the second tab"), id);
    click(&mut second, "mine-toggle");
    let block = wait_in_block(&mut first, &id);
    wait_mining(&mut first, "active");
    click(&mut first, "mine-toggle");
    wait_mining(&mut second, "off");
    for tab in [&mut first, &mut second] {
        wait_valid(tab, &block);
        tab.wait(
            "all that is sent is in blocks",
            60,
            "!document.querySelector('#sent [data-state=pending]')",
        );
    }
    let mut third = fixture.open("/");
    wait_valid(&mut third, &block);
    wait_in_block(&mut third, &id);
    wait_pages(&fixture, 1);
    let text = third.evaluate("document.querySelector('#send-error').hidden");
    assert_eq!(text, true);

    // A wrong passphrase is refused in the tab that gave it.
    click(&mut third, "key-lock");
    write(&mut third, "#text", "from the third tab");
    click(&mut third, "send");
    wait_step(&mut third, "unlock");
    write(&mut third, "#key-passphrase", "incorrect horse battery");
    click(&mut third, "key-next");
    third.wait("it is refused", 30, "document.querySelector('#key-error').textContent.includes('wrong')");
    click(&mut third, "key-cancel");
    assert!(first.trouble.is_empty(), "{:?}", first.trouble);
    first.close();

    // The node starts in one of the others, from the stored state. Its keys are locked.
    wait_live(&mut second);
    wait_pages(&fixture, 1);
    click(&mut second, "send");
    write(&mut second, "#text", "after the first tab");
    tab_unlocks(&mut second);
    let id = wait_sent(&mut third, "after the first tab");
    click(&mut third, "mine-toggle");
    let block = wait_in_block(&mut second, &id);
    for tab in [&mut second, &mut third] {
        wait_valid(tab, &block);
        assert!(tab.trouble.is_empty(), "{:?}", tab.trouble);
    }
}

fn tab_unlocks(tab: &mut Tab) {
    tab.wait("the form can be sent", 30, "!document.querySelector('#send').disabled");
    click(tab, "send");
    wait_step(tab, "unlock");
    write(tab, "#key-passphrase", PASSPHRASE);
    click(tab, "key-next");
}
