//! Looks for the tools of the tests, and sets a `cfg` for each one that is missing. The tests that
//! need it are then ignored, with the reason.
//!
//! With `CI` set no `cfg` is set, so such a test runs and fails. Cargo runs this again when a file
//! of a tool changes or is gone, and at each build while one is missing.

#![allow(dead_code, unreachable_pub, reason = "the included files are modules of the tests, too")]

#[cfg(target_os = "linux")]
#[path = "src/enclosure.rs"]
mod enclosure;
#[path = "src/tools.rs"]
mod tools;

use std::path::PathBuf;

/// The programs that network namespaces need.
#[cfg(target_os = "linux")]
const NAMESPACE_PROGRAMS: [&str; 3] = ["unshare", "nsenter", "ip"];

fn main() {
    for file in ["build.rs", "src/tools.rs", "src/enclosure.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for variable in ["CI", "PATH", "CHROMIUM", "PLEXUS_NPM", "PLEXUS_PYTHON"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let chromium = tools::chromium();
    let emulates = chromium.as_ref().is_some_and(|chromium| tools::emulates_gpu(chromium, &folder));
    let python = tools::python("ecdsa, websockets").map(PathBuf::from);
    // The program under test has the feature if these tests have it.
    let acme =
        std::env::var_os("CARGO_FEATURE_ACME").is_some() && tools::on_path("pebble-challtestsrv").is_some();
    tool("no_chromium", chromium.is_none(), chromium.as_slice());
    tool("no_webgpu", !emulates, chromium.as_slice());
    for (missing, file) in [
        ("no_npm", tools::on_path("npm")),
        ("no_tmux", tools::on_path("tmux")),
        ("no_promtool", tools::on_path("promtool").and(tools::on_path("prometheus"))),
        ("no_tsc", tools::npm_package(".bin/tsc")),
        ("no_axe", tools::npm_package("axe-core/axe.min.js")),
        ("no_socket_activate", tools::on_path("systemd-socket-activate")),
        ("no_pebble", acme.then(|| tools::on_path("pebble")).flatten()),
        ("no_python", python.map(|name| tools::on_path(&name.to_string_lossy()).unwrap_or(name))),
    ] {
        tool(missing, file.is_none(), file.as_slice());
    }
    #[cfg(target_os = "linux")]
    for (missing, script) in [
        ("no_places", enclosure::PLACES),
        ("no_addresses", enclosure::ADDRESSES),
        ("no_small_disk", enclosure::SMALL_DISK),
    ] {
        let programs: Vec<_> = NAMESPACE_PROGRAMS.iter().filter_map(|name| tools::on_path(name)).collect();
        tool(missing, enclosure::lack_of(script).is_some(), &programs);
    }
}

/// Sets a `cfg` if a tool is missing, and watches its files.
fn tool(missing: &str, is_missing: bool, files: &[PathBuf]) {
    println!("cargo::rustc-check-cfg=cfg({missing})");
    if is_missing && std::env::var_os("CI").is_none() {
        println!("cargo::rustc-cfg={missing}");
    }
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    if files.is_empty() {
        // Cargo runs a build script at each build if a file that it watches does not exist.
        println!("cargo::rerun-if-changed=a-tool-is-missing");
    }
}
