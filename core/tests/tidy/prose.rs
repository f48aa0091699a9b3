//! The prose of comments and documents: the rate of six constructions that are hard to read,
//! against a budget that may only fall.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::{files, root};

/// A construction, its pattern, the words that excuse a match when they follow it, and the most
/// matches in 10,000 words.
struct Rule {
    name: &'static str,
    pattern: &'static str,
    unless_followed_by: &'static [&'static str],
    budget: f64,
}

/// The measured constructions. Lower a budget when the measured rate falls. The test says when.
const RULES: [Rule; 6] = [
    Rule {
        name: "a clause about \"what\" in place of a noun",
        pattern: r"(?m)(?:^|[.:;,] |\b(?:of|to|for|and|that|than|is|as) )[Ww]hat ",
        unless_followed_by: &[],
        budget: 3.0,
    },
    Rule {
        name: "a clause that starts with \"who\", \"whom\" or \"whoever\"",
        pattern: r"(?m)(?:^|[.:;,] |\b(?:of|for|to|and|that) )(?:[Ww]ho|[Ww]hom|[Ww]hoever)\b",
        unless_followed_by: &[],
        budget: 1.0,
    },
    Rule {
        name: "\"so many\" without \"that\"",
        pattern: r"\b[Ss]o (?:many|much|long|few|often|far)\b",
        unless_followed_by: &[" as", " that"],
        budget: 1.2,
    },
    Rule {
        name: "\"of those\", \"those that\"",
        pattern: r"\b(?:[Oo]f those|[Tt]hose that|[Tt]hose who)\b",
        unless_followed_by: &[],
        budget: 1.0,
    },
    Rule {
        name: "\"none when\", \"none:\"",
        pattern: r"\b[Nn]one(?: when|:|;| if)",
        unless_followed_by: &[],
        budget: 0.5,
    },
    Rule {
        name: "an old word",
        pattern: r"\b(?:in vain|anew|elder|eldest|by chance|for ever|of its own accord|gives? way|wish(?:es)?|foretell\w*|hearsay)\b",
        unless_followed_by: &[],
        budget: 0.8,
    },
];
/// The most that a rate may stay below its budget before the budget has to be lowered.
const MARGIN: f64 = 1.5;

/// Returns the comments of a Rust file, one paragraph of neighbouring comment lines an item.
fn comments(text: &str) -> Vec<String> {
    let (mut paragraphs, mut paragraph) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim_start) {
        let comment = ["//!", "///", "//"].iter().find_map(|sign| line.strip_prefix(sign));
        match comment {
            Some(comment) => paragraph.push(comment.strip_prefix(' ').unwrap_or(comment)),
            None if !paragraph.is_empty() => paragraphs.push(std::mem::take(&mut paragraph).join(" ")),
            None => {}
        }
    }
    if !paragraph.is_empty() {
        paragraphs.push(paragraph.join(" "));
    }
    paragraphs
}

/// Returns the paragraphs of a Markdown file, without its code.
fn paragraphs(text: &str) -> Vec<String> {
    let code = Regex::new(r"(?s)```.*?```|`[^`]*`").unwrap();
    let text = code.replace_all(text, " ");
    Regex::new(r"\n\s*\n").unwrap().split(&text).map(str::to_owned).collect()
}

fn captured(text: &str, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let texts = pattern.captures_iter(text).filter_map(|found| found.iter().skip(1).flatten().next());
    texts.map(|found| found.as_str().to_owned()).collect()
}

/// Returns all comments and documents of the project, and the texts of its pages.
fn prose(root: &Path) -> String {
    let mut texts = Vec::new();
    for folder in ["core", "server-node", "web-client", "tests"] {
        for file in files(&root.join(folder), "rs") {
            texts.extend(comments(&fs::read_to_string(file).unwrap()));
        }
    }
    let documents: Vec<PathBuf> = ["", "core", "web-client", "web-client/package"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    assert!(documents.len() >= 4, "{documents:?}");
    for document in documents {
        texts.extend(paragraphs(&fs::read_to_string(document).unwrap()));
    }
    for page in files(&root.join("www"), "html") {
        texts.extend(captured(&fs::read_to_string(page).unwrap(), r">([^<>]{12,})<"));
    }
    for script in files(&root.join("www"), "js") {
        texts.push(captured(&fs::read_to_string(script).unwrap(), r"//\s?(.*)|\* (.*)").join(" "));
    }
    texts.join("\n")
}

#[test]
fn prose_keeps_to_a_budget_that_only_falls() {
    let text = prose(&root());
    let words = Regex::new(r"[A-Za-z][A-Za-z'’-]*").unwrap().find_iter(&text).count();
    assert!(words > 50_000, "{words} words");
    let mut wrong = Vec::new();
    for rule in &RULES {
        let pattern = Regex::new(rule.pattern).unwrap();
        let is_excused =
            |end: usize| rule.unless_followed_by.iter().any(|next| text[end..].starts_with(next));
        let matches = pattern.find_iter(&text).filter(|found| !is_excused(found.end()));
        #[expect(clippy::cast_precision_loss, reason = "counts of words")]
        let rate = matches.count() as f64 * 10_000.0 / words as f64;
        println!("{rate:5.1} of {:5.1}: {}", rule.budget, rule.name);
        if rate > rule.budget {
            wrong.push(format!("{}: {rate:.1} in 10,000 words, at most {} may be", rule.name, rule.budget));
        } else if rate + MARGIN < rule.budget {
            wrong.push(format!("{}: only {rate:.1} now, so lower its budget of {}", rule.name, rule.budget));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_measure_sees_each_construction() {
    for (rule, (bad, good)) in RULES.iter().zip([
        ("It says what is missing. What is new comes first.", "It names the missing block."),
        ("Who is late is dropped.", "A late peer is dropped."),
        ("After so many blocks.", "So many that the window is full."),
        ("The oldest of those goes.", "The oldest block goes."),
        ("The hash, none when empty.", "Returns `None` if it is empty."),
        ("It is computed anew.", "It is computed again."),
    ]) {
        let pattern = Regex::new(rule.pattern).unwrap();
        let is_match = |text: &str| {
            pattern.find_iter(text).any(|found| {
                !rule.unless_followed_by.iter().any(|next| text[found.end()..].starts_with(next))
            })
        };
        assert!(is_match(bad), "{}: {bad}", rule.name);
        assert!(!is_match(good), "{}: {good}", rule.name);
    }
}
