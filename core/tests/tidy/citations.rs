//! Citations of the specification: code says which section it follows, and every section is followed by code.
//!
//! A comment cites `PROTOCOL.md, "Header"`, a subsection as `"Block: Messages root"`, and a row of the table of rules as
//! `"Rules: clock"`. Further quoted sections may follow, separated by commas or "and".

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;

use super::{files, root};

/// Returns the names that comments may cite.
fn sections(specification: &str) -> BTreeSet<String> {
    let (mut sections, mut above) = (BTreeSet::new(), String::new());
    for line in specification.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut above);
            sections.insert(above.clone());
        } else if let Some(title) = line.strip_prefix("### ") {
            sections.insert(format!("{above}: {title}"));
        } else if above == "Rules"
            && let Some(row) = line.strip_prefix("| ")
            && let Some(rule) =
                row.split(" | ").next().filter(|rule| *rule != "rule" && !rule.starts_with('-'))
        {
            sections.insert(format!("Rules: {rule}"));
        }
    }
    sections
}

/// Returns the cited names, each with the files that cite it.
fn citations(root: &Path) -> BTreeMap<String, Vec<String>> {
    let citation = Regex::new(r#"PROTOCOL\.md((?:,? (?:and )?(?:PROTOCOL\.md, )?"[^"]+")+)"#).unwrap();
    let name = Regex::new(r#""([^"]+)""#).unwrap();
    let mut cited = BTreeMap::<_, Vec<_>>::new();
    for folder in [
        "core/src",
        "core/tests/vectors",
        "server-node/src",
        "server-node/command-line/src",
        "web-client/src",
    ] {
        for file in files(&root.join(folder), "rs") {
            let text = fs::read_to_string(&file).unwrap();
            let lines = text.lines().map(str::trim_start).filter(|line| line.starts_with("//"));
            let comments: Vec<_> = lines.map(|line| line.trim_start_matches(['/', '!']).trim()).collect();
            for found in citation.captures_iter(&comments.join(" ")) {
                for found in name.captures_iter(&found[1]) {
                    cited.entry(found[1].to_owned()).or_default().push(file.display().to_string());
                }
            }
        }
    }
    cited
}

#[test]
fn every_citation_of_the_specification_has_its_section() {
    let sections = sections(&fs::read_to_string(root().join("core/PROTOCOL.md")).unwrap());
    assert!(sections.len() > 35, "{sections:?}");
    let cited = citations(&root());
    let unknown: Vec<_> = cited.iter().filter(|(name, _)| !sections.contains(*name)).collect();
    assert!(unknown.is_empty(), "cited, but not in PROTOCOL.md: {unknown:#?}");
}

#[test]
fn every_section_of_the_specification_is_cited() {
    let sections = sections(&fs::read_to_string(root().join("core/PROTOCOL.md")).unwrap());
    let cited = citations(&root());
    let missing: Vec<_> = sections.iter().filter(|name| !cited.contains_key(*name)).collect();
    assert!(missing.is_empty(), "no code cites these sections of PROTOCOL.md: {missing:#?}");
}
