//! Builds the page into the binary: the bindings of its programs, the shader, and everything under
//! `www/`.
//!
//! One command on a fresh clone must start a node with its page, so nothing is installed by hand.
//! The programs are compiled by the package `plexus-page`. The bindings are made by wasm-bindgen
//! as a library. Each file is also kept compressed, by brotli and by gzip at their best levels.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// The maximum depth of folders below `www/`.
const DEPTH_MAX: usize = 8;
/// The most bytes of one file of the page. A picture dropped there accidentally should not double
/// the binary.
const FILE_BYTES_MAX: u64 = 8 << 20;

fn main() {
    if let Err(error) = build() {
        // Cargo shows the first line with this prefix.
        println!("cargo::error={}", error.to_string().replace('\n', " "));
        std::process::exit(1);
    }
}

fn build() -> Fallible<()> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let workspace = package.parent().ok_or("the package is not in a workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    let www = workspace.join("www");
    println!("cargo::rerun-if-changed={}", www.display());
    if www.is_dir() {
        collect(&www, "", DEPTH_MAX, &mut files)?;
    }
    #[cfg(feature = "page")]
    {
        let shader = workspace.join("core/src/mining/kernel/search.wgsl");
        println!("cargo::rerun-if-changed={}", shader.display());
        let pkg = out.join("pkg");
        bind(&pkg)?;
        collect(&pkg, "/pkg", DEPTH_MAX, &mut files)?;
        files.push(("/search.wgsl".to_owned(), shader));
    }
    files.sort();
    files.push(list(&files, &out)?);
    files.sort();
    embed(&files, &out)
}

/// Makes the bindings of all programs: for each an ES module, its types, and the program that it
/// starts.
#[cfg(feature = "page")]
fn bind(folder: &Path) -> Fallible<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    for name in plexus_page::PROGRAMS {
        wasm_bindgen_cli_support::Bindgen::new()
            .input_path(Path::new(plexus_page::FOLDER).join(format!("{name}.wasm")))
            .out_name(name)
            .web(true)
            .and_then(|bindgen| {
                bindgen
                    .typescript(true)
                    .remove_name_section(true)
                    .remove_producers_section(true)
                    .generate(folder)
            })
            .map_err(|error| format!("wasm-bindgen cannot make the page's bindings: {error:#}"))?;
    }
    Ok(())
}

/// The path part of the simulator's files, which only its visitors load.
const ASIDE: &str = "laboratory";

/// Writes a list of the page's files, from which its service worker knows the files to cache. It
/// leaves out the files of the simulator and of pages that embed the client. Returns its path and
/// its file.
fn list(files: &[(String, PathBuf)], out: &Path) -> Fallible<(String, PathBuf)> {
    let is_for_others = |path: &str| ["/elements.js", "/types.js"].contains(&path) || path.ends_with(".d.ts");
    let is_pages = |path: &str| !is_for_others(path) && !path.contains(ASIDE);
    let kept = files.iter().filter(|(path, _)| is_pages(path));
    let paths: Vec<_> = kept.map(|(path, _)| format!("{path:?}")).collect();
    let file = out.join("files.json");
    fs::write(&file, format!("[{}]\n", paths.join(",")))?;
    Ok(("/files.json".to_owned(), file))
}

/// Collects every file below a folder, each with the path that it is served under.
fn collect(folder: &Path, served: &str, depth: usize, files: &mut Vec<(String, PathBuf)>) -> Fallible<()> {
    if depth == 0 {
        return Err(format!("{}: folders lie over {DEPTH_MAX} deep", folder.display()).into());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("{name:?} is not UTF-8"))?;
        // Hidden files are not part of the page.
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{served}/{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, depth - 1, files)?;
        } else {
            files.push((path, entry.path()));
        }
    }
    Ok(())
}

/// Writes `page.rs`: a table of the files, each with its compressed forms where these are smaller.
fn embed(files: &[(String, PathBuf)], out: &Path) -> Fallible<()> {
    let folder = out.join("files");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut table = String::from("&[\n");
    for (index, (served, path)) in files.iter().enumerate() {
        let bytes = fs::read(path)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("{} is over {FILE_BYTES_MAX} bytes", path.display()).into());
        }
        let plain = folder.join(index.to_string());
        fs::write(&plain, &bytes)?;
        let compressed = |compressed: Vec<u8>, extension| -> Fallible<String> {
            if compressed.len() >= bytes.len() {
                return Ok("None".to_owned());
            }
            let file = folder.join(format!("{index}.{extension}"));
            fs::write(&file, compressed)?;
            Ok(format!("Some(include_bytes!({file:?}))"))
        };
        let (brotli, gzip) =
            (compressed(plexus_page::brotli(&bytes)?, "br")?, compressed(plexus_page::gzip(&bytes)?, "gz")?);
        table += &format!(
            "File {{ path: {served:?}, bytes: include_bytes!({plain:?}), brotli: {brotli}, gzip: {gzip} }},\n"
        );
    }
    table += "]\n";
    fs::write(out.join("page.rs"), table)?;
    Ok(())
}
