//! Mining in a tab: on the processor, and on the graphics processor.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use plexus_core::mining::job::{Job, JobId};
use plexus_core::mining::kernel::Kernel;
use plexus_core::mining::search::Search;
use plexus_core::primitives::block::{Header, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::pow::Bits;
use plexus_core::primitives::time::Timestamp;
use plexus_tests::api::ApiClient;
use plexus_tests::browser::{Browser, Tab};
use plexus_tests::observer::Observer;
use plexus_tests::process;
use plexus_tests::wait::eventually;
use serde_json::Value;

use crate::page::{BITS, make_key, pictures, start, wait_live, wait_valid};
use crate::stage::PageFixture;

/// Moves a control of the mining panel as a user does.
fn choose(tab: &mut Tab, control: &str, property: &str, value: &str) {
    tab.evaluate(&format!(
        "(() => {{ const control = document.querySelector('#{control}'); control.{property} = {value}; \
         for (const type of ['input', 'change']) control.dispatchEvent(new Event(type, {{ bubbles: true }})); }})()"
    ));
}

/// Makes a page behave as if it were hidden, or shown.
fn hide(tab: &mut Tab, hidden: bool) {
    tab.evaluate(&format!(
        "Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }}); \
         document.dispatchEvent(new Event('visibilitychange'))"
    ));
}

/// The most time for anything between the node and another miner.
const PATIENCE: Duration = Duration::from_secs(60);
/// The number of blocks that others mine while a tab pauses. A tab with a fifth of their hash rate
/// would mine four meanwhile.
const OTHERS_BLOCKS: usize = 20;

/// Makes another miner mine blocks that the node has. Returns the hash of the last.
fn mine_blocks(other: &mut Observer, node: &ApiClient, blocks: usize) -> Hash {
    let mut hash = Hash::ZERO;
    for _ in 0..blocks {
        hash = other.mine();
        other.listen(PATIENCE, |_| node.height_of(&hash.to_string()).is_some());
    }
    hash
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_tab_mines_with_and_without_vectors_and_pauses_while_it_is_hidden() {
    let fixture = PageFixture::start(BITS, &[]);
    let here = fixture.api();
    let height = || here.ask("/status").and_then(|status| status["height"].as_u64()).unwrap();

    for (address, vectors) in [("/?vectors=off", "false"), ("/", "true")] {
        let mut tab = fixture.open(address);
        wait_live(&mut tab);
        make_key(&mut tab, "miner", None);
        let before = height();
        choose(&mut tab, "mine-hidden", "checked", "true");
        tab.evaluate("document.querySelector('#mine-toggle').click()");
        eventually("blocks are mined", 120, || (height() >= before + 3).then_some(()));
        let of = |name| format!("document.querySelector('#hash-rate').dataset.{name} ?? ''");
        let kernel = tab.wait("it is said what searches", 30, &of("kernel"));
        assert_eq!(tab.evaluate(&of("vectors")), vectors);
        // Any kernel may be the fastest on this machine, but a vector kernel needs vectors.
        assert!(vectors == "true" || kernel != "simd128", "{kernel}");
        println!("a tab at {address} mines by the kernel {kernel}");

        hide(&mut tab, true);
        tab.wait("mining is paused", 30, "document.querySelector('#mine').dataset.mining === 'waiting'");
        let said = tab.evaluate("document.querySelector('#mine-waiting').textContent");
        assert_eq!(said, "Paused while this page is hidden.");
        // A solution that was found before the pause is worth nothing once the tab has other blocks.
        let mut other =
            Observer::connect(fixture.node.address(), &process::parameters(&fixture.network)).unwrap();
        other.listen(PATIENCE, |other| other.height() == height());
        let found = "document.querySelector('#mine-found').textContent";
        wait_valid(&mut tab, &mine_blocks(&mut other, &here, 2).to_string());
        let before = tab.evaluate(found);
        wait_valid(&mut tab, &mine_blocks(&mut other, &here, OTHERS_BLOCKS).to_string());
        assert_eq!(tab.evaluate(found), before, "nothing is mined while the page is hidden");

        let paused = height();
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

/// `cargo test -p plexus-tests --test browser -- --ignored --nocapture`, which takes npm's
/// hash-wasm from the registry. If it is there already, set `HASH_WASM` to the path of its
/// `dist/index.esm.min.js`.
#[test]
#[ignore = "measures, and needs npm's registry"]
fn how_fast_a_tab_mines_beside_hash_wasm() {
    const ROUNDS: usize = 9;
    let browser = Browser::start();
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
    // A Worker is made from text here, which the page's policy forbids.
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

/// Returns a page's tab with an emulated graphics processor, and its browser.
fn with_gpu(url: &str) -> (Browser, Tab) {
    let browser = Browser::start_with_gpu();
    let mut tab = browser.open(&format!("{url}/"));
    tab.wait("the page is there", 60, "document.readyState === 'complete'");
    let offered = "navigator.gpu?.requestAdapter().then(adapter => !!adapter, () => false) ?? false";
    assert_eq!(tab.evaluate(offered), true, "NO WEBGPU: this Chromium emulates no graphics processor");
    (browser, tab)
}

/// Starts the page's own searcher with a job, and collects its messages until it has found the
/// wanted number of solutions.
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
#[cfg_attr(no_webgpu, ignore = "needs a Chromium that emulates a graphics processor")]
fn the_graphics_processor_finds_in_a_page_what_the_portable_kernel_finds() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path(), "alice", &process::network(folder.path(), BITS), "127.0.0.1:0", &[]);
    let (_browser, mut tab) = with_gpu(&node.url);
    // The first jobs are solved every 2^13 nonces, and the last job by every other nonce. One job's
    // shares begin shortly before the end of all nonces, where both words carry.
    for (id, bits, number, count, wanted) in
        [(1, 0x1f01_0000, 0, 1, 12), (2, 0x1f01_0000, 30_000, 1, 12), (3, 0x2010_0000, 1, 3, 60)]
    {
        let bits = Bits::from_u32(bits);
        let header = Header {
            prev_hash: Hash::of(&[id]),
            content_root: Hash::ZERO,
            version: VERSION,
            height: 1,
            time: Timestamp::from_unix_ms(id.into()),
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
#[cfg_attr(no_webgpu, ignore = "needs a Chromium that emulates a graphics processor")]
fn a_page_mines_on_the_graphics_processor_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path(), "alice", &process::network(folder.path(), BITS), "127.0.0.1:0", &[]);
    let (_browser, mut tab) = with_gpu(&node.url);
    wait_live(&mut tab);
    make_key(&mut tab, "miner", None);
    tab.wait("the switch is shown", 30, "!document.querySelector('#mine-gpu-row').hidden");
    tab.evaluate("document.querySelector('#mine-gpu').click()");
    tab.evaluate("document.querySelector('#mine-toggle').click()");
    // The second of two searchers begins in the middle of all nonces.
    let api = ApiClient::new(&node.url);
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
