//! The page's layout: no text makes it wider than the window, and nothing moves without a user's
//! input.

use plexus_tests::browser::{Browser, Tab};
use serde_json::Value;

use crate::page::{
    BITS, assert_nothing_thrown, choose_file, click, draw_network, make_key, pictures, send,
    two_frames_later, wait_live, wait_step, wait_valid,
};
use crate::stage::{PageFixture, Stage};

/// The widths that the page has to fit into, each with a fitting height.
const WINDOWS: [(u32, u32); 4] = [(320, 700), (768, 1024), (1280, 900), (3840, 2160)];
/// The most layout shift without input, as web vitals count it. They call 0.1 good.
const SHIFT_MAX: f64 = 0.02;
/// The least layout shift when rows jump to make room for another.
const ROWS_JUMP: f64 = 0.005;
/// The number of blocks that arrive while motion is watched.
const BLOCKS: usize = 10;
/// True in the page if nothing is animated.
const STILL: &str = "document.getAnimations().length === 0";

/// The elements that stick out of the window, or are cut off without a sign: they are wider than
/// their place.
const WIDE: &str = "[
    ...(document.documentElement.scrollWidth > innerWidth ? ['the page: ' + document.documentElement.scrollWidth] : []),
    ...[...document.querySelectorAll('body *')].filter((element) => {
        if (!element.checkVisibility() || element.closest('.unseen, .skip')) return false;
        const { left, right, width } = element.getBoundingClientRect();
        const clipped = (at) => at && at !== document.body && (getComputedStyle(at).overflowX !== 'visible' || clipped(at.parentElement));
        return width > 0 && (right > innerWidth + 0.5 || left < -0.5) && !clipped(element.parentElement);
    }).map((element) => `${element.localName}#${element.id}.${element.className}: ${element.getBoundingClientRect().right}`),
    ...[...document.querySelectorAll('.card, dialog[open], .notices li, .blocks > li, .figures, .figures dd, .fields, .words, .row, .lookup')]
        .filter((box) => box.scrollWidth > box.clientWidth + 1)
        .map((box) => `${box.localName}#${box.id}.${box.className} holds ${box.scrollWidth} in ${box.clientWidth}`),
].slice(0, 8)";

