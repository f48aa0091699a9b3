//! The main job, in a real headless Chromium: a message written in a tab, mined by that tab, verified, stored and
//! broadcast by the node, received by a second node and a second tab; and all of it still there after kill -9. Then what
//! befalls a page whose node is gone, and one that mines on the graphics processor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at the one variant that they are about")]

use std::path::{Path, PathBuf};
use std::process::Command;
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

mod fork;
mod hostile;
mod keyboard;
mod keys;
mod laboratory;
mod layout;
mod package;
mod quality;
mod sending;
mod speed;
mod stage;
mod tabs;

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
    lack("NO BROWSER: Chromium is missing, the page is NOT tested. Install it, or name it in CHROMIUM.");
    None
}

/// Says loudly what is not tested, and why; where all has to be, that is a failure.
fn lack(text: &str) {
    assert!(std::env::var("CI").is_err(), "{text}");
    eprintln!("{}\n{text}\n{}", "!".repeat(text.len()), "!".repeat(text.len()));
}

/// The folder that all is built into.
fn built() -> &'static Path {
    // Cargo gives tests a folder inside it.
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("."))
}

fn start(folder: &Path, name: &str, network: &Path, listen: &str, more: &[&str]) -> Process {
    Process::start(&folder.join(name), network, listen, more)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn wait_live(tab: &mut Tab) {
    tab.wait("the page is live", 60, "document.querySelector('#state')?.dataset.state === 'live'");
}

/// Writes a text into a field, as a person does.
fn write(tab: &mut Tab, field: &str, text: &str) {
    tab.wait("the field is there", 30, &format!("!!document.querySelector({field:?})"));
    tab.evaluate(&format!(
        "(() => {{ const field = document.querySelector({field:?}); field.value = {text:?}; \
         field.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
    ));
}

fn click(tab: &mut Tab, id: &str) {
    tab.evaluate(&format!("document.querySelector('#{id}').click()"));
}

/// Waits until the dialog about keys is at a step.
fn wait_step(tab: &mut Tab, step: &str) {
    tab.wait(step, 30, &format!("document.querySelector('#key-dialog[open]')?.dataset.step === {step:?}"));
}

/// Goes through the dialog in which a key is made, once it is open: the key's 24 words. Without a passphrase it lives in that tab.
fn go_through(tab: &mut Tab, name: &str, passphrase: Option<&str>) -> Vec<String> {
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

/// Goes through the last step: how a key is kept.
fn keep(tab: &mut Tab, name: &str, passphrase: Option<&str>) {
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

/// Makes a key as a person does.
fn make_key(tab: &mut Tab, name: &str, passphrase: Option<&str>) -> Vec<String> {
    tab.wait("a key can be made", 30, "document.querySelector('#state')?.dataset.state === 'live'");
    click(tab, "key-make");
    go_through(tab, name, passphrase)
}

/// Writes and sends a message as a person does that has a key: its id.
fn send(tab: &mut Tab, recipient: &str, text: &str) -> String {
    for (field, text) in [("#recipient", recipient), ("#text", text)] {
        write(tab, field, text);
    }
    tab.wait("the form can be sent", 30, "!document.querySelector('#send').disabled");
    click(tab, "send");
    wait_sent(tab, text)
}

/// Waits until a message is listed as sent: its id.
fn wait_sent(tab: &mut Tab, text: &str) -> String {
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

/// Opens the view of the network, and has the page's node tell of one with a bit of everything: real ones take their time.
fn draw_network(tab: &mut Tab) {
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

/// What a page is told of and takes in its stride, as that something is not found, is no exception.
fn assert_nothing_thrown(tab: &Tab) {
    let is_thrown = |text: &&String| text.contains("exception") || text.contains("Uncaught");
    let thrown: Vec<_> = tab.trouble.iter().filter(is_thrown).collect();
    assert!(thrown.is_empty(), "the tab threw: {thrown:?}");
}

/// Where this story leaves its pictures.
fn pictures() -> PathBuf {
    let folder = built().join("screenshots");
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
        "!document.querySelector('#peers li[data-kind=home]')",
    );
    let alice = start(folder.path(), "alice", &network, &address, &[]);
    assert_eq!(here.height_of(&hash), Some(height), "the block is still there");
    assert_eq!(here.ask(&format!("/messages/{id}")).unwrap()["number_of_block"], height);
    first.wait("the tab has its node again", 60, "!!document.querySelector('#peers li[data-kind=home]')");
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

/// Moves a control of the mining panel as a person does.
fn choose(tab: &mut Tab, control: &str, property: &str, value: &str) {
    tab.evaluate(&format!(
        "(() => {{ const control = document.querySelector('#{control}'); control.{property} = {value}; \
         for (const type of ['input', 'change']) control.dispatchEvent(new Event(type, {{ bubbles: true }})); }})()"
    ));
}

/// Has a page think that it is hidden, or shown.
fn hide(tab: &mut Tab, hidden: bool) {
    tab.evaluate(&format!(
        "Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }}); \
         document.dispatchEvent(new Event('visibilitychange'))"
    ));
}

#[test]
fn a_tab_mines_with_and_without_vectors_and_pauses_while_it_is_hidden() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let network = process::network(folder.path(), BITS);
    let alice = start(folder.path(), "alice", &network, "127.0.0.1:0", &[]);
    let here = Api::new(&alice.url);
    let height = || here.ask("/status").and_then(|status| status["height"].as_u64()).unwrap();

    for (address, vectors) in [("/?vectors=off", "false"), ("/", "true")] {
        let mut tab = browser.open(&format!("{}{address}", alice.url));
        wait_live(&mut tab);
        make_key(&mut tab, "miner", None);
        let before = height();
        choose(&mut tab, "mine-hidden", "checked", "true");
        tab.evaluate("document.querySelector('#mine-toggle').click()");
        eventually("blocks are mined", 120, || (height() >= before + 3).then_some(()));
        let of = |name| format!("document.querySelector('#hash-rate').dataset.{name} ?? ''");
        let kernel = tab.wait("it is said what searches", 30, &of("kernel"));
        assert_eq!(tab.evaluate(&of("vectors")), vectors);
        // Which kernel is fastest is the machine's affair; one of vectors needs vectors.
        assert!(vectors == "true" || kernel != "simd128", "{kernel}");
        println!("a tab at {address} mines by the kernel {kernel}");

        hide(&mut tab, true);
        tab.wait("mining is paused", 30, "document.querySelector('#mine').dataset.mining === 'waiting'");
        let said = tab.evaluate("document.querySelector('#mine-waiting').textContent");
        assert_eq!(said, "Paused while this page is hidden.");
        // What was found before it paused has arrived.
        std::thread::sleep(Duration::from_millis(500));
        let paused = height();
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(height(), paused, "nothing is mined while the page is hidden");

        hide(&mut tab, false);
        eventually("mining goes on", 60, || (height() > paused).then_some(()));
        choose(&mut tab, "mine-percent", "value", "'10'");
        tab.evaluate("document.querySelector('#mine-toggle').click()");
        tab.wait("mining is off", 30, "document.querySelector('#mine').dataset.mining === 'off'");
        tab.reload();
        wait_live(&mut tab);
        tab.wait("the effort is remembered", 30, "document.querySelector('#mine-percent').value === '10'");
        assert_eq!(tab.evaluate("document.querySelector('#mine-hidden').checked"), true);
        assert!(tab.trouble.is_empty(), "{:?}", tab.trouble);
    }
}

/// `cargo test -p plexus-tests --test browser -- --ignored --nocapture`, which takes npm's hash-wasm from the registry; in
/// `HASH_WASM`, the path of its `dist/index.esm.min.js` says where it is already.
#[test]
#[ignore = "measures, and needs npm's registry"]
fn how_fast_a_tab_mines_beside_hash_wasm() {
    const ROUNDS: usize = 9;
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let library = std::env::var_os("HASH_WASM").map(PathBuf::from).unwrap_or_else(|| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--prefix"]).arg(folder.path()).arg("hash-wasm");
        assert!(npm.status().unwrap().success(), "npm cannot fetch hash-wasm");
        folder.path().join("node_modules/hash-wasm/dist/index.esm.min.js")
    });
    let library = serde_json::to_string(&std::fs::read_to_string(library).unwrap()).unwrap();
    let network = process::network(folder.path(), 40);
    let alice = start(folder.path(), "alice", &network, "127.0.0.1:0", &[]);
    let header = *process::parameters(&network).genesis();
    let target = header.bits.target().unwrap();
    let (history_root, body_root) = (Hash::of(b"history"), Hash::of(b"body"));
    let job = Job { id: JobId(1), header, target, history_root, body_root, extra: 0 };
    let job = serde_json::to_string(&job.encode()).unwrap();
    // A Worker is made of text here, as the page's policy does not allow.
    let mut tab = browser.open(&format!("{}/pkg/plexus_miner.js", alice.url));
    tab.reload_without_policy();
    tab.wait("the file is shown", 30, "!!document.body?.innerText.includes('Miner')");
    let rates = tab.evaluate(&format!(
        "(async () => {{
           const text = (text) => URL.createObjectURL(new Blob([text], {{ type: 'text/javascript' }}));
           const worker = new Worker(text(`onmessage = async ({{ data: {{ library, origin, job, rounds }} }}) => {{
             const {{ createSHA256 }} = await import(library);
             const racers = {{}};
             for (const program of ['plexus_web', 'plexus_miner']) {{
               const {{ default: init, Miner }} = await import(origin + '/pkg/' + program + '.js');
               await init({{ module_or_path: new URL(origin + '/pkg/' + program + '_bg.wasm') }});
               const miner = new Miner();
               miner.search(new Uint8Array(job), 0, 1, 100);
               racers[program] = () => {{ miner.slice(); return miner.takeTries(); }};
               for (const begun = performance.now(); performance.now() < begun + 3000;) racers[program]();
               racers[program].kernel = miner.kernel();
             }}
             const hasher = await createSHA256(), whole = new Uint8Array(96), rest = new Uint8Array(32);
             hasher.init();
             const begun = hasher.update(new Uint8Array(64)).save();
             const thousand = (hash) => () => {{ for (let n = 0; n < 1000; n += 1) hash(n & 255); return 1000; }};
             racers['hash-wasm, all 96 bytes'] = thousand((n) => {{
               whole[95] = n;
               hasher.init().update(whole).digest('binary');
             }});
             racers['hash-wasm, from a saved state'] = thousand((n) => {{
               rest[31] = n;
               hasher.load(begun).update(rest).digest('binary');
             }});
             const rates = Object.entries(racers).map(([name, run]) => ({{ name, kernel: run.kernel, rates: [] }}));
             for (let round = -1; round < rounds; round += 1) {{
               for (const racer of rates) {{
                 const start = performance.now();
                 let tries = 0, end = start;
                 while (end < start + 200) {{ tries += racers[racer.name](); end = performance.now(); }}
                 if (round >= 0) racer.rates.push(tries / (end - start) * 1000);
               }}
             }}
             postMessage(rates);
           }};`), {{ type: 'module' }});
           const answer = new Promise((resolve, reject) => {{
             worker.onmessage = ({{ data }}) => resolve(data);
             worker.onerror = ({{ message }}) => reject(new Error(message));
           }});
           worker.postMessage({{ library: text({library}), origin: location.origin, job: {job}, rounds: {ROUNDS} }});
           return answer;
         }})()"
    ));
    let mut medians = Vec::new();
    for racer in rates.as_array().unwrap() {
        let mut rates: Vec<_> = racer["rates"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
        rates.sort_by(f64::total_cmp);
        assert_eq!(rates.len(), ROUNDS);
        medians.push((racer["name"].as_str().unwrap(), racer["kernel"].as_str(), rates[ROUNDS / 2]));
    }
    // The faster way to use the library counts.
    let library = medians[2].2.max(medians[3].2);
    for (name, kernel, rate) in medians {
        let kernel = kernel.map(|kernel| format!(" by its kernel {kernel}")).unwrap_or_default();
        let (rate_m, ratio) = (rate / 1e6, rate / library);
        println!("MEASURED {name}{kernel}: {rate_m:.2} MH/s, {ratio:.2} times hash-wasm");
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

/// Chooses a file of this name and text in the field below an element, as a person does.
fn choose_file(tab: &mut Tab, below: &str, name: &str, text: &str) {
    tab.evaluate(&format!(
        "(() => {{ const files = new DataTransfer(); files.items.add(new File([{text:?}], {name:?})); \
         const input = document.querySelector('{below} input[type=file]'); input.files = files.files; \
         input.dispatchEvent(new Event('change')); }})()"
    ));
}

#[test]
fn a_file_sealed_in_a_tab_is_recognized_where_its_message_s_address_leads() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let network = process::network(folder.path(), BITS);
    let alice = start(folder.path(), "alice", &network, "127.0.0.1:0", &["--mine=1"]);
    let mut tab = browser.open(&format!("{}/", alice.url));
    wait_live(&mut tab);
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

    // The address alone leads there, in a tab that has seen nothing.
    let mut other = browser.open(&format!("{}/#/message/{id}", alice.url));
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
    // Its proof is saved,
    other.evaluate(
        "(() => { window.saved = new Promise((resolve) => { const make = URL.createObjectURL; \
         URL.createObjectURL = (blob) => { resolve(blob); return make.call(URL, blob); }; }); })()",
    );
    other.evaluate("document.querySelector('.save-proof').click()");
    other.wait("the proof is there", 30, "(async () => (await window.saved).size)()");

    // Blocks have addresses too, and what is not there is said not to be.
    other.evaluate("document.querySelector('#lookup-body dd a[href^=\"#/block/\"]').click()");
    let title = "document.querySelector('#lookup-title').textContent";
    other.wait("its block is shown", 30, &format!("/^Block [0-9,]+$/.test({title})"));
    let trace = "document.querySelector('#lookup-body .trace-view')";
    other.wait("every rule is told", 30, &format!("{trace}?.querySelectorAll('li').length === 13"));
    assert_eq!(other.evaluate(&format!("{trace}.dataset.place")), "chain");
    let kept = format!("{trace}.querySelectorAll('li:not([data-finding=kept])').length");
    assert_eq!(other.evaluate(&kept), 0, "{}", other.evaluate(&format!("{trace}.textContent")));
    other.screenshot(&pictures().join("block.png"));
    // An address that a tab opens with is held against the chain as soon as that is checked.
    let mut third = browser.open(&format!("{}/#/block/1", alice.url));
    third.wait("the block is shown", 60, &format!("{title} === 'Block 1'"));
    third.wait("it is found on the chain", 60, &format!("{trace}?.dataset.place === 'chain'"));
    // A node that tells of the block with another text is found out.
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

    // and verified where no node is.
    alice.kill();
    other.wait("the node is gone", 60, "document.querySelector('#state').dataset.state === 'offline'");
    let said = "document.querySelector('#verify-said')";
    for (change, valid) in [("", "true"), ("bytes[bytes.length >> 1] ^= 1;", "false")] {
        other.evaluate(&format!(
            "(async () => {{ const bytes = new Uint8Array(await (await window.saved).arrayBuffer()); {change} \
             const files = new DataTransfer(); files.items.add(new File([bytes], 'saved.plexus')); \
             const input = document.querySelector('#verify input[type=file]'); input.files = files.files; \
             input.dispatchEvent(new Event('change')); }})()"
        ));
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

/// A page's tab with an emulated graphics processor; none where the browser has not got one.
fn with_gpu(url: &str) -> Option<(Browser, Tab)> {
    let browser = Browser::start_with_gpu(&program()?);
    let mut tab = browser.open(&format!("{url}/"));
    tab.wait("the page is there", 60, "document.readyState === 'complete'");
    let offered = "navigator.gpu?.requestAdapter().then(adapter => !!adapter, () => false) ?? false";
    if tab.evaluate(offered) == true {
        return Some((browser, tab));
    }
    lack("NO WEBGPU: this Chromium emulates no graphics processor, mining on one is NOT tested in the page.");
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
    make_key(&mut tab, "miner", None);
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

#[test]
fn the_network_is_drawn_as_the_page_s_node_sees_it() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let network = process::network(folder.path(), BITS);
    let alice = start(folder.path(), "alice", &network, "127.0.0.1:0", &[]);
    let address = alice.address().to_owned();
    let others = ["bob", "carol"]
        .map(|name| start(folder.path(), name, &network, "127.0.0.1:0", &["--connect", &address]));
    let mut tab = browser.open(&format!("{}/#network-card", alice.url));
    wait_live(&mut tab);
    let spots = "document.querySelectorAll('#network-graph circle.node').length";
    tab.wait("all nodes are drawn", 120, &format!("{spots} === {}", others.len() + 1));
    assert_eq!(tab.evaluate("document.querySelectorAll('#network-graph circle.own').length"), 1);
    let ways = "document.querySelectorAll('#network-graph :is(.tree, .bridge)').length";
    assert_eq!(tab.evaluate(ways), 2, "a block's way to each of the others is drawn");
    let said = tab.evaluate("document.querySelector('#network-said').textContent");
    assert!(said.as_str().unwrap().starts_with("3 nodes, up to "), "{said}");
    let whys = "document.querySelectorAll('#network-links > li[data-slot]').length";
    tab.wait("each link is listed with its reason", 30, &format!("{whys} === {}", others.len()));
    tab.evaluate("document.querySelector('#network-replay').click()");
    let moving =
        "document.getAnimations().filter(({ effect }) => effect.target.closest('#network-graph')).length";
    assert_eq!(tab.evaluate(moving), 3);
    tab.screenshot(&pictures().join("network.png"));
}

#[test]
fn a_page_that_was_loaded_once_opens_without_its_node() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let network = process::network(folder.path(), BITS);
    let alice = start(folder.path(), "alice", &network, "127.0.0.1:0", &["--mine=1"]);
    let (url, listen) = (alice.url.clone(), alice.url.trim_start_matches("http://").to_owned());
    let mut tab = browser.open(&format!("{url}/"));
    wait_live(&mut tab);
    let kept =
        "navigator.serviceWorker.controller && (await (await caches.open('plexus-page')).keys()).length";
    tab.wait("the page's files are kept", 60, &format!("(async () => {kept})()"));
    let height = "Number(document.querySelector('#height').textContent.replace(/[^0-9]/g, ''))";
    tab.wait("there are blocks", 60, &format!("{height} > 3"));
    alice.kill();
    tab.wait("the node is gone", 60, "document.querySelector('#state').dataset.state === 'offline'");
    tab.reload();
    tab.wait(
        "the page is there all the same",
        60,
        "document.querySelector('#state')?.dataset.state === 'offline'",
    );
    tab.wait("with its chain", 60, &format!("{height} > 3"));
    tab.wait(
        "and its blocks",
        60,
        "document.querySelectorAll('#blocks > li[data-verdict=valid]').length > 3",
    );
    tab.screenshot(&pictures().join("offline.png"));
    let _again = start(folder.path(), "alice", &network, &listen, &[]);
    wait_live(&mut tab);
}
