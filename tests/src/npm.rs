//! npm, and the packages that `tests/run` installs from its registry, pinned by
//! `tests/package-lock.json`.
//!
//! Each function panics if its tool is missing: a test that needs it is ignored there, unless
//! everything has to be tested.

use std::process::Command;

use crate::tools;

/// Returns an installed program.
pub fn program(name: &str) -> Command {
    let path = tools::npm_package(&format!(".bin/{name}"));
    Command::new(path.unwrap_or_else(|| missing(name)))
}

/// Returns the text of an installed file.
pub fn file(path: &str) -> String {
    let text = tools::npm_package(path).and_then(|path| std::fs::read_to_string(path).ok());
    text.unwrap_or_else(|| missing(path))
}

/// Returns npm itself. It contacts no registry.
pub fn npm() -> Command {
    tools::npm().expect("NO NPM: npm is missing. Install Node.js.")
}

fn missing<T>(what: &str) -> T {
    panic!("NO NPM: {what} is missing. Run `bash tests/run`, which installs it.")
}
