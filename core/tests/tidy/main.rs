//! Tidiness: imports, prose and citations, read from the text of the sources.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod citations;
mod imports;
mod prose;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the folder of the whole project.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns the files below a folder that have this extension, in order of their paths. Build
/// outputs and npm packages are left out.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_generated = path.ends_with("target") || path.ends_with("node_modules");
        if path.is_dir() && !is_generated {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