/// Checks at each width that everything in a tab fits.
pub(crate) fn fits(tab: &mut Tab, state: &str, wrong: &mut Vec<String>) {
    for (width, height) in WINDOWS {
        tab.resize(width, height);
        for wide in tab.evaluate(WIDE).as_array().unwrap() {
            wrong.push(format!("{state}, {width} wide: {wide}"));
        }
    }
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn nothing_is_wider_than_the_window_whatever_people_write() {
    let browser = Browser::start();
    let mut stage = Stage::set();
    let mut tab = browser.open(&stage.page());
    tab.prefer(&[("prefers-reduced-motion", "reduce")]);
    wait_live(&mut tab);
    let mut wrong = Vec::new();
    fits(&mut tab, "a fresh page", &mut wrong);

    let markup = "<img src=x onerror='document.title=1'><b>bold</b><script>document.title=1</script>";
    let word = stage.write(&"W".repeat(128), &"x".repeat(4_096));
    stage.mine();
    stage.write("", &format!("{markup}{}", "<i>".repeat(1_000)));
    stage.write("\u{202e}bob", "\u{202e}שלום עולם, from right to left");
    stage.write("all", &format!("sha256:{}", "5e".repeat(32)));
    stage.mine();
    stage.mine();
    tab.wait("the blocks are listed", 60, "document.querySelectorAll('#blocks > li').length === 3");
    fits(&mut tab, "blocks with long messages", &mut wrong);
    tab.evaluate("document.querySelectorAll('#blocks summary').forEach((summary) => summary.click())");
    tab.wait("they are open", 30, "document.querySelectorAll('#blocks .messages li').length === 4");
    let text = tab.evaluate("document.querySelector('#blocks').textContent");
    assert!(text.as_str().unwrap().contains(markup), "text is text");
    assert_eq!(tab.evaluate("document.querySelectorAll('#blocks :is(img, b, i, script)').length"), 0);
    fits(&mut tab, "open blocks with long messages", &mut wrong);

    let title = "document.querySelector('#lookup-title')?.textContent";
    tab.evaluate(&format!("location.hash = '#/message/{word}'"));
    tab.wait("the message is shown", 30, &format!("{title} === 'Message'"));
    fits(&mut tab, "a message of one word", &mut wrong);
    tab.evaluate("location.hash = '#/block/2'");
    tab.wait("the block is shown", 30, &format!("{title} === 'Block 2'"));
    fits(&mut tab, "a block with its trace", &mut wrong);
    let proof = format!(
        "fetch('/api/v1/messages/{word}/proof', {{ headers: {{ accept: 'application/octet-stream' }} }})"
    );
    tab.evaluate(&format!(
        "(async () => {{ const files = new DataTransfer(); files.items.add(new File([await (await {proof}).arrayBuffer()], 'a.plexus')); \
         const input = document.querySelector('#verify input'); input.files = files.files; input.dispatchEvent(new Event('change')); }})()"
    ));
    tab.wait(
        "it is said what the file shows",
        30,
        "document.querySelector('#verify-said').dataset.valid === 'true'",
    );
    choose_file(&mut tab, "#verify", &"name".repeat(60), "no proof");
    fits(&mut tab, "a proof of a message of one word", &mut wrong);
    tab.wait("it proves nothing", 30, "document.querySelector('#verify-said').dataset.valid === 'false'");
    fits(&mut tab, "a file with a long name that proves nothing", &mut wrong);
    let notice = serde_json::json!({ "bad": true, "text": "y".repeat(300) });
    tab.evaluate(&format!(
        "(() => {{ const source = new EventTarget(); document.querySelector('plexus-notices').connect(source); \
         source.dispatchEvent(new CustomEvent('notice', {{ detail: {notice} }})); }})()"
    ));
    fits(&mut tab, "a notice of one word", &mut wrong);

    click(&mut tab, "key-make");
    wait_step(&mut tab, "words");
    fits(&mut tab, "the words of a key", &mut wrong);
    click(&mut tab, "key-cancel");
    make_key(&mut tab, &"N".repeat(64), None);
    send(&mut tab, &"W".repeat(128), &"z".repeat(4_096));
    fits(&mut tab, "a long message sent", &mut wrong);
    click(&mut tab, "key-show");
    wait_step(&mut tab, "show");
    fits(&mut tab, "the words of a key with a long name", &mut wrong);
    click(&mut tab, "key-next");
    draw_network(&mut tab);
    fits(&mut tab, "the network", &mut wrong);
    tab.screenshot(&pictures().join("long-contents.png"));
    assert!(wrong.is_empty(), "{} do not fit:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(tab.evaluate("document.title"), "Block 2 · Plexus", "no markup ran");
    assert_nothing_thrown(&tab);
}

/// Records each shift of the layout without a user's input: its size, the elements that moved, and
/// their positions before and after. It also records if only rows of blocks moved, and the position
/// of their list at that time.
const WATCH_SHIFTS: &str = "window.shifts = [];
    new PerformanceObserver((list) => {
        const blocks = document.querySelector('#blocks');
        for (const { value, hadRecentInput, sources, startTime } of list.getEntries()) {
            const place = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(' ');
            const moved = sources.map(({ node, previousRect, currentRect }) =>
                `${node?.localName ?? node?.parentElement?.localName}#${node?.id ?? ''}.${node?.className ?? node?.parentElement?.className} ${place(previousRect)} -> ${place(currentRect)}`);
            const rows = sources.every(({ node }) => node?.parentElement === blocks);
            if (!hadRecentInput) shifts.push({ value, at: Math.round(startTime), moved, rows, top: blocks?.offsetTop });
        }
    }).observe({ type: 'layout-shift', buffered: true });";

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn nothing_moves_by_itself_while_blocks_come() {
    let browser = Browser::start();
    let mut stage = Stage::set();
    for (blocks, width, height) in [(0, 1280, 900), (16, 1280, 900), (3, 400, 850)] {
        stage.mine_some(blocks);
        let mut tab = browser.open("about:blank");
        tab.resize(width, height);
        tab.prepare(WATCH_SHIFTS);
        tab.go(&stage.page());
        wait_live(&mut tab);
        for _ in 0..BLOCKS {
            stage.write("bob", "another one");
            let hash = stage.mine();
            wait_valid(&mut tab, &hash.to_string());
            tab.wait("the rows have made room for it", 30, &two_frames_later(STILL));
        }
        let shifts = tab.evaluate("window.shifts");
        let shifts: Vec<&Value> = shifts.as_array().unwrap().iter().collect();
        // Rows glide to make room for a new one. The browser counts that as a jump if the machine
        // is too busy to draw its beginning, or if they still glide for the last one. That says
        // nothing about the page, unless the list itself moved.
        let top = tab.evaluate("document.querySelector('#blocks').offsetTop");
        let counted = shifts.iter().filter(|shift| shift["rows"] != true || shift["top"] != top);
        let sum: f64 = counted.filter_map(|shift| shift["value"].as_f64()).sum();
        // Without gliding, every block would make the rows jump.
        let jumped = |shift: &&&Value| shift["rows"] == true && shift["value"].as_f64() > Some(ROWS_JUMP);
        let jumps = shifts.iter().filter(jumped).count();
        assert!(jumps < BLOCKS / 2, "{width} wide: rows jumped {jumps} times: {shifts:#?}");
        println!("{width} wide, {blocks} blocks before: {sum:.4} moved by itself in {} shifts", shifts.len());
        assert!(sum < SHIFT_MAX, "{width} wide, {blocks} blocks before: {sum}: {shifts:#?}");
        assert_nothing_thrown(&tab);
        // The next tab has a node of its own, which starts from the state that this one stored.
        tab.close();
    }
}

/// Records all elements that begin to move.
const WATCH_MOTION: &str = "window.moved = [];
    for (const type of ['animationstart', 'transitionrun']) {
        addEventListener(type, ({ target, animationName, propertyName }) => moved.push(`${type} ${animationName ?? propertyName} of ${target.localName}.${target.className}`), true);
    }
    const animate = Element.prototype.animate;
    Element.prototype.animate = function (...all) {
        moved.push(`animate ${this.localName}.${this.getAttribute('class')}`);
        return animate.apply(this, all);
    };
    const look = () => {
        for (const { effect, animationName } of document.getAnimations()) moved.push(`${animationName} of ${effect.target.localName}`);
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);";

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn nothing_is_animated_for_whoever_wants_no_motion() {
    let browser = Browser::start();
    let stage = Stage::set();
    for (output, still) in [("reduce", true), ("no-preference", false)] {
        let mut tab = browser.open("about:blank");
        tab.prefer(&[("prefers-reduced-motion", output)]);
        tab.prepare(WATCH_MOTION);
        tab.go(&stage.page());
        wait_live(&mut tab);
        for _ in 0..4 {
            let hash = stage.mine();
            wait_valid(&mut tab, &hash.to_string());
        }
        draw_network(&mut tab);
        // The path of a block is shown by colours alone.
        tab.evaluate("document.querySelector('#network-replay').click()");
        if still {
            tab.wait(
                "the replay is shown",
                30,
                "document.querySelectorAll('#network-graph .reached').length > 0",
            );
            tab.wait("and ends", 30, "document.querySelectorAll('#network-graph .reached').length === 0");
        }
        let hash = stage.mine();
        wait_valid(&mut tab, &hash.to_string());
        let moved = tab.evaluate("[...new Set(window.moved)]");
        if still {
            assert_eq!(moved, serde_json::json!([]));
        } else {
            // The same watch sees motion for other visitors.
            for what in ["arrive", "animate li", "animate circle"] {
                assert!(moved.to_string().contains(what), "{what} is not among {moved}");
            }
        }
        assert_nothing_thrown(&tab);
    }
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn the_bar_fits_while_the_page_s_node_is_gone() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open_live();
    fixture.node.kill();
    tab.wait("it is said why", 60, "!document.querySelector('#trouble').hidden");
    let mut wrong = Vec::new();
    fits(&mut tab, "without a node", &mut wrong);
    assert!(wrong.is_empty(), "{} do not fit:\n{}", wrong.len(), wrong.join("\n"));
}
