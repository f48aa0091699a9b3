//! Files that are sealed in a tab, and recognized in another.

use plexus_tests::browser::Tab;

use crate::page::{BITS, assert_nothing_thrown, choose_file, click, make_key, pictures, send, wait_sent};
use crate::stage::PageFixture;

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_file_sealed_in_a_tab_is_recognized_where_its_message_s_address_leads() {
    let fixture = PageFixture::start(BITS, &["--mine=1"]);
    let mut tab = fixture.open_live();
    make_key(&mut tab, "notary", None);

    // SHA-256 of "abc", from FIPS 180-4.
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    choose_file(&mut tab, "#seal", "contract.txt", "abc");
    let text = "document.querySelector('#text').value";
    tab.wait("the file's digest is in the message", 30, &format!("{text}.startsWith('sha256:')"));
    assert_eq!(tab.evaluate(text), format!("sha256:{digest}"));
    let markup = "<img src=x onerror='document.title=1'><b>bold</b>";
    let id = send(&mut tab, "", &format!("{markup} sha256:{digest}"));
    tab.wait(
        "it is in a block",
        120,
        &format!("document.querySelector('#sent li[data-id=\"{id}\"]')?.dataset.state === 'in-block'"),
    );

    // The address alone leads to the message, in a new tab.
    let mut other = fixture.open(&format!("/#/message/{id}"));
    other.wait(
        "the message is shown",
        60,
        "document.querySelector('#lookup-title')?.textContent === 'Message'",
    );
    let body = other.evaluate("document.querySelector('#lookup-body').textContent");
    assert!(body.as_str().unwrap().contains(markup), "text is text: {body}");
    assert_eq!(other.evaluate("document.querySelectorAll('#lookup-body :is(img, b)').length"), 0);
    let verdict = "document.querySelector('#lookup-body [data-same]')?.dataset.same ?? ''";
    choose_file(&mut other, "#lookup-body", "copy.txt", "abc");
    other.wait("the file is held against the seal", 30, &format!("{verdict} === 'true'"));
    choose_file(&mut other, "#lookup-body", "copy.txt", "abd");
    other.wait("a changed one is another", 30, &format!("{verdict} === 'false'"));
    other.screenshot(&pictures().join("sealed.png"));
    // Its proof is saved.
    other.evaluate(
        "(() => { window.saved = new Promise((resolve) => { const make = URL.createObjectURL; \
         URL.createObjectURL = (blob) => { resolve(blob); return make.call(URL, blob); }; }); })()",
    );
    other.evaluate("document.querySelector('.save-proof').click()");
    other.wait("the proof is there", 30, "(async () => (await window.saved).size)()");

    // Blocks have addresses too. For missing blocks the page says so.
    other.evaluate("document.querySelector('#lookup-body dd a[href^=\"#/block/\"]').click()");
    let title = "document.querySelector('#lookup-title').textContent";
    other.wait("its block is shown", 30, &format!("/^Block [0-9,]+$/.test({title})"));
    let trace = "document.querySelector('#lookup-body .trace-view')";
    other.wait("every rule is told", 30, &format!("{trace}?.querySelectorAll('li').length === 13"));
    assert_eq!(other.evaluate(&format!("{trace}.dataset.place")), "chain");
    let kept = format!("{trace}.querySelectorAll('li:not([data-finding=kept])').length");
    assert_eq!(other.evaluate(&kept), 0, "{}", other.evaluate(&format!("{trace}.textContent")));
    other.screenshot(&pictures().join("block.png"));
    // An address that a tab opens with is checked as soon as the chain is verified.
    let mut third = fixture.open("/#/block/1");
    third.wait("the block is shown", 60, &format!("{title} === 'Block 1'"));
    third.wait("it is found on the chain", 60, &format!("{trace}?.dataset.place === 'chain'"));
    // A node that changes a block's text is caught.
    other.evaluate(
        "(() => { const ask = window.fetch; window.fetch = async (...args) => { const answer = await (await ask(...args)).bytes(); \
         window.fetch = ask; answer[answer.length - 100] ^= 1; return new Response(answer); }; })()",
    );
    other.evaluate("document.querySelector('#lookup-form').requestSubmit()");
    let broken = format!(
        "[...{trace}.querySelectorAll('li[data-finding=broken] strong')].map((rule) => rule.textContent).join()"
    );
    other.wait("the lie is named", 30, &format!("{trace} && {broken} !== ''"));
    assert_eq!(other.evaluate(&broken), "content_root,signature,messages' signatures");
    other.screenshot(&pictures().join("lie.png"));
    other.evaluate("history.back()");
    other.wait("back leads back", 30, &format!("{title} === 'Message'"));
    other.evaluate(&format!("location.hash = '#/block/{}'", "0".repeat(64)));
    other.wait("nothing is found", 30, &format!("{title} === 'Not found'"));
    let lines =
        "['#network-rate', '#interval', '#tip-age'].map((id) => document.querySelector(id).textContent)";
    other.wait(
        "the chain's pace is shown",
        120,
        &format!("{lines}.every((text) => /^[0-9]|now/.test(text))"),
    );
    other.screenshot(&pictures().join("pace.png"));

    // The proof is verified without a node.
    fixture.node.kill();
    other.wait("the node is gone", 60, "document.querySelector('#state').dataset.state === 'offline'");
    let said = "document.querySelector('#verify-said')";
    for (change, valid) in [("", "true"), ("bytes[bytes.length >> 1] ^= 1;", "false")] {
        choose_proof(&mut other, "window.saved", change);
        other.wait("it is said what it shows", 30, &format!("{said}.dataset.valid === '{valid}'"));
        let text = other.evaluate(&format!("{said}.textContent"));
        assert_eq!(text.as_str().unwrap().contains(digest), valid == "true", "{text}");
        other.evaluate(&format!("{said}.scrollIntoView()"));
        other.screenshot(&pictures().join(format!("verified-{valid}.png")));
    }
    assert_eq!(other.evaluate(&format!("{said}.querySelectorAll(':is(img, b)').length")), 0);
    let thrown: Vec<_> = other.trouble.iter().filter(|text| text.contains("Uncaught")).collect();
    assert!(thrown.is_empty(), "the tab threw: {thrown:?}");
}

