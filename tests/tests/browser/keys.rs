//! The keys of a page's visitor: made at first use, stored encrypted, unlocked, restored, and
//! selected.

use plexus_tests::browser::{Browser, Tab};
use plexus_tests::wait::eventually;
use serde_json::{Value, json};

use crate::page::{
    BITS, STORE, click, go_through, keep, make_key, pictures, send, wait_live, wait_sent, wait_step, write,
};
use crate::stage::PageFixture;

const PASSPHRASE: &str = "correct horse battery";

/// Returns the page's description of a key.
fn state(tab: &mut Tab, name: &str) -> String {
    let state = format!("document.querySelector('#keys li[data-name={name:?}]')?.dataset.state ?? ''");
    tab.evaluate(&state).as_str().unwrap().to_owned()
}

fn wait_state(tab: &mut Tab, name: &str, state: &str) {
    let is = format!("document.querySelector('#keys li[data-name={name:?}]')?.dataset.state === {state:?}");
    tab.wait(&format!("{name} is {state}"), 30, &is);
}

fn public(tab: &mut Tab) -> String {
    tab.evaluate("document.querySelector('#key-public').textContent").as_str().unwrap().to_owned()
}

/// Answers the dialog that asks for a passphrase.
fn answer(tab: &mut Tab, passphrase: &str) {
    wait_step(tab, "unlock");
    write(tab, "#key-passphrase", passphrase);
    click(tab, "key-next");
}

fn wait_error(tab: &mut Tab, text: &str) {
    let shown = "document.querySelector('#key-error:not([hidden])')?.textContent ?? ''";
    let shown = tab.wait("what is wrong is said", 30, shown);
    assert!(shown.as_str().unwrap().contains(text), "{shown}");
}

