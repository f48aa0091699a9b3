//! Common steps of the scenarios: a page and its visitor.

use std::path::{Path, PathBuf};

use plexus_tests::browser::Tab;
use plexus_tests::process::Process;

/// A block takes a tab a fraction of a second.
pub(crate) const BITS: u32 = 19;

/// Returns the folder that everything is built into.
pub(crate) fn built() -> &'static Path {
    // Cargo's folder for tests is inside it.
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("."))
}

pub(crate) fn start(folder: &Path, name: &str, network: &Path, listen: &str, more: &[&str]) -> Process {
    Process::start(&folder.join(name), network, listen, more)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn wait_live(tab: &mut Tab) {
    tab.wait("the page is live", 60, "document.querySelector('#state')?.dataset.state === 'live'");
}

/// Writes a text into a field, as a user does.
pub(crate) fn write(tab: &mut Tab, field: &str, text: &str) {
    tab.wait("the field is there", 30, &format!("!!document.querySelector({field:?})"));
    tab.evaluate(&format!(
        "(() => {{ const field = document.querySelector({field:?}); field.value = {text:?}; \
         field.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
    ));
}

pub(crate) fn click(tab: &mut Tab, id: &str) {
    tab.evaluate(&format!("document.querySelector('#{id}').click()"));
}

/// Waits until the dialog about keys is at a step.
pub(crate) fn wait_step(tab: &mut Tab, step: &str) {
    tab.wait(step, 30, &format!("document.querySelector('#key-dialog[open]')?.dataset.step === {step:?}"));
}

/// Returns an expression for the value of another expression two frames later. All that was due in
/// the next frame has run by then.
pub(crate) fn two_frames_later(expression: &str) -> String {
    format!(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done({expression}))))"
    )
}

/// The contents of the origin's storage, as text.
pub(crate) const STORE: &str = "new Promise((resolve, reject) => {
    const opened = indexedDB.open('plexus');
    opened.onerror = () => reject(opened.error);
    opened.onsuccess = () => {
        const store = opened.result.transaction('kept').objectStore('kept');
        const [names, values] = [store.getAllKeys(), store.getAll()];
        values.onsuccess = () => {
            opened.result.close();
            resolve(names.result.map((name, at) => [name, new TextDecoder('latin1').decode(values.result[at])]));
        };
    };
})";

/// Goes through the open dialog that makes a key. Returns the key's 24 words. Without a passphrase
/// the key lives in that tab.
pub(crate) fn go_through(tab: &mut Tab, name: &str, passphrase: Option<&str>) -> Vec<String> {
    wait_step(tab, "words");
    let words = tab.evaluate("[...document.querySelectorAll('#key-words li')].map(word => word.textContent)");
    let words: Vec<String> = serde_json::from_value(words).unwrap();
    assert_eq!(words.len(), 24);
    click(tab, "key-next");
    wait_step(tab, "confirm");
    let places = tab.evaluate("[...document.querySelectorAll('.asked')].map(field => +field.dataset.place)");
    let places: Vec<usize> = serde_json::from_value(places).unwrap();
    assert_eq!(places.len(), 3);
    for place in places {
        write(tab, &format!(".asked[data-place='{place}']"), &words[place - 1]);
    }
    click(tab, "key-next");
    keep(tab, name, passphrase);
    words
}

/// Goes through the last step, which chooses how to store a key.
pub(crate) fn keep(tab: &mut Tab, name: &str, passphrase: Option<&str>) {
    wait_step(tab, "keep");
    write(tab, "#key-name", name);
    match passphrase {
        Some(passphrase) => {
            write(tab, "#key-passphrase", passphrase);
            write(tab, "#key-again", passphrase);
        }
        None => click(tab, "key-tab"),
    }
    click(tab, "key-next");
    let made = format!("document.querySelector('#keys li[data-chosen]')?.dataset.name === {name:?}");
    tab.wait("the key is there", 30, &format!("!document.querySelector('#key-dialog').open && {made}"));
}

