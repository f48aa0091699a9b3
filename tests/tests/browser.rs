//! The main job, in a real headless Chromium: a message written in a tab, mined by that tab, verified, stored and
//! broadcast by the node, received by a second node and a second tab; and all of it still there after kill -9. Then what
//! befalls a page whose node is gone, and one that mines on the graphics processor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at the one variant that they are about")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plexus_core::block::{Header, VERSION};
use plexus_core::hash::Hash;
use plexus_core::kernel::Kernel;
use plexus_core::mine::{Job, JobId, Search};
use plexus_core::pow::Bits;
use plexus_core::time::Time;
use plexus_tests::api::Api;
use plexus_tests::browser::{self, Browser, Tab};
use plexus_tests::process::{self, Process, eventually};
use serde_json::Value;

/// A block takes a tab a fraction of a second.
const BITS: u32 = 19;

/// The browser, or why the story cannot be told.
fn browser() -> Option<Browser> {
    program().map(|program| Browser::start(&program))
}

fn program() -> Option<PathBuf> {
    if let Some(program) = browser::find() {
        return Some(program);
    }
    let text = "NO BROWSER: Chromium is missing, the page is NOT tested. Install it, or name it in CHROMIUM.";
    assert!(std::env::var("CI").is_err(), "{text}");
    eprintln!("{}\n{text}\n{}", "!".repeat(text.len()), "!".repeat(text.len()));
    None
}

