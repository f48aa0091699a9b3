//! The page by keyboard alone: every control is reachable, in order and visibly, and the focus is
//! never trapped.

use plexus_tests::api::ApiClient;
use plexus_tests::browser::{PressedKey, Tab};
use serde_json::Value;

use crate::page::{assert_nothing_thrown, pictures, start, wait_live, wait_step};
use crate::stage::PageFixture;

/// A block takes a tab a fraction of a second.
const BITS: u32 = 19;
/// More stops than the page has.
const STOPS_MAX: usize = 120;

/// The element with the focus: its name, if an outline shows it, and if something covers it.
const STOP: &str = "(() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { left, top, width, height } = element.getBoundingClientRect();
    const at = document.elementFromPoint(left + width / 2, top + Math.min(height / 2, innerHeight - 1));
    const name = element.id || element.getAttribute('href') || element.closest('[id]').id + ' ' + element.localName;
    return {
        name,
        outlined: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
        seen: !!at && (element.contains(at) || at.contains(element)),
        place: `${Math.round(left)} ${Math.round(top)} ${Math.round(width)} ${Math.round(height)}, above it ${at?.localName}#${at?.id}.${at?.className}`,
    };
})()";

/// Every element that can be used by keyboard, by its name in `STOP`. One of several exclusive
/// choices is enough.
const USABLE: &str = "[...document.querySelectorAll('a[href], button, input, textarea, summary')]
    .filter((element) => element.checkVisibility() && !element.disabled && element.closest('main, header, nav, footer'))
    .map((element) => element.id || element.getAttribute('href') || element.closest('[id]').id + ' ' + element.localName)";

/// Returns the name of the element with the focus. Asserts that it is visible.
fn stop(tab: &mut Tab) -> Option<String> {
    let stop = tab.evaluate(STOP);
    let name = stop["name"].as_str()?.to_owned();
    assert_eq!(stop["outlined"], true, "{name} has the focus, and no outline shows it");
    assert_eq!(stop["seen"], true, "{name} has the focus and is hidden: {}", stop["place"]);
    Some(name)
}

/// Presses the Tab key until the focus is at an element.
fn reach(tab: &mut Tab, id: &str) {
    for _ in 0..STOPS_MAX {
        tab.press(PressedKey::Tab);
        if stop(tab).as_deref() == Some(id) {
            return;
        }
    }
    panic!("{id} is not reached within {STOPS_MAX} stops");
}

fn focused(tab: &mut Tab, id: &str) {
    tab.wait(&format!("{id} has the focus"), 30, &format!("document.activeElement?.id === {id:?}"));
}

