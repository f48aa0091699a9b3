//! The disk: the space that is left where the data folder lies.

use std::io;
use std::path::Path;

/// Returns the bytes that this process may still write to the file system that holds `path`.
/// Blocks that the system reserves for root are not counted.
///
/// This is one system call. On a network file system it may wait for the network, so call it on a
/// thread that may block.
///
/// # Errors
/// `path` does not exist or cannot be examined, or the system cannot tell.
#[cfg(unix)]
pub fn disk_free(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    // POSIX counts `f_bavail` in units of `f_frsize`. Some systems leave that 0.
    let unit = if found.f_frsize == 0 { found.f_bsize } else { found.f_frsize };
    Ok(found.f_bavail.saturating_mul(unit))
}

/// Returns an error: free space is not known here on systems other than Unix.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn disk_free(_path: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_system_has_no_free_bytes() {
        // The kernel's process files have no space at all.
        if cfg!(target_os = "linux") {
            assert_eq!(disk_free(Path::new("/proc")).unwrap(), 0);
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(disk_free(folder.path()).unwrap() > 0);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = disk_free(&folder.path().join("missing")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