fn start(folder: &Path, name: &str, network: &Path, listen: &str, more: &[&str]) -> Process {
    Process::start(&folder.join(name), network, listen, more)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn wait_live(tab: &mut Tab) {
    tab.wait("the page is live", 60, "document.querySelector('#state')?.dataset.state === 'live'");
}

/// Writes and sends a message as a person does: its id.
fn send(tab: &mut Tab, recipient: &str, text: &str) -> String {
    tab.wait("the form is there", 30, "!!document.querySelector('#send-form')");
    for (field, text) in [("recipient", recipient), ("text", text)] {
        tab.evaluate(&format!(
            "(() => {{ const field = document.querySelector('#{field}'); field.value = {text:?}; \
             field.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
        ));
    }
    tab.wait("the form can be sent", 30, "!document.querySelector('#send').disabled");
    tab.evaluate("document.querySelector('#send').click()");
    let listed = format!(
        "[...document.querySelectorAll('#sent li')].find(item => item.textContent.includes({text:?}))"
    );
    let id = tab.wait("the message is listed as sent", 30, &format!("{listed}?.dataset.id ?? ''"));
    id.as_str().unwrap().to_owned()
}

/// Waits until a tab shows a block with the verdict that it is valid.
fn wait_valid(tab: &mut Tab, hash: &str) {
    let block = format!("document.querySelector('#blocks li[data-hash=\"{hash}\"]')?.dataset.verdict");
    tab.wait("the block is shown with its verdict", 60, &format!("{block} ?? ''"));
    assert_eq!(tab.evaluate(&block), "valid");
}

/// Where this story leaves its pictures.
fn pictures() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().find(|path| path.join("CACHEDIR.TAG").exists()).unwrap_or(Path::new("."));
    let folder = folder.join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_message_written_in_a_tab_is_mined_there_and_known_everywhere_even_after_kill_9() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let network = process::network(folder.path(), BITS);
    let alice = start(folder.path(), "alice", &network, "127.0.0.1:0", &[]);
    let address = alice.address().to_owned();
    let bob = start(folder.path(), "bob", &network, "127.0.0.1:0", &["--connect", &address]);
    let (here, there) = (Api::new(&alice.url), Api::new(&bob.url));

    let opened = Instant::now();
    let mut first = browser.open(&format!("{}/", alice.url));
    wait_live(&mut first);
    println!("from opening the page to live: {} ms", opened.elapsed().as_millis());
    let mut second = browser.open(&format!("{}/", bob.url));
    wait_live(&mut second);

    // Written in the first tab, mined by it.
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

    // A third tab opens: how long until it has verified a block by itself?
    let opened = Instant::now();
    let mut third = browser.open(&format!("{}/", alice.url));
    third.wait("a verified block is shown", 60, "!!document.querySelector('#blocks li[data-verdict=valid]')");
    println!("from opening the page to the first verified block: {} ms", opened.elapsed().as_millis());

    // The node is killed and started again: everything is there, and the tabs come back.
    alice.kill();
    first.wait(
        "the tab sees that the node is gone",
        60,
        "document.querySelector('#state').dataset.state !== 'live'",
    );
    let alice = start(folder.path(), "alice", &network, &address, &[]);
    assert_eq!(here.height_of(&hash), Some(height), "the block is still there");
    assert_eq!(here.ask(&format!("/messages/{id}")).unwrap()["number_of_block"], height);
    wait_live(&mut first);

    // A tab that is loaded anew resumes with its key and what it sent.
    let key = "document.querySelector('#key-public').textContent.trim()";
    let before = first.evaluate(key);
    first.reload();
    wait_live(&mut first);
    first.wait("the key is shown", 30, &format!("{key}.length >= 66"));
    assert_eq!(first.evaluate(key), before, "the key is the same");
    wait_valid(&mut first, &hash);

    // It goes on: another message, mined by the node's own miner this time.
    let id = send(&mut second, "alice", "hello from the second tab");
    assert!(alice.terminate().success());
    let alice = start(folder.path(), "alice", &network, &address, &["--mine=1"]);
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

#[test]
fn a_page_whose_node_is_gone_goes_on_with_the_others_it_knows_of() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let network = process::network(folder.path(), BITS);
    let alice = start(folder.path(), "alice", &network, "127.0.0.1:0", &["--mine=1"]);
    let bob = start(folder.path(), "bob", &network, "127.0.0.1:0", &["--connect", alice.address()]);

    // The page is bob's, its node is alice, who tells it of bob.
    let mut tab = browser.open(&format!("{}/?node={}", bob.url, alice.url));
    wait_live(&mut tab);
    tab.wait(
        "both are there and agree",
        60,
        "document.querySelectorAll('#peers li[data-agreement=agrees]').length === 2",
    );
    assert_eq!(
        tab.evaluate("document.querySelector('#state-detail').textContent"),
        "2 nodes, all of one mind"
    );
    assert_eq!(tab.evaluate("document.querySelectorAll('#peers li[data-kind=home]').length"), 1);
    tab.screenshot(&pictures().join("two-nodes.png"));
    tab.evaluate("document.querySelector('footer').scrollIntoView()");
    tab.screenshot(&pictures().join("two-nodes-footer.png"));
    // What it heard is kept within seconds.
    std::thread::sleep(Duration::from_secs(4));

    alice.kill();
    tab.wait("alice is gone", 60, "!document.querySelector('#peers li[data-kind=home]')");
    assert_eq!(tab.evaluate("document.querySelector('#state').dataset.state"), "live", "bob is there");
    assert_eq!(tab.evaluate("document.querySelectorAll('#notices li').length"), 0, "nobody need be told");
    tab.reload();
    wait_live(&mut tab);
    tab.wait(
        "bob is found in the book",
        30,
        "document.querySelectorAll('#peers li[data-kind]').length === 1",
    );
    tab.screenshot(&pictures().join("one-node-left.png"));

    bob.kill();
    tab.wait("nobody is left", 60, "document.querySelector('#state').dataset.state === 'offline'");
    tab.wait("it is said why", 30, "!document.querySelector('#trouble').hidden");
    tab.screenshot(&pictures().join("nobody-left.png"));
}

/// A page's tab with an emulated graphics processor; none where the browser has not got one.
fn with_gpu(url: &str) -> Option<(Browser, Tab)> {
    let browser = Browser::start_with_gpu(&program()?);
    let mut tab = browser.open(&format!("{url}/"));
    tab.wait("the page is there", 60, "document.readyState === 'complete'");
    let offered = "navigator.gpu?.requestAdapter().then(adapter => !!adapter, () => false) ?? false";
    if tab.evaluate(offered) == true {
        return Some((browser, tab));
    }
    let text =
        "NO WEBGPU: this Chromium emulates no graphics processor, mining on one is NOT tested in the page.";
    assert!(std::env::var("CI").is_err(), "{text}");
    eprintln!("{}\n{text}\n{}", "!".repeat(text.len()), "!".repeat(text.len()));
    None
}