fn text(tab: &mut Tab, query: &str) -> String {
    tab.evaluate(&format!("document.querySelector({query:?}).textContent")).as_str().unwrap().to_owned()
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn the_page_is_used_by_keyboard_alone() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open("/");
    tab.resize(1280, 900);
    tab.focus();
    wait_live(&mut tab);

    // The first stop is a link that skips the top of the page.
    tab.press(PressedKey::Tab);
    assert_eq!(stop(&mut tab).as_deref(), Some("#main"));
    tab.press(PressedKey::Enter);
    tab.press(PressedKey::Tab);
    let first = stop(&mut tab).unwrap();
    let within = "document.querySelector('main').contains(document.activeElement)";
    assert_eq!(tab.evaluate(within), true, "{first}");

    // Write and send a message, and make a key for it.
    tab.reload();
    wait_live(&mut tab);
    reach(&mut tab, "recipient");
    tab.type_in("bob");
    reach(&mut tab, "text");
    tab.type_in("typed by hand");
    reach(&mut tab, "send");
    tab.press(PressedKey::Enter);
    wait_step(&mut tab, "words");
    let words =
        tab.evaluate("[...document.querySelectorAll('#key-words li')].map((word) => word.textContent)");
    let words: Vec<String> = serde_json::from_value(words).unwrap();
    // The focus stays in the dialog. Escape closes it and returns the focus to where it was.
    for _ in 0..6 {
        tab.press(PressedKey::Tab);
        let inside = "document.activeElement === document.body || document.activeElement.closest('#key-dialog') !== null";
        assert_eq!(tab.evaluate(inside), true, "{:?}", tab.evaluate(STOP));
    }
    tab.press(PressedKey::Escape);
    focused(&mut tab, "send");
    assert_eq!(tab.evaluate("document.querySelector('#key-dialog').open"), false);
    tab.press(PressedKey::Enter);
    wait_step(&mut tab, "words");
    let again =
        tab.evaluate("[...document.querySelectorAll('#key-words li')].map((word) => word.textContent)");
    let again: Vec<String> = serde_json::from_value(again).unwrap();
    assert_ne!(words, again, "a key that was not taken is gone");
    reach(&mut tab, "key-next");
    tab.press(PressedKey::Enter);
    wait_step(&mut tab, "confirm");
    for asked in 0..3 {
        let place = tab.evaluate("Number(document.activeElement.dataset.place)").as_u64().unwrap();
        tab.type_in(&again[usize::try_from(place).unwrap() - 1]);
        tab.press(if asked < 2 { PressedKey::Tab } else { PressedKey::Enter });
    }
    wait_step(&mut tab, "keep");
    focused(&mut tab, "key-name");
    reach(&mut tab, "key-passphrase");
    tab.type_in("correct horse battery");
    reach(&mut tab, "key-again");
    tab.type_in("correct horse battery");
    tab.press(PressedKey::Enter);
    tab.wait("the message is sent", 60, "document.querySelectorAll('#sent > li').length === 1");
    focused(&mut tab, "text");
    assert_eq!(text(&mut tab, "#sent .message-text"), "typed by hand");

    // Mine the message.
    reach(&mut tab, "mine-toggle");
    tab.press(PressedKey::Space);
    tab.wait("it is in a block", 120, "document.querySelector('#sent > li').dataset.state === 'in-block'");
    focused(&mut tab, "mine-toggle");
    tab.press(PressedKey::Space);
    tab.wait("mining is off", 30, "document.querySelector('#mine').dataset.mining === 'off'");

    tab.wait("nothing moves", 30, "document.getAnimations().length === 0");

    // Look up a block, and close it.
    reach(&mut tab, "lookup-name");
    tab.type_in("1");
    tab.press(PressedKey::Enter);
    focused(&mut tab, "lookup-title");
    assert_eq!(text(&mut tab, "#lookup-title"), "Block 1");
    reach(&mut tab, "lookup-close");
    tab.press(PressedKey::Enter);
    focused(&mut tab, "lookup-name");

    // Open a block in the list. It stays open while others arrive.
    let summary = "document.activeElement.closest('#blocks > li')";
    for _ in 0..STOPS_MAX {
        tab.press(PressedKey::Tab);
        stop(&mut tab);
        if tab.evaluate(&format!("!!{summary}")) == true {
            break;
        }
    }
    tab.press(PressedKey::Enter);
    tab.wait("the block is open", 30, &format!("{summary}?.querySelector('.fields')?.checkVisibility()"));

    // Look at the network.
    tab.evaluate("document.querySelector('#network-view summary').id = 'network-summary'");
    reach(&mut tab, "network-summary");
    tab.press(PressedKey::Enter);
    tab.wait("the network is shown", 30, "document.querySelector('#network-view').open && document.querySelector('#network-said').textContent.includes('no link')");
    tab.screenshot(&pictures().join("keyboard.png"));
    assert_nothing_thrown(&tab);
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn the_keyboard_reaches_everything_and_leaves_it_again() {
    let fixture = PageFixture::start(BITS, &["--mine=1"]);
    let address = fixture.node.address().to_owned();
    let mut tab = fixture.open("/");
    tab.focus();
    wait_live(&mut tab);
    tab.wait("blocks are listed", 120, "document.querySelectorAll('#blocks > li:not([hidden])').length > 3");
    // Stop the blocks, so that no element comes or goes on the way.
    assert!(fixture.node.terminate().success());
    let alice = start(fixture.folder.path(), "alice", &fixture.network, &address, &[]);
    let height = ApiClient::new(&alice.url).height().unwrap();
    let shown = "Number(document.querySelector('#height').textContent.replace(/[^0-9]/g, ''))";
    tab.wait("the page has all blocks", 60, &format!("{shown} === {height}"));
    wait_live(&mut tab);
    let listed = format!("!!document.querySelector('#blocks > li[data-height=\"{height}\"]')");
    tab.wait("the last is listed", 60, &listed);
    tab.wait("nothing moves", 30, "document.getAnimations().length === 0");
    for (width, height) in [(1280, 900), (320, 700)] {
        tab.resize(width, height);
        tab.evaluate("document.activeElement?.blur()");
        let mut stops: Vec<String> = Vec::new();
        for key in [PressedKey::Tab, PressedKey::BackTab] {
            let mut left = false;
            for _ in 0..STOPS_MAX {
                tab.press(key);
                match stop(&mut tab) {
                    Some(name) if !left || !stops.contains(&name) => stops.push(name),
                    // The focus is at the browser's own controls, or starts over.
                    _ => left = true,
                }
                if stops.first() == stops.last() && stops.len() > 1 {
                    left = true;
                }
                if left {
                    break;
                }
            }
            assert!(left, "{width} wide, {key:?}: the focus never leaves the page: {stops:?}");
        }
        let usable: Vec<Value> = tab.evaluate(USABLE).as_array().unwrap().clone();
        let missed: Vec<_> = usable.iter().filter(|name| !stops.iter().any(|stop| *name == stop)).collect();
        assert!(missed.is_empty(), "{width} wide: {missed:?} are not reached, only {stops:?}");
        println!("{width} wide: {} stops", stops.len());
    }
}
