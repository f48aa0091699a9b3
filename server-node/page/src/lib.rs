//! The build of the page: its programs, which are `web-client` compiled for wasm32 by this package's
//! build script, and the compression of its files.
//!
//! It is a package of its own so that the programs are compiled beside everything else, and so that
//! the compression is optimised in builds for development, too.

use std::io::{self, Write};

/// The folder of the compiled programs, `<name>.wasm` for each of [`PROGRAMS`]. They still need
/// their bindings. It is empty without the feature `programs`.
pub const FOLDER: &str = env!("OUT_DIR");

/// The names of the programs: the node, the miner for engines that have vectors, and the simulator.
pub const PROGRAMS: [&str; 3] = ["plexus_web", "plexus_miner", "plexus_laboratory"];

/// The best quality of brotli.
const QUALITY: u32 = 11;
/// The window of brotli, as the exponent of its size: 4 MiB, more than any program of the page.
const WINDOW: u32 = 22;
/// The bytes that brotli takes at once.
const BUFFER_BYTES: usize = 1 << 16;

/// Returns the bytes in brotli's format.
///
/// # Errors
/// Memory cannot fail to be written, so there are none in practice.
pub fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut compressed, BUFFER_BYTES, QUALITY, WINDOW);
    writer.write_all(bytes)?;
    drop(writer);
    Ok(compressed)
}

/// Returns the bytes in gzip's format, without a name and a time.
///
/// # Errors
/// Memory cannot fail to be written, so there are none in practice.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    writer.finish()
}
