//! The page as a browser loads it: its files, their encodings and their sizes.

use std::ops::AddAssign;

use serde_json::Value;

use crate::bench::Bench;
use crate::client::{get, get_with, get_with_all};

/// The bytes of files as they are transferred, in the two encodings of the page.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    brotli: usize,
    gzip: usize,
}

impl AddAssign for Sizes {
    fn add_assign(&mut self, other: Self) {
        self.brotli += other.brotli;
        self.gzip += other.gzip;
    }
}

impl Sizes {
    /// Prints the sizes, and asserts that they are within a budget.
    fn check(self, what: &str, most: Self) {
        println!("MEASURED {what}: {} bytes with brotli, {} with gzip", self.brotli, self.gzip);
        assert!(self.brotli <= most.brotli && self.gzip <= most.gzip, "{what}: {self:?}, at most {most:?}");
    }
}

/// The budget of the page's programs with their bindings.
const PROGRAMS_MAX: Sizes = Sizes { brotli: 308_000, gzip: 378_000 };
/// The budget of the light client as others embed it: the programs and the modules beside them.
const PACKAGE_MAX: Sizes = Sizes { brotli: 333_000, gzip: 408_000 };
/// The budget of all that a visitor's browser loads: the package, and the page's own views and style.
const PAGE_MAX: Sizes = Sizes { brotli: 368_000, gzip: 450_000 };
/// The budget of the simulator in addition to the page.
const SIMULATOR_MAX: Sizes = Sizes { brotli: 432_000, gzip: 580_000 };

/// The files of the package beside the programs and the elements.
const PACKAGE: [&str; 10] = [
    "/client.js",
    "/node-api.js",
    "/worker.js",
    "/shared-node.js",
    "/miner.js",
    "/gpu.js",
    "/search.wgsl",
    "/format.js",
    "/views/network-graph.js",
    "/views/dom.js",
];
/// The elements for other pages, which this page does not use.
const ELEMENTS: &str = "/elements.js";
/// The types of the client for editors, which comments name and nobody loads.
const TYPES: &str = "/types.js";

/// Returns a file's sizes. Asserts that it is served in every encoding, and that a browser that has
/// it need not load it again.
async fn sizes(bench: &Bench, path: &str) -> Sizes {
    let url = bench.url(path);
    let whole = get_with(url.clone(), "accept-encoding", "identity").await;
    assert_eq!((whole.status, whole.header("content-encoding")), (200, ""), "{path}");
    let whole = whole.bytes().len();
    let mut sizes = [0; 2];
    for (size, name) in sizes.iter_mut().zip(["br", "gzip"]) {
        let file = get_with(url.clone(), "accept-encoding", name).await;
        assert_eq!((file.status, file.header("vary")), (200, "accept-encoding"), "{path}");
        *size = file.header("content-length").parse().unwrap();
        // Only a file that does not become smaller is served as it is.
        let is_encoded = file.header("content-encoding") == name;
        assert!(if is_encoded { *size < whole } else { *size == whole && whole < 200 }, "{path}: {name}");
        let headers =
            [("accept-encoding", name.to_owned()), ("if-none-match", file.header("etag").to_owned())];
        assert_eq!(get_with_all(url.clone(), headers.into()).await.status, 304, "{path}");
    }
    let [brotli, gzip] = sizes;
    Sizes { brotli, gzip }
}

#[tokio::test]
async fn the_page_and_its_programs_are_built_in_and_small() {
    let bench = Bench::start().await;
    let page = get(bench.url("/")).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("<script"));
    let mut programs = Sizes::default();
    for program in ["plexus_web", "plexus_miner"] {
        let mut both = Sizes::default();
        for (end, media_type) in [(".js", "text/javascript; charset=utf-8"), ("_bg.wasm", "application/wasm")]
        {
            let path = format!("/pkg/{program}{end}");
            assert_eq!(get(bench.url(&path)).await.header("content-type"), media_type);
            both += sizes(&bench, &path).await;
        }
        println!("MEASURED {program}: {} bytes with brotli, {} with gzip", both.brotli, both.gzip);
        programs += both;
    }
    programs.check("the page's programs", PROGRAMS_MAX);

    // The other files, by the references between the page's files.
    let mut files = vec![String::from("/")];
    let (mut at, mut package, mut page) = (0, programs, programs);
    while let Some(path) = files.get(at).cloned() {
        at += 1;
        let size = sizes(&bench, &path).await;
        page += size;
        if PACKAGE.contains(&path.as_str()) {
            package += size;
        }
        let text = get(bench.url(&path)).await.text();
        for named in text.split(['"', '\'']).filter_map(|quoted| within(&path, quoted)) {
            let is_counted =
                ["/pkg/", "/api/", "/laboratory/"].iter().any(|folder| named.starts_with(folder));
            if !is_counted && named != TYPES && !files.contains(&named) {
                files.push(named);
            }
        }
    }
    for path in PACKAGE.into_iter().chain(["/views/key.js", "/style.css"]) {
        assert!(files.iter().any(|file| file == path), "{path} is not among {files:?}");
    }
    assert!(!files.iter().any(|file| file == ELEMENTS), "a visitor loads what is for others");
    let elements = sizes(&bench, ELEMENTS).await;
    println!("MEASURED the elements: {} bytes with brotli, {} with gzip", elements.brotli, elements.gzip);
    package += elements;
    package.check("the package", PACKAGE_MAX);
    page.check(&format!("the page with its programs, {} files", files.len() + 4), PAGE_MAX);

    let kept: Vec<String> = serde_json::from_value(get(bench.url("/files.json")).await.json()).unwrap();
    let is_kept = |file: &String| kept.contains(file) || ["/", "/files.json"].contains(&file.as_str());
    assert!(files.iter().all(is_kept), "{kept:?} lacks some of {files:?}");
    let is_for_others = |path: &String| [ELEMENTS, TYPES].contains(&path.as_str()) || path.ends_with(".d.ts");
    assert!(!kept.iter().any(is_for_others), "a visitor keeps what is for others: {kept:?}");
}

#[tokio::test]
async fn the_simulator_is_loaded_by_its_visitors_alone() {
    let bench = Bench::start().await;
    let mut simulator = Sizes::default();
    for name in ["", "laboratory.css", "main.js", "picture.js", "results.js", "setup.js", "worker.js"] {
        simulator += sizes(&bench, &format!("/laboratory/{name}")).await;
    }
    for end in [".js", "_bg.wasm"] {
        simulator += sizes(&bench, &format!("/pkg/plexus_laboratory{end}")).await;
    }
    simulator.check("the simulator", SIMULATOR_MAX);
    let kept: Value = get(bench.url("/files.json")).await.json();
    let kept = kept.to_string();
    assert!(!kept.contains("laboratory") && kept.contains("plexus_web"), "{kept}");
}

/// Returns the path of a file that another file names relative to itself. Returns `None` if the
/// quoted text is not such a name.
fn within(path: &str, quoted: &str) -> Option<String> {
    let folder = &path[..path.rfind('/')?];
    if let Some(above) = quoted.strip_prefix("../") {
        return Some(format!("{}/{above}", &folder[..folder.rfind('/')?]));
    }
    Some(format!("{folder}/{}", quoted.strip_prefix("./")?))
}