/// Chooses a proof file, once it is there and changed, in the field under "Verify a proof".
fn choose_proof(tab: &mut Tab, blob: &str, change: &str) {
    tab.evaluate(&format!(
        "(async () => {{ const bytes = new Uint8Array(await (await {blob}).arrayBuffer()); {change} \
         const files = new DataTransfer(); files.items.add(new File([bytes], 'saved.plexus')); \
         const input = document.querySelector('#verify input[type=file]'); input.files = files.files; \
         input.dispatchEvent(new Event('change')); }})()"
    ));
}

/// Compares a file with the seals of the message that is shown below an element. Returns the text
/// of the result.
fn held_against(tab: &mut Tab, below: &str, name: &str, text: &str) -> String {
    choose_file(tab, below, name, text);
    let said = format!("(document.querySelector('{below} .seal [data-same]')?.textContent ?? '')");
    let said =
        tab.wait("the file is held against the seals", 30, &format!("{said}.includes({name:?}) && {said}"));
    said.as_str().unwrap().to_owned()
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn each_of_the_files_that_a_message_seals_is_recognized() {
    let fixture = PageFixture::start(BITS, &["--mine=1"]);
    let mut tab = fixture.open_live();
    make_key(&mut tab, "notary", None);
    let seals = "(document.querySelector('#text').value.match(/sha256:/g) ?? []).length";
    for (number, name, text) in [(1, "plan.txt", "the plan"), (2, "map.txt", "the map")] {
        choose_file(&mut tab, "#seal", name, text);
        tab.wait("its digest is in the message", 30, &format!("{seals} === {number}"));
    }
    click(&mut tab, "send");
    let id = wait_sent(&mut tab, "sha256:");
    let state = format!("document.querySelector('#sent li[data-id=\"{id}\"]')?.dataset.state");
    tab.wait("it is in a block", 120, &format!("{state} === 'in-block'"));

    tab.go(&format!("{}/#/message/{id}", fixture.node.url));
    tab.wait("the message is shown", 60, "!!document.querySelector('#lookup-body .seal')");
    let proof = format!(
        "fetch('/api/v1/messages/{id}/proof', {{ headers: {{ accept: 'application/octet-stream' }} }})"
    );
    choose_proof(&mut tab, &proof, "");
    tab.wait("the proof is valid", 30, "!!document.querySelector('#verify-said .seal')");
    for below in ["#lookup-body", "#verify-said"] {
        let title = tab.evaluate(&format!("document.querySelector('{below} .seal h3').textContent"));
        assert_eq!(title, "This message seals 2 files");
        for (name, text, expected) in [
            ("second.txt", "the map", "Yes: second.txt is file 2 of the 2 that this message seals."),
            ("first.txt", "the plan", "Yes: first.txt is file 1 of the 2 that this message seals."),
            ("third.txt", "the mop", "No: third.txt is another file, or it was changed."),
        ] {
            let said = held_against(&mut tab, below, name, text);
            assert!(said.starts_with(expected), "{below}: {said}");
        }
    }
    tab.evaluate("document.querySelector('#lookup-body .seal').scrollIntoView()");
    tab.screenshot(&pictures().join("two-seals.png"));
    assert_nothing_thrown(&tab);
}