/// Returns the sender of a node's message.
fn sender_of(fixture: &PageFixture, id: &str) -> String {
    let api = fixture.api();
    let sent = eventually("the node has the message", 30, || api.ask(&format!("/messages/{id}")));
    sent["sender"].as_str().unwrap().to_owned()
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_key_is_made_at_first_use_and_after_a_reload_asks_for_its_passphrase() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open_live();
    assert_eq!(tab.evaluate("document.querySelector('#key-none').hidden"), false, "to watch takes no key");

    // The first message makes a key. A visitor that cancels has sent nothing.
    write(&mut tab, "#text", "first");
    click(&mut tab, "send");
    wait_step(&mut tab, "words");
    click(&mut tab, "key-cancel");
    tab.wait("the dialog is gone", 30, "!document.querySelector('#key-dialog').open");
    assert_eq!(tab.evaluate("document.querySelectorAll('#sent li, #key-step *').length"), 0);
    click(&mut tab, "send");
    wait_step(&mut tab, "words");
    tab.screenshot(&pictures().join("key-words.png"));
    click(&mut tab, "key-next");
    wait_step(&mut tab, "confirm");
    for place in 0..3 {
        tab.evaluate(&format!("document.querySelectorAll('.asked')[{place}].value = 'plexus'"));
    }
    click(&mut tab, "key-next");
    wait_error(&mut tab, "is wrong");
    click(&mut tab, "key-back");
    let words = go_through(&mut tab, "ann", Some(PASSPHRASE));
    let id = wait_sent(&mut tab, "first");
    let key = public(&mut tab);
    assert_eq!(sender_of(&fixture, &id), key);

    // The words are neither stored nor left in the page.
    let store = tab.evaluate(STORE).to_string();
    assert!(store.contains("keys/616e6e"), "the key is stored under its name");
    assert!(!words[..12].iter().all(|word| store.contains(word.as_str())), "the words are not");
    let text = tab.evaluate("document.documentElement.innerHTML").to_string();
    assert!(!text.contains(&format!(">{}</li><li>{}<", words[0], words[1])), "the words are shown no more");

    // After a reload, its name and public key are shown. Using it takes the passphrase.
    tab.reload();
    wait_live(&mut tab);
    wait_state(&mut tab, "ann", "locked");
    assert_eq!(public(&mut tab), key);
    write(&mut tab, "#text", "second");
    click(&mut tab, "send");
    answer(&mut tab, "incorrect horse battery");
    wait_error(&mut tab, "The passphrase is wrong.");
    tab.screenshot(&pictures().join("key-wrong.png"));
    answer(&mut tab, PASSPHRASE);
    wait_sent(&mut tab, "second");
    assert_eq!(state(&mut tab, "ann"), "unlocked");

    // Another tab of the origin has the same key. A change in one tab changes both.
    let mut other = fixture.open_live();
    wait_state(&mut other, "ann", "unlocked");
    click(&mut tab, "key-lock");
    wait_state(&mut other, "ann", "locked");
    make_key(&mut other, "eve", Some(PASSPHRASE));
    wait_state(&mut tab, "eve", "unlocked");
    for tab in [&tab, &other] {
        assert!(tab.trouble.is_empty(), "{:?}", tab.trouble);
    }
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_key_is_restored_in_another_browser_and_of_two_the_chosen_one_signs() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut first = fixture.open("/");
    let words = make_key(&mut first, "ann", Some(PASSPHRASE));
    let ann = public(&mut first);

    let elsewhere = Browser::start();
    let mut second = elsewhere.open(&format!("{}/", fixture.node.url));
    make_key(&mut second, "bob", Some("another passphrase"));
    let bob = public(&mut second);
    click(&mut second, "key-restore");
    wait_step(&mut second, "restore");
    write(&mut second, "#key-restore-words", &format!(" {}\n", words.join("  ").to_uppercase()));
    click(&mut second, "key-next");
    keep(&mut second, "ann", Some("a third passphrase"));
    assert_eq!(public(&mut second), ann, "the words bring the same key");
    second.screenshot(&pictures().join("two-keys.png"));

    let id = send(&mut second, "", "by ann");
    assert_eq!(sender_of(&fixture, &id), ann);
    second.evaluate("document.querySelector('#keys li[data-name=bob] input').click()");
    second.wait(
        "bob is chosen",
        30,
        "document.querySelector('#keys li[data-chosen]').dataset.name === 'bob'",
    );
    let id = send(&mut second, "", "by bob");
    assert_eq!(sender_of(&fixture, &id), bob);
    second.reload();
    wait_live(&mut second);
    wait_state(&mut second, "ann", "locked");
    assert_eq!(public(&mut second), bob, "the choice is remembered");

    // The words are shown again to a visitor that knows the passphrase.
    click(&mut second, "key-show");
    answer(&mut second, "another passphrase");
    wait_step(&mut second, "show");
    assert_eq!(second.evaluate("document.querySelectorAll('#key-words li').length"), 24);
    assert!(second.trouble.is_empty(), "{:?}", second.trouble);
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_key_stored_in_the_clear_works_until_it_gets_a_passphrase() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open("/");
    let words = make_key(&mut tab, "tab", None).join(" ");
    let key = public(&mut tab);
    let keep_clear = format!(
        "new Promise((resolve) => {{ const opened = indexedDB.open('plexus'); opened.onsuccess = () => {{ \
         const kept = opened.result.transaction('kept', 'readwrite'); \
         kept.objectStore('kept').put(new TextEncoder().encode({words:?}), 'phrase'); \
         kept.oncomplete = () => {{ opened.result.close(); resolve(true); }}; }}; }})"
    );
    tab.evaluate(&keep_clear);
    tab.reload();
    wait_live(&mut tab);
    wait_state(&mut tab, "first key", "clear");
    assert_eq!(
        (public(&mut tab), tab.evaluate("document.querySelector('#key-clear').hidden")),
        (key.clone(), false.into())
    );
    send(&mut tab, "", "as before");
    tab.screenshot(&pictures().join("key-clear.png"));

    click(&mut tab, "key-protect");
    wait_step(&mut tab, "protect");
    write(&mut tab, "#key-name", "ann");
    write(&mut tab, "#key-passphrase", PASSPHRASE);
    write(&mut tab, "#key-again", "correct horse batterz");
    click(&mut tab, "key-next");
    wait_error(&mut tab, "The two passphrases differ.");
    write(&mut tab, "#key-again", PASSPHRASE);
    click(&mut tab, "key-next");
    wait_state(&mut tab, "ann", "unlocked");
    assert_eq!(public(&mut tab), key);
    let store = tab.evaluate(STORE).to_string();
    assert!(!store.contains(words.as_str()) && !store.contains("\"phrase\""), "the clear text is gone");
    tab.reload();
    wait_live(&mut tab);
    wait_state(&mut tab, "ann", "locked");
    assert_eq!(tab.evaluate("document.querySelectorAll('#keys li').length"), 1);
    assert!(tab.trouble.is_empty(), "{:?}", tab.trouble);
}

