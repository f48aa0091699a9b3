//! The tools that some tests need and that a machine may lack: a browser, npm and its packages, a
//! Python with packages, tmux.
//!
//! The build script looks for them with this same code, and a test whose tool is missing is reported
//! as ignored. With `CI` set nothing is ignored, and the test fails. This file uses nothing else
//! of this crate, because the build script includes it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The options with which Chromium emulates a graphics processor for computations.
pub const GPU_OPTIONS: [&str; 3] =
    ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];
/// Names under which Chromium is installed.
const CHROMIUM: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

/// Returns the browser's program: `$CHROMIUM`, or one on the path.
pub fn chromium() -> Option<PathBuf> {
    match std::env::var_os("CHROMIUM") {
        Some(path) => Some(path.into()),
        None => CHROMIUM.iter().find_map(|name| on_path(name)),
    }
}

/// Returns the file of a program on the path.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.exists())
}

/// Returns a file of the packages from npm's registry that `tests/run` installs, below its folder:
/// `$PLEXUS_NPM`, or `npm` in cargo's target folder.
pub fn npm_package(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PLEXUS_NPM").map(PathBuf::from).or_else(|| {
        let program = std::env::current_exe().ok()?;
        let target = program.ancestors().find(|path| path.join("CACHEDIR.TAG").exists())?;
        Some(target.join("npm"))
    });
    Some(folder?.join("node_modules").join(path)).filter(|path| path.exists())
}

/// Returns npm. It contacts no registry.
pub fn npm() -> Option<Command> {
    let mut npm = Command::new(on_path("npm")?);
    npm.args(["--offline", "--no-audit", "--no-fund", "--ignore-scripts"]);
    Some(npm)
}

/// Returns a Python that has these packages: `$PLEXUS_PYTHON`, or `python3`.
pub fn python(packages: &str) -> Option<OsString> {
    let python = std::env::var_os("PLEXUS_PYTHON").unwrap_or_else(|| "python3".into());
    let mut has = Command::new(&python);
    has.args(["-c", &format!("import {packages}")]).stdout(Stdio::null()).stderr(Stdio::null());
    has.status().is_ok_and(|status| status.success()).then_some(python)
}

/// Returns true if the browser emulates a graphics processor for pages. `folder` is for its profile.
pub fn emulates_gpu(chromium: &Path, folder: &Path) -> bool {
    const PAGE: &str = "<script>navigator.gpu?.requestAdapter().then((found) => { document.title = found ? 'found' : '' })</script>";
    let page = folder.join("gpu.html");
    if std::fs::write(&page, PAGE).is_err() {
        return false;
    }
    let output = Command::new(chromium)
        .args(["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run"])
        .args(GPU_OPTIONS)
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("<title>found</title>"))
}
