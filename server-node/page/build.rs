//! Compiles `web-client` for wasm32: each of the page's programs, as it comes from the compiler.
//!
//! This script depends on nothing, so cargo starts it first, and the programs are compiled while
//! cargo compiles the other packages. The wasm32 target is added through rustup if it is missing.
//! The inner build has a target folder of its own, because the outer one is locked meanwhile. It
//! sees none of the outer build's settings. Its output contains no path of the building machine.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() {
    if !cfg!(feature = "programs") {
        return;
    }
    if let Err(error) = build() {
        // Cargo shows the first line with this prefix.
        println!("cargo::error={}", error.to_string().replace('\n', " "));
        std::process::exit(1);
    }
}

fn build() -> Fallible<()> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let workspace = package.ancestors().nth(2).ok_or("the package is not in a workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    for input in ["web-client", "core", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    // <target>/<profile>/build/<package>/out
    let target = out.ancestors().nth(4).ok_or("OUT_DIR is not below a target folder")?.join("page");
    add_target()?;
    for program in PROGRAMS {
        let made = compile(program, workspace, &target)?;
        fs::copy(&made, out.join(format!("{}.wasm", program.name)))?;
    }
    Ok(())
}

/// The compilation target of the page's program.
const TARGET: &str = "wasm32-unknown-unknown";
/// Cargo's name for each program that it makes of `web-client`.
const MADE: &str = "plexus_web";

/// One of the page's programs.
struct Program {
    /// The name of the bindings and the program, which are served below `/pkg/`.
    name: &'static str,
    /// The features of `web-client` that the program is built with.
    features: &'static str,
    /// The packages that are optimised at another level than the profile's, and their levels.
    levels: &'static [(&'static str, &'static str)],
}

/// All programs. A browser without SIMD refuses a program that contains a single vector
/// instruction. There, the node's own program mines.
const PROGRAMS: &[Program] = &[
    Program { name: "plexus_web", features: "node,miner", levels: &[] },
    Program { name: "plexus_miner", features: "miner,simd128", levels: MINER },
    Program { name: "plexus_laboratory", features: "laboratory", levels: LABORATORY },
];
/// Optimisation levels of the miner, which has to be fast. Its kernels are unrolled by hand, so
/// a level above "s" makes them larger and no faster. The sha2 crate only supplies the results
/// that the kernels must find. Everything in the program is built once.
const MINER: &[(&str, &str)] = &[("plexus-core", "s"), ("plexus-web", "s"), ("sha2", "z")];
/// Optimisation levels of the simulator, which has to be fast too: the packages that it spends
/// its time in.
const LABORATORY: &[(&str, &str)] = &[
    ("plexus-core", "2"),
    ("k256", "3"),
    ("primeorder", "3"),
    ("primefield", "3"),
    ("elliptic-curve", "3"),
    ("crypto-bigint", "3"),
    ("sha2", "3"),
    ("bytes", "3"),
];

/// The compiler's flags for all programs.
///
/// The curve's arithmetic uses words of 32 bits, because browsers cannot multiply two words of
/// 64 at once. That halves the time to verify a signature and makes the node's program 16 kB
/// smaller. The sha2 crate uses its form with loops for rounds. It makes a header's hash a
/// fifth slower, a phrase's seed a fifth faster, and the program 4 kB smaller.
const FLAGS: &[&str] =
    &["--cfg=cpubits=\"32\"", "--cfg=sha2_backend=\"soft\"", "--cfg=sha2_backend_soft=\"compact\""];

/// Cargo's settings that the inner build shares with the outer one. All other variables of
/// cargo are about the package being built, or would change the inner build's output.
const SHARED: &[&str] = &["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_TERM_"];
/// Variables that are not cargo's but affect its builds.
const UNSHARED: &[&str] = &[
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTC_LINKER",
];

fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let foreign = text.starts_with("CARGO_") && !SHARED.iter().any(|start| text.starts_with(start));
        if foreign || UNSHARED.contains(&text) {
            command.env_remove(&name);
        }
    }
    command
}

/// Compiles `web-client` as one of its programs. Returns its path, which is valid until the
/// next program is built.
fn compile(program: &Program, workspace: &Path, target: &Path) -> Fallible<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(cargo);
    for (package, level) in program.levels {
        // A numeric level is written as a number, any other as a string.
        let level = level.parse::<u8>().map_or_else(|_| format!("{level:?}"), |level| level.to_string());
        command.arg("--config").arg(format!("profile.wasm.package.{package}.opt-level={level}"));
    }
    let output = command
        .args(["build", "--package", "plexus-web", "--lib", "--profile", "wasm", "--target", TARGET])
        .args(["--no-default-features", "--features", program.features])
        .args(["--locked", "--color", "never", "--target-dir"])
        .arg(target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(workspace))
        .current_dir(workspace)
        .output()
        .map_err(|error| format!("cargo could not be started to build web-client: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        eprintln!("{text}");
        let reason = text.lines().find(|line| line.starts_with("error")).unwrap_or("cargo failed").to_owned();
        let again = format!(
            "cargo build -p plexus-web --lib --profile wasm --target {TARGET} --no-default-features --features {}",
            program.features
        );
        return Err(format!("web-client does not build for {TARGET} ({reason}); see `{again}`").into());
    }
    Ok(target.join(TARGET).join("wasm").join(format!("{MADE}.wasm")))
}

/// Returns the compiler's flags in the form of `CARGO_ENCODED_RUSTFLAGS`: [`FLAGS`], and flags
/// that replace this machine's folders by names.
fn flags(workspace: &Path) -> std::ffi::OsString {
    let cargo = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let folders = [(Some(workspace.to_owned()), "plexus"), (cargo, "cargo")];
    let mut flags = std::ffi::OsString::from(FLAGS.join("\u{1f}"));
    for (folder, name) in folders {
        let Some(folder) = folder else { continue };
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(folder);
        flags.push(format!("=/{name}"));
    }
    flags
}

/// Adds the target's standard library, unless the compiler has it.
fn add_target() -> Fallible<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = command(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && folder.is_dir() {
        return Ok(());
    }
    let added = command("rustup").args(["target", "add", TARGET]).output();
    if added.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    Err(format!(
        "the page needs the compilation target {TARGET}, and rustup could not add it: run `rustup target add {TARGET}` \
         (or install your distribution's package of it), or build without the page: `--no-default-features`"
    )
    .into())
}
