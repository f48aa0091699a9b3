//! Collects the page's files: the bindings of its programs, the shader, and everything under `www/`.
//!
//! One command on a fresh clone must start a node with its page, so nothing is installed by hand.
//! The programs are compiled by the package `plexus-page`. The bindings are made by wasm-bindgen
//! as a library. Each file is also kept compressed, by brotli and by gzip at their best levels.
//!
//! The release script sets `PLEXUS_MINIFIER` to a program. It is called with a folder of the page's
//! scripts and styles, and has to minify them in place.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// The maximum depth of folders below `www/`.
const DEPTH_MAX: usize = 8;
/// The most bytes of one file of the page. A picture dropped there accidentally should not double
/// the binary.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// The environment variable that names the program to minify the page's files with.
const MINIFIER: &str = "PLEXUS_MINIFIER";
/// The endings of the files that are minified.
const MINIFIED: [&str; 2] = [".js", ".css"];

fn main() {
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
    println!("cargo::rerun-if-env-changed={MINIFIER}");
    let mut files = Vec::new();
    let www = workspace.join("www");
    println!("cargo::rerun-if-changed={}", www.display());
    if www.is_dir() {
        collect(&www, "", DEPTH_MAX, &mut files)?;
    }
    #[cfg(feature = "programs")]
    {
        let shader = workspace.join("core/src/mining/kernel/search.wgsl");
        println!("cargo::rerun-if-changed={}", shader.display());
        let pkg = out.join("pkg");
        bind(&pkg)?;
        collect(&pkg, "/pkg", DEPTH_MAX, &mut files)?;
        files.push(("/search.wgsl".to_owned(), shader));
    }
    files.sort();
    if let Some(program) = env::var_os(MINIFIER).filter(|program| !program.is_empty()) {
        minify(&program, &mut files, &out.join("minified"))?;
    }
    files.push(list(&files, &out)?);
    files.sort();
    embed(&files, &out)
}

/// Makes the bindings of all programs: for each an ES module, its types, and the program that it
/// starts.
#[cfg(feature = "programs")]
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

/// Copies the scripts and styles to a folder and has a program minify them there. The copies take
/// the place of the files.
fn minify(program: &std::ffi::OsStr, files: &mut [(String, PathBuf)], folder: &Path) -> Fallible<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    println!("cargo::rerun-if-changed={}", Path::new(program).display());
    for (served, file) in files {
        if MINIFIED.iter().any(|ending| served.ends_with(ending)) {
            let copy = folder.join(served.trim_start_matches('/'));
            fs::create_dir_all(copy.parent().ok_or("a file of the page has no folder")?)?;
            fs::copy(&file, &copy)?;
            *file = copy;
        }
    }
    let output = Command::new(program)
        .arg(folder)
        .output()
        .map_err(|error| format!("{MINIFIER}={} cannot be started: {error}", Path::new(program).display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{MINIFIER} failed: {}", said.trim()).into());
    }
    Ok(())
}

/// Writes `assets.rs`: a table of the files, each with its compressed forms where these are smaller.
fn embed(files: &[(String, PathBuf)], out: &Path) -> Fallible<()> {
    let folder = out.join("files");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut contents = Vec::new();
    for (_, path) in files {
        let bytes = fs::read(path)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("{} is over {FILE_BYTES_MAX} bytes", path.display()).into());
        }
        contents.push(bytes);
    }
    let compressed = compress(&contents)?;
    let mut table = String::from("&[\n");
    for (index, (((served, _), bytes), (brotli, gzip))) in
        files.iter().zip(&contents).zip(&compressed).enumerate()
    {
        // The table names no folder of this machine.
        let write = |name: String, bytes: &[u8]| -> Fallible<String> {
            fs::write(folder.join(&name), bytes)?;
            Ok(format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/files/{name}\"))"))
        };
        let plain = write(index.to_string(), bytes)?;
        let smaller = |packed: &[u8], extension| -> Fallible<String> {
            if packed.len() >= bytes.len() {
                return Ok("None".to_owned());
            }
            Ok(format!("Some({})", write(format!("{index}.{extension}"), packed)?))
        };
        let (brotli, gzip) = (smaller(brotli, "br")?, smaller(gzip, "gz")?);
        table += &format!("File {{ path: {served:?}, bytes: {plain}, brotli: {brotli}, gzip: {gzip} }},\n");
    }
    table += "]\n";
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

/// A file in brotli's format and in gzip's.
type Compressed = (Vec<u8>, Vec<u8>);

/// Compresses the files on all cores, the largest first.
fn compress(contents: &[Vec<u8>]) -> Fallible<Vec<Compressed>> {
    let mut order: Vec<usize> = (0..contents.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(contents[index].len()));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let bytes = &contents[index];
                    let packed =
                        plexus_page::brotli(bytes).and_then(|br| Ok((br, plexus_page::gzip(bytes)?)));
                    done.lock().expect("no thread panics while it holds the lock").push((index, packed));
                }
            });
        }
    });
    let mut done = done.into_inner()?;
    done.sort_by_key(|&(index, _)| index);
    done.into_iter().map(|(_, packed)| Ok(packed?)).collect()
}
