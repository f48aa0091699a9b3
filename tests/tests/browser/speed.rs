//! The speed of the page: measured, never asserted.

use plexus_tests::browser::{Browser, Tab};
use serde_json::Value;

use crate::stage::{Stage, open_live};

/// The number of new profiles that are opened. The median counts.
const PROFILES: usize = 5;
/// The number of blocks that the page lists.
const BLOCKS: usize = 1_000;

/// Records the times when the page is live and when it shows a verified block, in milliseconds
/// since the request.
const WATCH: &str = "window.reached = {};
    new MutationObserver(() => {
        if (document.querySelector('#state')?.dataset.state === 'live') reached.live ??= performance.now();
        if (document.querySelector('#blocks > li[data-verdict=valid]')) reached.block ??= performance.now();
    }).observe(document, { subtree: true, childList: true, attributes: true });";

/// Records the time of each frame for `ms` milliseconds, while `each` runs in every frame. Prints a
/// summary.
fn frames(tab: &mut Tab, what: &str, ms: u32, each: &str) {
    let script = format!(
        "new Promise((resolve) => {{ const times = []; const begun = performance.now();
            const frame = (now) => {{ times.push(now); {each}; now < begun + {ms} ? requestAnimationFrame(frame) : resolve(times); }};
            requestAnimationFrame(frame); }})"
    );
    tell(what, &tab.evaluate(&script));
}

fn tell(what: &str, times: &Value) {
    let times: Vec<f64> = times.as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    let mut deltas: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    deltas.sort_by(f64::total_cmp);
    let number = u32::try_from(deltas.len()).unwrap();
    let rate = f64::from(number) / deltas.iter().sum::<f64>() * 1_000.0;
    let late = deltas.iter().filter(|delta| **delta > 25.0).count();
    println!(
        "MEASURED {what}: {rate:.1} frames a second, median {:.1} ms, 95th of 100 {:.1} ms, longest {:.1} ms, {late} of {number} late",
        deltas[deltas.len() / 2],
        deltas[deltas.len() * 95 / 100],
        deltas[deltas.len() - 1],
    );
}

/// `cargo test -p plexus-tests --test browser how_fast_the_page -- --ignored --nocapture`, with a
/// release build in `PLEXUS_BIN`.
#[test]
#[ignore = "measures, for minutes"]
fn how_fast_the_page_opens_and_lists_a_thousand_blocks() {
    let mut stage = Stage::set();
    let browser = Browser::start();
    let mut tab = open_live(&browser, &stage.page());
    tab.resize(1280, 900);
    for block in 0..BLOCKS {
        if block % 3 == 0 {
            stage.write("bob", "One of the messages of a thousand blocks.");
        }
        stage.mine();
    }
    tab.wait(
        "all are there",
        120,
        &format!("document.querySelector('#height').textContent.replace(/\\D/g, '') >= {BLOCKS}"),
    );

    let mut opened: [Vec<f64>; 3] = Default::default();
    for _ in 0..PROFILES {
        let browser = Browser::start();
        let mut tab = browser.open("about:blank");
        tab.prepare(WATCH);
        tab.go(&stage.page());
        tab.wait("a block is verified", 60, "window.reached?.live && window.reached.block");
        let reached = tab.evaluate(
            "[performance.getEntriesByName('first-contentful-paint')[0].startTime, reached.live, reached.block]",
        );
        for (times, reached) in opened.iter_mut().zip(reached.as_array().unwrap()) {
            times.push(reached.as_f64().unwrap());
        }
    }
    for (name, mut times) in ["first paint", "live", "first verified block"].into_iter().zip(opened) {
        times.sort_by(f64::total_cmp);
        println!("MEASURED from opening to the {name}: {:.0} ms, of {times:.0?}", times[PROFILES / 2]);
    }

    frames(&mut tab, "nothing happens", 2_000, "");
    frames(
        &mut tab,
        "a thousand blocks are listed",
        2_000,
        "if (times.length === 20) document.querySelector('#blocks-more').click()",
    );
    let listed = tab.evaluate("document.querySelectorAll('#blocks > li:not([hidden])').length");
    println!("MEASURED {listed} rows are listed");
    tab.evaluate("scrollTo(0, 0)");
    frames(&mut tab, "they are scrolled", 6_000, "scrollBy(0, 60)");
    tab.evaluate("scrollTo(0, 0)");
    // Blocks arrive meanwhile.
    tab.evaluate(
        "window.times = []; (function frame(now) { if (now) times.push(now); window.asked = requestAnimationFrame(frame); })()",
    );
    for _ in 0..10 {
        stage.mine();
        // The pace at which blocks come is a part of the measurement.
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let times = tab.evaluate("cancelAnimationFrame(window.asked), window.times");
    tell("blocks come, two a second", &times);
}
