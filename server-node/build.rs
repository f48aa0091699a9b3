//! Finds the commit that the program is built from, for `plexus --version`.
//!
//! It is `PLEXUS_COMMIT`, which packagers set, or else what git says of this workspace, or else
//! `unknown`, as in a source package. Cargo runs this again only when the variable or the commit
//! changes.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The digits of a commit that are shown.
const DIGITS: usize = 12;
/// The most characters of `PLEXUS_COMMIT`.
const COMMIT_CHARS_MAX: usize = 64;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PLEXUS_COMMIT");
    let commit = match env::var("PLEXUS_COMMIT").ok().filter(|commit| !commit.is_empty()) {
        Some(commit) if is_name(&commit) => commit,
        Some(_) => {
            println!(
                "cargo::error=PLEXUS_COMMIT must have at most {COMMIT_CHARS_MAX} letters, digits, dots and dashes"
            );
            return;
        }
        None => from_git().unwrap_or_else(|| "unknown".to_owned()),
    };
    println!("cargo::rustc-env=PLEXUS_BUILD_COMMIT={commit}");
}

fn is_name(commit: &str) -> bool {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_');
    commit.len() <= COMMIT_CHARS_MAX && commit.chars().all(is_plain)
}

/// Returns the beginning of the commit's hash, and watches the files that change with it.
fn from_git() -> Option<String> {
    let package = env::var("CARGO_MANIFEST_DIR").ok()?;
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(&package).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // A source package may lie in another project's repository.
    let top = fs::canonicalize(git(&["rev-parse", "--show-toplevel"])?).ok()?;
    if top != fs::canonicalize(Path::new(&package).parent()?).ok()? {
        return None;
    }
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = Path::new(&package).join(git(&["rev-parse", "--git-path", name])?);
        // Cargo would run this at each build if it watched a file that does not exist.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    let hash = git(&["rev-parse", "HEAD"])?;
    (hash.len() >= DIGITS && hash.chars().all(|char| char.is_ascii_hexdigit()))
        .then(|| hash[..DIGITS].to_owned())
}