/// Returns the value of `then` in a page that has a client of its own, `client`, beside the page's.
fn beside(tab: &mut Tab, fixture: &PageFixture, then: &str) -> Value {
    tab.evaluate(&format!(
        "(async () => {{
            const {{ Client }} = await import('/client.js');
            const client = new Client({{ node: {:?} }});
            await client.keys();
            {then}
            const keys = await client.keys();
            client.close();
            return {{ said, states: keys.map(({{ state }}) => state).sort() }};
        }})()",
        fixture.node.url
    ))
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_page_that_only_sends_makes_a_key_in_one_call() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open("/");
    make_key(&mut tab, "ann", Some(PASSPHRASE));
    let made = "const said = { key: await client.makeEphemeralKey(), id: await client.submit('', 'from elsewhere') };";
    let found = beside(&mut tab, &fixture, made);
    assert_eq!(found["states"], json!(["locked", "tab"]), "{found}");
    assert_eq!(found["said"]["id"].as_str().unwrap().len(), 64);
    assert_eq!(found["said"]["key"].as_str().unwrap().len(), 66);
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_key_that_one_client_locks_stays_open_in_another() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open("/");
    make_key(&mut tab, "ann", Some(PASSPHRASE));
    let unlocked = format!(
        "const said = [];
        for (let at = 0; at < 5; at++) {{
            client.lock();
            const begun = performance.now();
            await client.unlock('ann', {PASSPHRASE:?});
            said.push(performance.now() - begun);
        }}
        client.lock();"
    );
    let found = beside(&mut tab, &fixture, &unlocked);
    println!("to unlock a key takes {} ms", found["said"]);
    assert_eq!(found["states"], json!(["locked"]), "{found}");
    assert_eq!(state(&mut tab, "ann"), "unlocked");
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_tab_mines_for_the_chosen_key_and_no_more_once_it_is_locked() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open("/");
    make_key(&mut tab, "bob", None);
    make_key(&mut tab, "ann", Some(PASSPHRASE));
    let ann = public(&mut tab);
    let api = fixture.api();
    let author = |height: u64| {
        let block = eventually("a block is mined", 120, || api.ask(&format!("/blocks/{height}")));
        block["author"].as_str().unwrap().to_owned()
    };
    click(&mut tab, "mine-toggle");
    assert_eq!(author(1), ann);

    click(&mut tab, "key-lock");
    wait_state(&mut tab, "ann", "locked");
    tab.wait("mining is off", 30, "document.querySelector('#mine').dataset.mining === 'off'");
    click(&mut tab, "mine-toggle");
    wait_step(&mut tab, "unlock");
    click(&mut tab, "key-cancel");
    assert_eq!(tab.evaluate("document.querySelector('#mine').dataset.mining"), "off");

    // The other key needs no unlocking. Blocks mined from now on belong to it.
    tab.evaluate("document.querySelector('#keys li[data-name=bob] input').click()");
    tab.wait("bob is chosen", 30, "document.querySelector('#keys li[data-chosen]').dataset.name === 'bob'");
    let bob = public(&mut tab);
    let mined = api.ask("/status").unwrap()["height"].as_u64().unwrap();
    click(&mut tab, "mine-toggle");
    assert_eq!(author(mined + 1), bob);
    assert!(tab.trouble.is_empty(), "{:?}", tab.trouble);
}