/// Starts the page's own searcher with a job, and collects what it says until so many solutions are there.
const SEARCHER: &str = "(async (job, number, count, wanted) => {
    const module = await WebAssembly.compileStreaming(fetch('/pkg/plexus_web_bg.wasm'));
    const worker = new Worker('/gpu.js', { type: 'module' });
    let tries = 0;
    const found = [];
    const hex = bytes => [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('');
    const done = new Promise((resolve, reject) => {
        worker.onerror = event => reject(new Error(event.message));
        worker.onmessage = ({ data }) => {
            if (data.failed) reject(new Error(data.failed));
            tries += data.tries;
            if (data.solution) found.push([hex(data.solution), tries]);
            if (found.length >= wanted) resolve(found);
        };
    });
    worker.postMessage({ module });
    worker.postMessage({ job: Uint8Array.from(job.match(/../g), byte => parseInt(byte, 16)), number, count });
    await done;
    worker.terminate();
    return found.slice(0, wanted);
})";

#[test]
fn the_graphics_processor_finds_in_a_page_what_the_portable_kernel_finds() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path(), "alice", &process::network(folder.path(), BITS), "127.0.0.1:0", &[]);
    let Some((_browser, mut tab)) = with_gpu(&node.url) else { return };
    // Solved every 2^13 nonces; every other nonce of the last is solved. Shares of one begin below the end of all nonces,
    // where both words carry.
    for (id, bits, number, count, wanted) in
        [(1, 0x1f01_0000, 0, 1, 12), (2, 0x1f01_0000, 30_000, 1, 12), (3, 0x2010_0000, 1, 3, 60)]
    {
        let bits = Bits::from_u32(bits);
        let header = Header {
            prev_hash: Hash::of(&[id]),
            content_root: Hash::ZERO,
            version: VERSION,
            height: 1,
            time: Time::from_unix_ms(id.into()),
            bits,
            nonce: 0,
        };
        let (history_root, body_root) = (Hash::of(b"history"), Hash::of(b"body"));
        let job = Job {
            id: JobId(id.into()),
            header,
            target: bits.target().unwrap(),
            history_root,
            body_root,
            extra: u64::MAX - 3,
        };
        let mut search = Search::new(&job, Search::share(number, count)).with_kernel(Kernel::PORTABLE);
        let expected: Vec<_> = (0..wanted)
            .map(|_| {
                let solution = search.run(u64::MAX).unwrap();
                let numbers = [solution.job.0, solution.nonce, solution.extra];
                (hex::encode(numbers.map(u64::to_be_bytes).concat()), search.tried())
            })
            .collect();
        let job = hex::encode(job.encode());
        let found = tab.evaluate(&format!("{SEARCHER}({job:?}, {number}, {count}, {wanted})"));
        assert_eq!(found, serde_json::to_value(expected).unwrap(), "job {id}");
    }
}

#[test]
fn a_page_mines_on_the_graphics_processor_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path(), "alice", &process::network(folder.path(), BITS), "127.0.0.1:0", &[]);
    let Some((_browser, mut tab)) = with_gpu(&node.url) else { return };
    wait_live(&mut tab);
    tab.wait("the switch is shown", 30, "!document.querySelector('#mine-gpu-row').hidden");
    tab.evaluate("document.querySelector('#mine-gpu').click()");
    tab.evaluate("document.querySelector('#mine-toggle').click()");
    // The second of two searchers begins in the middle of all nonces.
    let api = Api::new(&node.url);
    let mut seen = 0;
    let nonce = eventually("the graphics processor mined a block", 240, || {
        seen += 1;
        let block = api.ask(&format!("/blocks/{seen}"));
        seen -= u64::from(block.is_none());
        let nonce: u64 = block?["nonce"].as_str()?.parse().unwrap();
        (nonce >= Search::share(1, 2)).then_some(nonce)
    });
    println!("block {seen} was mined on the graphics processor, with nonce {nonce}");
    tab.screenshot(&pictures().join("mining-on-gpu.png"));
    tab.evaluate("document.querySelector('#mine-toggle').click()");
    tab.reload();
    wait_live(&mut tab);
    tab.wait("the choice is remembered", 30, "document.querySelector('#mine-gpu').checked");
    let thrown: Vec<_> = tab.trouble.iter().filter(|text| text.contains("exception")).collect();
    assert!(thrown.is_empty(), "{thrown:?}");
}
