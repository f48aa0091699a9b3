//! `plexus page`: the files of the page that is built into this program, by their hashes.
//!
//! With `--node` each file is requested from a node and compared. So anybody who has built or
//! downloaded the same release can check what a node serves.

use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;
use plexus_core::primitives::hash::Hash;
use plexus_core::protocol::address::Address;
use plexus_node::http::web;
use serde::Serialize;

use super::client::NodeClient;
use super::{progress, table};

/// The most names in an error. The others are counted.
const NAMED_MAX: usize = 10;
/// The file that is served for the path of its folder, too.
const INDEX: &str = "index.html";

#[derive(Debug, Args)]
pub(super) struct PageArgs {
    /// List the SHA-256 of each file, in the format of sha256sum
    #[arg(long, required = true)]
    hashes: bool,
    /// Compare the files with the ones that this node serves
    #[arg(long, value_name = "URL")]
    node: Option<Address>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A file that is built in.
#[derive(Debug, Serialize)]
struct BuiltIn {
    path: &'static str,
    bytes: usize,
    sha256: Hash,
}

/// A path of a node, and the hash of the content that it serves there.
#[derive(Debug, Serialize)]
struct Served {
    path: &'static str,
    sha256: Hash,
    /// `None` if the node has no such file. A file that is longer than ours is not read to its end.
    served_sha256: Option<Hash>,
}

#[derive(Debug, Serialize)]
struct Comparison<'a> {
    node: &'a str,
    same: bool,
    files: Vec<Served>,
}

/// Runs the command.
pub(super) fn run(arguments: &PageArgs) -> anyhow::Result<()> {
    match &arguments.node {
        Some(node) => compare(&NodeClient::new(node), arguments.json),
        None => list(arguments.json),
    }
}

fn list(json: bool) -> anyhow::Result<()> {
    let files: Vec<_> = web::files()
        .map(|(path, bytes)| BuiltIn { path, bytes: bytes.len(), sha256: Hash::of(bytes) })
        .collect();
    if json {
        return table::print_json(&files);
    }
    let mut text = String::new();
    for file in &files {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {}", file.sha256, file.path.trim_start_matches('/'));
    }
    table::print(&text)
}

fn compare(client: &NodeClient, json: bool) -> anyhow::Result<()> {
    let wanted: Vec<_> =
        web::files().flat_map(|(path, bytes)| paths(path).map(move |path| (path, bytes))).collect();
    let bar = progress::bar(wanted.len() as u64, "files");
    let mut files = Vec::new();
    for (path, bytes) in wanted {
        // One byte more than expected shows that a file is longer.
        let served = client.file(path, bytes.len() as u64 + 1)?;
        let served_sha256 = served.as_deref().map(Hash::of);
        files.push(Served { path, sha256: Hash::of(bytes), served_sha256 });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let differing: Vec<_> =
        files.iter().filter(|file| file.served_sha256 != Some(file.sha256)).map(describe).collect();
    let (total, same) = (files.len(), differing.is_empty());
    if json {
        table::print_json(&Comparison { node: client.base(), same, files })?;
    } else if same {
        table::print(&format!("{} serves the same {total} files as this program\n", client.base()))?;
    }
    if same {
        return Ok(());
    }
    let rest = differing.len().saturating_sub(NAMED_MAX);
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    bail!(
        "{} serves other files than this program, which is version {}: {}{rest} of {total}. Compare it with the program of the node's own version",
        client.base(),
        env!("CARGO_PKG_VERSION"),
        differing.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", "),
    )
}

/// Returns the paths that a node serves a file under.
fn paths(path: &'static str) -> impl Iterator<Item = &'static str> {
    let folder = path.strip_suffix(INDEX).filter(|folder| folder.ends_with('/'));
    std::iter::once(path).chain(folder)
}

fn describe(file: &Served) -> String {
    let missing = if file.served_sha256.is_none() { " (missing)" } else { "" };
    format!("{}{missing}", file.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_compared_under_the_path_of_its_folder_too() {
        let all = |path| paths(path).collect::<Vec<_>>();
        assert_eq!(all("/index.html"), ["/index.html", "/"]);
        assert_eq!(all("/laboratory/index.html"), ["/laboratory/index.html", "/laboratory/"]);
        assert_eq!(all("/main.js"), ["/main.js"]);
        assert_eq!(all("/my-index.html"), ["/my-index.html"]);
    }

    #[test]
    fn the_page_itself_is_among_the_files() {
        assert!(web::files().any(|(path, _)| path == "/index.html"));
    }
}
