//! The simulator: a network of nodes in a tab, whose address names the run.

use plexus_tests::browser::Tab;
use plexus_tests::process;
use serde_json::Value;

use crate::page::{BITS, click, pictures, two_frames_later};
use crate::stage::PageFixture;

fn text(tab: &mut Tab, id: &str) -> String {
    tab.evaluate(&format!("document.querySelector('#{id}').textContent")).as_str().unwrap().to_owned()
}

fn wait_stage(tab: &mut Tab, stage: &str) {
    tab.wait(stage, 90, &format!("document.querySelector('#stage')?.dataset.stage === {stage:?}"));
}

/// Returns the number of colours in a picture.
fn colours(tab: &mut Tab, id: &str) -> u64 {
    let count = format!(
        "(() => {{ const canvas = document.querySelector('#{id}'); \
         const {{ data }} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); \
         return new Set(new Uint32Array(data.buffer)).size; }})()"
    );
    tab.evaluate(&count).as_u64().unwrap()
}

/// The address of a network with faults of every kind.
const QUERY: &str = "?nodes=40&blocks=6&spacing-ms=4000&seed=7&body-bytes=900&loss=0.5&partition=60,30,30%&crashes=20\
    &faults=silent=10%";

/// Counts the slices that the page asks its Worker for, and the answers that it has shown. The page
/// asks for the next slice in a frame after an answer.
const COUNT_SLICES: &str = "[globalThis.asked, globalThis.answered] = [0, 0];
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (...all) {
        if (asked === 0) this.addEventListener('message', () => (answered += 1));
        asked += 1;
        return postMessage.apply(this, all);
    };";

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_simulated_network_stands_still_while_it_pauses() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.browser.open("about:blank");
    tab.prepare(COUNT_SLICES);
    tab.go(&format!("{}/laboratory/{QUERY}", fixture.node.url));
    wait_stage(&mut tab, "measuring");
    click(&mut tab, "pause");
    tab.wait("the last slice is there", 30, &two_frames_later("asked === answered"));
    let held = (tab.evaluate("asked"), text(&mut tab, "simulated"));
    let later = (tab.evaluate(&two_frames_later("asked")), text(&mut tab, "simulated"));
    assert_eq!(later, held, "no slice is asked for while the simulator pauses");
    click(&mut tab, "pause");
    tab.wait("it goes on", 30, &format!("document.querySelector('#simulated').textContent !== {:?}", held.1));
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn the_address_of_a_run_repeats_it_in_a_tab_and_in_the_program() {
    let fixture = PageFixture::start(BITS, &[]);
    let page = format!("{}/laboratory/", fixture.node.url);
    let mut tab = fixture.browser.open(&format!("{page}{QUERY}"));
    wait_stage(&mut tab, "measuring");
    tab.evaluate("document.querySelector('#slowly').checked = false");
    wait_stage(&mut tab, "done");
    tab.screenshot(&pictures().join("laboratory.png"));
    assert_eq!(text(&mut tab, "newest"), "36");
    assert_eq!(text(&mut tab, "traitors"), "4");
    assert!(colours(&mut tab, "picture") > 4 && colours(&mut tab, "tree") > 2);
    let curve = "document.querySelector('#curves path').getAttribute('d')";
    assert!(tab.evaluate(curve).as_str().unwrap().matches('L').count() > 20);

    let trace = tab.evaluate("document.querySelector('#runs tr').dataset.trace");
    let command = text(&mut tab, "command");
    let flags: Vec<&str> = command.strip_prefix("plexus ").unwrap().split(' ').chain(["--json"]).collect();
    let output = process::run(flags);
    let native: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(native["trace_hash"], trace, "{command}");

    // The address repeats the run, and another seed gives another run.
    let address = tab.evaluate("location.search");
    let mut again = fixture.browser.open(&format!("{page}{}", address.as_str().unwrap()));
    wait_stage(&mut again, "measuring");
    again.evaluate("document.querySelector('#slowly').checked = false");
    wait_stage(&mut again, "done");
    assert_eq!(again.evaluate("document.querySelector('#runs tr').dataset.trace"), trace);
    again.evaluate("document.querySelector('[name=seed]').value = '8'");
    click(&mut again, "run");
    again.wait("another run", 90, "document.querySelectorAll('#runs tr').length === 2");
    assert_ne!(again.evaluate("document.querySelectorAll('#runs tr')[1].dataset.trace"), trace);
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn what_cannot_be_simulated_in_a_tab_is_said_by_name() {
    let fixture = PageFixture::start(BITS, &[]);
    for (query, part) in [
        ("nodes=5000", "Nodes: at most 1000 in a tab"),
        ("nodes=1", "Nodes: must be from 2 to"),
        ("topology=star", "unknown variant `star`"),
        ("faults=gossip=5%", "unknown variant `gossip`"),
        ("faults=silent=60%", "at most 490 of 1000 nodes"),
        ("topology=complete&loss=1", "topology complete"),
        ("churn=nonsense", "Churn: \"nonsense\" is not a number"),
        ("churn=600", "Churn: \"\" is not a number"),
    ] {
        let mut tab = fixture.open(&format!("/laboratory/?{query}"));
        wait_stage(&mut tab, "failed");
        let said = text(&mut tab, "refusal");
        assert!(said.to_lowercase().contains(&part.to_lowercase()), "{query}: {said}");
    }
}
