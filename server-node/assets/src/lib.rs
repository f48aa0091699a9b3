//! The files of the page, as a node serves them. The build script collects and compresses them.
//!
//! They are a package of their own, so that a change of the node does not compress them again.

/// A file of the page.
#[derive(Debug)]
pub struct File {
    /// The path that it is served under, from `/`.
    pub path: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    /// The same file in brotli's format, if that is smaller.
    pub brotli: Option<&'static [u8]>,
    /// The same file in gzip's format, if that is smaller.
    pub gzip: Option<&'static [u8]>,
}

/// Every file, in rising order of paths.
pub static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
