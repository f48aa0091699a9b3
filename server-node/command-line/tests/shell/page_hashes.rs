//! `plexus page --hashes`: the built-in files, and whether a node serves them.

use plexus_core::primitives::hash::Hash;
use plexus_tests::site::Site;

use crate::command::{Node, fail, json, succeed};

#[test]
fn a_node_that_serves_another_page_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("data"), &[]);
    let compared = json(&["page", "--hashes", "--node", &node.url, "--json"]);
    assert_eq!(compared["same"], true);
    let paths: Vec<_> =
        compared["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    for path in ["/", "/index.html", "/main.js", "/files.json"] {
        assert!(paths.contains(&path), "{path} is not among {paths:?}");
    }
    assert!(succeed(&["page", "--hashes", "--node", &node.url]).contains("serves the same"));
    assert!(succeed(&["status", "--healthy", "--node", &node.url]).contains("healthy"));

    // A server that has one file of the same length with other bytes, one longer, and no others.
    let www = concat!(env!("CARGO_MANIFEST_DIR"), "/../../www");
    let site = folder.path().join("site");
    std::fs::create_dir(&site).unwrap();
    let mut text = std::fs::read(format!("{www}/main.js")).unwrap();
    text[0] ^= 1;
    std::fs::write(site.join("main.js"), text).unwrap();
    let mut text = std::fs::read(format!("{www}/format.js")).unwrap();
    std::fs::copy(format!("{www}/theme.css"), site.join("theme.css")).unwrap();
    text.push(b'\n');
    std::fs::write(site.join("format.js"), text).unwrap();
    let site = Site::serve(&site, "default-src 'none'");
    let error = fail(1, &["page", "--hashes", "--node", &site.url]);
    assert!(
        error.contains("other files than this program") && error.contains("/client.js (missing)"),
        "{error}"
    );
    let output =
        crate::command::plexus().args(["page", "--hashes", "--json", "--node", &site.url]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let compared: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(compared["same"], false);
    for file in compared["files"].as_array().unwrap() {
        let is_same = file["sha256"] == file["served_sha256"];
        assert_eq!(is_same, file["path"] == "/theme.css", "{file}");
        let is_there = ["/main.js", "/format.js", "/theme.css"].contains(&file["path"].as_str().unwrap());
        assert_eq!(file["served_sha256"].is_string(), is_there, "{file}");
    }
    assert!(fail(1, &["status", "--healthy", "--node", &site.url]).contains("404"));
}

#[test]
fn the_hashes_are_those_of_the_files_in_the_format_of_sha256sum() {
    let text = succeed(&["page", "--hashes"]);
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../www/main.js")).unwrap();
    let line = format!("{}  main.js", Hash::of(&bytes));
    assert!(text.lines().any(|listed| listed == line), "{line} is not in {text}");
}
