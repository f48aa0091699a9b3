//! npm, and the packages that `tests/run` installs from its registry, pinned by
//! `tests/package-lock.json`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the folder of the installation: `$PLEXUS_NPM`, or `npm` in cargo's target folder.
fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("PLEXUS_NPM") {
        return folder.into();
    }
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().find(|path| path.join("CACHEDIR.TAG").exists());
    target.unwrap_or(Path::new(".")).join("npm")
}

/// Returns an installed program. Without it the test prints a warning, and fails if everything has
/// to be tested.
pub fn program(name: &str) -> Option<Command> {
    let path = folder().join("node_modules/.bin").join(name);
    if path.exists() {
        return Some(Command::new(path));
    }
    missing(&format!("{name} is missing: run `bash tests/run`, which installs it"));
    None
}

/// Returns the text of an installed file, on the same terms.
pub fn file(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(folder().join("node_modules").join(path)).ok();
    if text.is_none() {
        missing(&format!("{path} is missing: run `bash tests/run`, which installs it"));
    }
    text
}

/// Returns npm itself, on the same terms. It contacts no registry.
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