/// Makes a key as a user does. Returns its words.
pub(crate) fn make_key(tab: &mut Tab, name: &str, passphrase: Option<&str>) -> Vec<String> {
    tab.wait("a key can be made", 30, "document.querySelector('#state')?.dataset.state === 'live'");
    click(tab, "key-make");
    go_through(tab, name, passphrase)
}

/// Writes and sends a message, as a user with a key does. Returns its id.
pub(crate) fn send(tab: &mut Tab, recipient: &str, text: &str) -> String {
    for (field, text) in [("#recipient", recipient), ("#text", text)] {
        write(tab, field, text);
    }
    tab.wait("the form can be sent", 30, "!document.querySelector('#send').disabled");
    click(tab, "send");
    wait_sent(tab, text)
}

/// Waits until a message is listed as sent. Returns its id.
pub(crate) fn wait_sent(tab: &mut Tab, text: &str) -> String {
    let listed = format!(
        "[...document.querySelectorAll('#sent li')].find(item => item.textContent.includes({text:?}))"
    );
    let id = tab.wait("the message is listed as sent", 30, &format!("{listed}?.dataset.id ?? ''"));
    id.as_str().unwrap().to_owned()
}

/// Waits until a tab shows a block as valid.
pub(crate) fn wait_valid(tab: &mut Tab, hash: &str) {
    let block = format!("document.querySelector('#blocks li[data-hash=\"{hash}\"]')?.dataset.verdict");
    tab.wait("the block is shown with its verdict", 60, &format!("{block} ?? ''"));
    assert_eq!(tab.evaluate(&block), "valid");
}

/// Opens the view of the network. The page's node reports a made-up network with every feature,
/// because a real one would take time.
pub(crate) fn draw_network(tab: &mut Tab) {
    tab.evaluate(
        "(() => { const ask = window.fetch; const keys = [...'0123456789ab'].map((digit) => '02' + digit.repeat(64)); \
         const place = (at) => ({ x: 0.5 + 0.4 * Math.cos(at) * Math.sign(at), y: 0.5 + 0.4 * Math.sin(at) }); \
         const nodes = keys.map((key, at) => ({ key, distance_ms: at < 11 ? at * 7 : null, ...place(at), weak: at === 3 })); \
         const links = nodes.slice(1, 11).map(({ key, distance_ms }, at) => \
             ({ a: keys[0], b: key, rtt_ms: distance_ms, tree: at % 2 === 0, bridge: at === 3, own: true })); \
         const graph = { own: keys[0], nodes_in_all: 12, nodes, links, nearest: nodes.slice(1, 9), levels: [1, 10], \
             rings: [{ radius: 0.2, after_ms: 10 }, { radius: 0.4, after_ms: 100 }], diameter_ms: 140, cut_off: 1, weak_points: 1, bridges: 1 }; \
         window.fetch = (url, ...more) => \
             String(url).includes('/graph') ? Promise.resolve(new Response(JSON.stringify(graph))) : ask(url, ...more); \
         document.querySelector('#network-view').open = false; document.querySelector('#network-view').open = true; })()",
    );
    tab.wait(
        "the network is drawn",
        60,
        "document.querySelectorAll('#network-graph circle.node').length === 12",
    );
}

/// Chooses a file of this name and text in the field below an element, as a user does.
pub(crate) fn choose_file(tab: &mut Tab, below: &str, name: &str, text: &str) {
    tab.evaluate(&format!(
        "(() => {{ const files = new DataTransfer(); files.items.add(new File([{text:?}], {name:?})); \
         const input = document.querySelector('{below} input[type=file]'); input.files = files.files; \
         input.dispatchEvent(new Event('change')); }})()"
    ));
}

/// Asserts that nothing was thrown. Errors that the page handles, as for something not found, do
/// not count.
pub(crate) fn assert_nothing_thrown(tab: &Tab) {
    let is_thrown = |text: &&String| text.contains("exception") || text.contains("Uncaught");
    let thrown: Vec<_> = tab.trouble.iter().filter(is_thrown).collect();
    assert!(thrown.is_empty(), "the tab threw: {thrown:?}");
}

/// Returns the folder for this scenario's screenshots.
pub(crate) fn pictures() -> PathBuf {
    let folder = built().join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
