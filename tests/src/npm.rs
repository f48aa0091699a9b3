//! npm, and what `tests/run` installs from its registry as `tests/package-lock.json` says.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where it is installed: `$PLEXUS_NPM`, or `npm` in cargo's target folder.
fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("PLEXUS_NPM") {
        return folder.into();
    }
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().find(|path| path.join("CACHEDIR.TAG").exists());
    target.unwrap_or(Path::new(".")).join("npm")
}

/// A program that is installed; without it the test says so, loudly, and fails where all has to be tested.
pub fn program(name: &str) -> Option<Command> {
    let path = folder().join("node_modules/.bin").join(name);
    if path.exists() {
        return Some(Command::new(path));
    }
    missing(&format!("{name} is missing: run `bash tests/run`, which installs it"));
    None
}

/// The text of a file that is installed, on the same terms.
pub fn file(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(folder().join("node_modules").join(path)).ok();
    if text.is_none() {
        missing(&format!("{path} is missing: run `bash tests/run`, which installs it"));
    }
    text
}

/// npm itself, on the same terms; it asks no registry.
pub fn npm() -> Option<Command> {
    let mut npm = Command::new("npm");
    if npm
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        let mut npm = Command::new("npm");
        npm.args(["--offline", "--no-audit", "--no-fund", "--ignore-scripts"]);
        return Some(npm);
    }
    missing("npm is missing: install Node.js");
    None
}

fn missing(what: &str) {
    let text = format!("NO NPM: {what}. What needs it is NOT tested.");
    assert!(std::env::var("CI").is_err(), "{text}");
    eprintln!("{}\n{text}\n{}", "!".repeat(text.len()), "!".repeat(text.len()));
}
