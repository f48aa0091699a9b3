//! A message from its stamp to the blocks above it, the search by its sender, and the clock that it
//! is written by.

use plexus_core::primitives::pow::Work;
use plexus_core::primitives::stamp::stamp_work;
use plexus_tests::wait::eventually;

use crate::page::{BITS, click, make_key, pictures, send, wait_live};
use crate::stage::PageFixture;

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_message_bears_the_work_that_was_chosen() {
    const STAMP_BITS: u32 = 20;
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open_live();
    make_key(&mut tab, "ann", None);

    // The stamp takes a second instead of the page's shortest time. Record all positions of the bar
    // meanwhile.
    tab.evaluate(&format!(
        "(() => {{ const priority = document.querySelector('#priority'); \
         priority.selectedOptions[0].value = '{STAMP_BITS}'; \
         globalThis.shown = []; const bar = document.querySelector('#stamping'); \
         new MutationObserver(() => bar.hidden || shown.push(bar.position)) \
         .observe(bar, {{ attributes: true }}); }})()"
    ));
    let api = fixture.api();
    let mut parts = 0;
    // One in 64 stamps is found before the bar moves.
    for attempt in 0..4 {
        let id = send(&mut tab, "bob", &format!("dear, attempt {attempt}"));
        let sent = eventually("the node has it", 30, || api.ask(&format!("/messages/{id}")));
        let stamp = sent["stamp"].as_str().unwrap().parse().unwrap();
        assert!(stamp_work(&id.parse().unwrap(), stamp) >= Work::from_hashes(1 << STAMP_BITS));
        parts += tab.evaluate("shown.filter((part) => part !== 0).length").as_u64().unwrap();
        if parts > 0 {
            break;
        }
    }
    assert!(parts > 0, "the bar moves");
    tab.wait("the bar is gone", 30, "document.querySelector('#stamping').hidden");
    assert!(tab.trouble.is_empty(), "{:?}", tab.trouble);
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_sent_message_is_followed_under_the_blocks_above_it() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open_live();
    make_key(&mut tab, "ann", None);
    send(&mut tab, "bob", "to be followed");
    click(&mut tab, "mine-toggle");
    let above = "document.querySelector('#sent li')?.textContent.match(/, [3-9] newer blocks, (.*) hashes/)?.[1] ?? ''";
    let work = tab.wait("the message is under three blocks", 60, above);
    click(&mut tab, "mine-toggle");
    tab.screenshot(&pictures().join("sent.png"));
    assert!(work.as_str().unwrap().contains('M'), "each has half a million hashes: {work}");
    assert!(tab.trouble.is_empty(), "{:?}", tab.trouble);
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_key_leads_to_what_it_signed_and_what_is_written_to_it() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open_live();
    make_key(&mut tab, "ann", None);
    let key = tab.evaluate("document.querySelector('#key-public').textContent");
    let key = key.as_str().unwrap().to_owned();
    let id = send(&mut tab, &key, "a note to myself");
    click(&mut tab, "mine-toggle");
    let in_block =
        format!("document.querySelector('#sent li[data-id=\"{id}\"]')?.dataset.state === 'in-block'");
    tab.wait("the message is in a block", 60, &in_block);
    click(&mut tab, "mine-toggle");

    // Go from the message to its sender by the link, and then by the form.
    tab.evaluate(&format!("location.hash = '#/message/{id}'"));
    let link = format!("#lookup-body a[href=\"#/key/{key}\"]");
    tab.wait("the sender is a link", 30, &format!("!!document.querySelector({link:?})"));
    tab.evaluate(&format!("document.querySelector({link:?}).click()"));
    let said = "document.querySelector('#key-said')?.textContent ?? ''";
    let said = tab.wait("what the key signed is shown", 30, said);
    assert!(said.as_str().unwrap().starts_with("1 message and "), "{said}");
    let listed = format!("!!document.querySelector('#key-messages li[data-id=\"{id}\"]')");
    assert_eq!(tab.evaluate(&listed), true);
    assert_eq!(tab.evaluate("document.querySelectorAll('#key-blocks a').length > 0"), true);
    tab.screenshot(&pictures().join("key-search.png"));
    click(&mut tab, "lookup-close");
    crate::page::write(&mut tab, "#lookup-name", &format!(" {} ", key.to_uppercase()));
    click(&mut tab, "lookup");
    tab.wait("it is found by its name, too", 30, &listed);
    assert!(tab.trouble.is_empty(), "{:?}", tab.trouble);
}

/// Notes that the page has compared its clock with its node's, and that all views know the result.
const NOTE_COMPARISON: &str = "const { dispatchEvent } = EventTarget.prototype;
    EventTarget.prototype.dispatchEvent = function (event) {
        const done = dispatchEvent.call(this, event);
        globalThis.compared ||= event.type === 'clock';
        return done;
    };";

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_clock_that_is_off_is_noticed_and_said() {
    let fixture = PageFixture::start(BITS, &[]);
    let notices = "document.querySelector('#notices')?.textContent ?? ''";
    for (off, said) in
        [(0, ""), (3_600_000, "60 min ahead of the node’s"), (-120_000, "2 min behind the node’s")]
    {
        let mut tab = fixture.browser.open("about:blank");
        tab.prepare(&format!("const now = Date.now; Date.now = () => now() + {off};"));
        tab.prepare(NOTE_COMPARISON);
        tab.go(&format!("{}/", fixture.node.url));
        wait_live(&mut tab);
        tab.wait("the clocks are compared", 30, "globalThis.compared");
        let shown = tab.evaluate(notices);
        let shown = shown.as_str().unwrap();
        assert!(shown.contains(said) && shown.is_empty() == said.is_empty(), "{off}: {shown}");
    }
}
