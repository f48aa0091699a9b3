//! The npm package of the light client: written by the program and packed by npm. Its types must be
//! those of its code.
//!
//! With `UPDATE_TYPES=1` the types in `web-client/package/` are written instead of being compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use plexus_tests::npm;
use plexus_tests::process::{self, Process, run};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{repository, text};

/// The compiler's options for browser modules.
const OPTIONS: [&str; 9] = [
    "--strict",
    "--target",
    "esnext",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
    "--lib",
    "esnext,dom,dom.iterable",
];
/// The modules with types for editors.
const TYPED: [&str; 2] = ["client", "elements"];

/// Returns a folder with the package in it, and the package's path there.
fn package() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("node_modules/plexus-light");
    let written = run(["package", package.to_str().unwrap()]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    (folder, package)
}

/// Returns every file below a folder, by its relative path, sorted.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Runs the compiler. Asserts that it has no complaints.
fn check(mut compiler: Command, folder: &Path) {
    let output = compiler.current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{compiler:?}\n{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn a_package_is_written_into_an_empty_folder_and_no_other() {
    let (folder, package) = package();
    let written = files(&package);
    for name in [
        "package.json",
        "README.md",
        "LICENSE",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "client.d.ts",
        "elements.js",
        "pkg/plexus_web_bg.wasm",
    ] {
        assert!(written.iter().any(|file| file == name), "{name} is not among {written:?}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    for (place, part) in [(&package, "is not empty"), (&file, "is no folder")] {
        let again = run(["package", place.to_str().unwrap()]);
        let said = text(&again.stderr);
        assert_eq!((again.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains(part) && said.contains(place.to_str().unwrap()), "{said}");
    }
    assert_eq!(files(&package), written);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
#[cfg_attr(no_npm, ignore = "needs npm")]
fn npm_packs_all_of_it() {
    let mut npm = npm::npm();
    let (_folder, package) = package();
    let output = npm.args(["pack", "--dry-run", "--json"]).current_dir(&package).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    // This is a list in some versions of npm, and an object by the packages' names in others.
    let packed = said.get(0).or_else(|| said.get("plexus-light")).unwrap();
    let mut names: Vec<_> =
        packed["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, files(&package));
    assert_eq!(
        (&packed["name"], &packed["version"]),
        (&json!("plexus-light"), &json!(env!("CARGO_PKG_VERSION")))
    );
    println!("MEASURED the package is {} bytes packed, {} unpacked", packed["size"], packed["unpackedSize"]);
}

/// Returns the types of `client.js` with the declarations of `types.js` in place of its references
/// to them. So the package has them in one file.
fn with_types(client: &str, types: &str) -> String {
    let first = client.find("export type").unwrap();
    let last = client.rfind("import('./types.js')").unwrap();
    let after = last + client[last..].find('\n').unwrap() + 1;
    // The compiler repeats the comment that the declarations are made from behind them.
    let declarations = &types[types.find("export type").unwrap()..=types.rfind("\n/**").unwrap()];
    format!("{}{declarations}{}", &client[..first], &client[after..])
}

#[test]
#[cfg_attr(no_tsc, ignore = "needs npm's typescript")]
fn the_types_are_those_of_the_code() {
    let mut compiler = npm::program("tsc");
    let out = tempfile::tempdir().unwrap();
    compiler.args(OPTIONS).args([
        "--allowJs",
        "--declaration",
        "--stripInternal",
        "--emitDeclarationOnly",
        "--outDir",
    ]);
    compiler.arg(out.path()).args(TYPED.map(|name| format!("{name}.js")));
    check(compiler, &repository("www"));
    let read = |name: &str| fs::read_to_string(out.path().join(format!("{name}.d.ts"))).unwrap();
    for name in TYPED {
        let file = repository("web-client/package").join(format!("{name}.d.ts"));
        let made = if name == "client" { with_types(&read(name), &read("types")) } else { read(name) };
        if std::env::var_os("UPDATE_TYPES").is_some() {
            fs::write(&file, made).unwrap();
        } else {
            let kept = fs::read_to_string(&file).unwrap();
            let hint = "is out of date: UPDATE_TYPES=1 cargo test -p plexus-tests --test processes types";
            assert!(kept == made, "{} {hint}", file.display());
        }
    }
}

#[test]
#[cfg_attr(no_tsc, ignore = "needs npm's typescript")]
fn all_scripts_keep_their_types() {
    let mut compiler = npm::program("tsc");
    let copy = tempfile::tempdir().unwrap();
    let www = repository("www");
    for name in files(&www).into_iter().filter(|name| name.ends_with(".js")) {
        let to = copy.path().join(&name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(www.join(&name), to).unwrap();
        compiler.arg(name);
    }
    // The programs' bindings are built in, so a node serves them.
    let network = process::network(copy.path(), 16);
    let node = Process::start(&copy.path().join("node"), &network, "127.0.0.1:0", &[]).unwrap();
    fs::create_dir(copy.path().join("pkg")).unwrap();
    for program in ["plexus_web", "plexus_miner", "plexus_laboratory"] {
        let name = format!("pkg/{program}.d.ts");
        let types = ureq::get(format!("{}/{name}", node.url)).call().unwrap();
        fs::write(copy.path().join(name), types.into_body().read_to_vec().unwrap()).unwrap();
    }
    compiler.args(OPTIONS).args(["--allowJs", "--checkJs", "--noEmit"]);
    check(compiler, copy.path());
}

#[test]
#[cfg_attr(no_tsc, ignore = "needs npm's typescript")]
fn the_examples_are_typed_by_the_package() {
    let mut compiler = npm::program("tsc");
    let (folder, _) = package();
    for name in ["typed.ts", "send.js"] {
        fs::copy(repository("web-client/example").join(name), folder.path().join(name)).unwrap();
        compiler.arg(name);
    }
    compiler.args(OPTIONS).args(["--allowJs", "--checkJs", "--noEmit", "--maxNodeModuleJsDepth", "0"]);
    check(compiler, folder.path());
}
