//! A fork: a heavier branch undoes a block of the tab, and the page shows both.

use plexus_tests::api::ApiClient;
use plexus_tests::wait::eventually;

use crate::page::{BITS, assert_nothing_thrown, click, make_key, pictures, send, wait_sent};
use crate::stage::PageFixture;

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn an_undone_block_stays_and_both_branches_are_shown_side_by_side() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open_live();
    make_key(&mut tab, "ann", None);
    send(&mut tab, "bob", "on the branch that loses");
    let id = wait_sent(&mut tab, "on the branch that loses");
    click(&mut tab, "mine-toggle");
    let state = format!("document.querySelector('#sent li[data-id=\"{id}\"]').dataset.state");
    tab.wait("the message is in a block", 60, &format!("{state} === 'in-block'"));
    click(&mut tab, "mine-toggle");
    tab.wait("mining is off", 30, "document.querySelector('#mine').dataset.mining === 'off'");
    let height = fixture.api().ask("/status").unwrap()["height"].as_u64().unwrap();

    // Others have mined more elsewhere.
    let bob = fixture.start_other("bob", &["--mine=1"]);
    let api = ApiClient::new(&bob.url);
    eventually("the other branch is longer", 60, || {
        (api.ask("/status")?["height"].as_u64()? > height + 2).then_some(())
    });
    bob.terminate();
    let _bob = fixture.start_other("bob", &["--connect", fixture.node.address()]);
    let undone = "document.querySelector('#blocks > li[data-verdict=undone] details')";
    tab.wait("the block is undone", 60, &format!("!!{undone}"));
    tab.wait("the message waits again", 60, &format!("{state} === 'pending'"));
    let other = "document.querySelectorAll('#blocks > li[data-verdict=valid]').length > 2";
    tab.wait("the other branch is verified", 60, other);
    tab.evaluate(&format!("{undone}.open = true"));
    let words =
        tab.wait("both are shown", 30, &format!("{undone}.querySelector('.fork-view')?.textContent ?? ''"));
    tab.evaluate(&format!("{undone}.scrollIntoView()"));
    tab.screenshot(&pictures().join("fork.png"));
    let words = words.as_str().unwrap();
    for part in [
        "They fork above block 0.",
        "The one with most work holds",
        "on the branch that loses",
        "not in any of these",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let cells =
        format!("[...{undone}.querySelectorAll('tbody tr')].map((row) => row.querySelectorAll('a').length)");
    let cells = tab.evaluate(&cells);
    assert_eq!(cells[0], 2, "both have a block of the first height: {cells}");
    assert_nothing_thrown(&tab);
}
