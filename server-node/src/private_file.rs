//! Private files: only their owner can read them, and they are written whole or not at all.
//!
//! A file is written under another name first, with mode 0600, and is durable before it takes its
//! own name. A file that others can read is refused when it is read. The check looks at the opened
//! file, so that it cannot be exchanged in between. It is made on Unix only.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The permissions of others than the owner.
const OTHERS: u32 = 0o077;
/// The permissions of others, without a group's to read. systemd passes credentials to a service
/// with an access list, which shows as this permission.
const OTHERS_BUT_GROUP: u32 = 0o037;

/// The reason that a private file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// A file or folder cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// Others than the owner can read or change the file.
    #[error("{} is open to other users (mode {mode:04o}): run `chmod 600 {}`", path.display(), quoted(path))]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is too long.
    #[error("{} is too long: at most {bytes_max} bytes are expected", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes.
        bytes_max: usize,
    },
    /// The file exists.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

/// Returns a path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "_./-+@%,=".contains(char);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Creates a folder and the missing ones above it. Only their owner can use the new ones.
///
/// # Errors
/// The system's error.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Reads a file of at most `bytes_max` bytes. Returns `None` if it does not exist.
///
/// # Errors
/// The file cannot be read, is too long, or is open to other users.
pub fn read(path: &Path, bytes_max: usize) -> Result<Option<Zeroizing<String>>, PrivateFileError> {
    read_unless(path, bytes_max, OTHERS)
}

/// Reads a credential that systemd passed to this service. Otherwise like [`read()`].
///
/// # Errors
/// As [`read()`].
pub fn read_credential(path: &Path, bytes_max: usize) -> Result<Option<Zeroizing<String>>, PrivateFileError> {
    read_unless(path, bytes_max, OTHERS_BUT_GROUP)
}

fn read_unless(
    path: &Path,
    bytes_max: usize,
    forbidden: u32,
) -> Result<Option<Zeroizing<String>>, PrivateFileError> {
    let failed = |error| PrivateFileError::File { path: path.to_owned(), error };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    check_mode(path, &file, forbidden)?;
    read_text(file, bytes_max)
        .map_err(failed)?
        .ok_or_else(|| PrivateFileError::TooLong { path: path.to_owned(), bytes_max })
        .map(Some)
}

/// Reads a secret text of at most `bytes_max` bytes. Returns `None` if it is longer.
///
/// # Errors
/// The reader's error, or the text is not UTF-8.
pub fn read_text(reader: impl Read, bytes_max: usize) -> io::Result<Option<Zeroizing<String>>> {
    // With room for all bytes, so that no copy is left behind when the text grows.
    let mut text = Zeroizing::new(String::with_capacity(bytes_max + 1));
    reader.take(bytes_max as u64 + 1).read_to_string(&mut text)?;
    Ok((text.len() <= bytes_max).then_some(text))
}

#[cfg(unix)]
fn check_mode(path: &Path, file: &File, forbidden: u32) -> Result<(), PrivateFileError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata =
        file.metadata().map_err(|error| PrivateFileError::File { path: path.to_owned(), error })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & forbidden == 0 {
        Ok(())
    } else {
        Err(PrivateFileError::Exposed { path: path.to_owned(), mode })
    }
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _file: &File, _forbidden: u32) -> Result<(), PrivateFileError> {
    Ok(())
}

/// Writes a file that must not exist. It appears complete and durable, or not at all.
///
/// # Errors
/// [`PrivateFileError::Exists`], or the system's error.
pub fn create(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    write(path, text, |draft| draft.persist_noclobber(path).map_err(|error| error.error))
}

/// Writes a file that may exist. After a crash it is the earlier or the new one, whole.
///
/// # Errors
/// The system's error.
pub fn replace(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    write(path, text, |draft| draft.persist(path).map_err(|error| error.error))
}

fn write(
    path: &Path,
    text: &str,
    persist: impl FnOnce(tempfile::NamedTempFile) -> io::Result<File>,
) -> Result<(), PrivateFileError> {
    let failed = |error: io::Error| {
        let (is_taken, path) = (error.kind() == io::ErrorKind::AlreadyExists, path.to_owned());
        if is_taken { PrivateFileError::Exists { path } } else { PrivateFileError::File { path, error } }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || {
        create_folder(folder)?;
        // Its mode is 0600.
        let mut draft = tempfile::Builder::new().prefix(".draft-").tempfile_in(folder)?;
        draft.write_all(text.as_bytes())?;
        draft.as_file().sync_all()?;
        persist(draft)?;
        sync_folder(folder)
    };
    written().map_err(failed)
}

/// Gives a file a second name, that of a copy beside it: `NAME.1`, or the next free number. Returns
/// the copy's path, or `None` if there is no such file.
///
/// # Errors
/// The system's error.
pub fn keep_copy(path: &Path) -> Result<Option<PathBuf>, PrivateFileError> {
    let failed = |error| PrivateFileError::File { path: path.to_owned(), error };
    let copy = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if !path.exists() {
        return Ok(None);
    }
    let Some(copy) = (1u32..).map(copy).find(|path| !path.exists()) else { return Ok(None) };
    // A file system without links gets a copy.
    fs::hard_link(path, &copy).or_else(|_| fs::copy(path, &copy).map(drop)).map_err(failed)?;
    path.parent().map_or(Ok(()), sync_folder).map_err(failed)?;
    Ok(Some(copy))
}

/// Makes the names of a folder durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_is_not_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/file");
        assert!(read(&path, 10).unwrap().is_none());
        create(&path, "first").unwrap();
        assert!(matches!(create(&path, "second"), Err(PrivateFileError::Exists { .. })));
        assert_eq!(*read(&path, 5).unwrap().unwrap(), "first");
        replace(&path, "second").unwrap();
        assert_eq!(*read(&path, 6).unwrap().unwrap(), "second");
        assert!(matches!(read(&path, 5), Err(PrivateFileError::TooLong { bytes_max: 5, .. })));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_copy_is_kept_under_the_next_free_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(keep_copy(&path).unwrap(), None);
        create(&path, "first").unwrap();
        assert_eq!(keep_copy(&path).unwrap(), Some(folder.path().join("file.1")));
        replace(&path, "second").unwrap();
        assert_eq!(keep_copy(&path).unwrap(), Some(folder.path().join("file.2")));
        assert_eq!(fs::read_to_string(folder.path().join("file.1")).unwrap(), "first");
        assert_eq!(fs::read_to_string(folder.path().join("file.2")).unwrap(), "second");
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_read_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/down/file");
        create(&path, "text").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder.path().join("deep"))), (0o600, 0o700));
        for mode in [0o640, 0o604, 0o620, 0o610, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path, 10).unwrap_err().to_string();
            let remedy = format!("chmod 600 {}", path.display());
            assert!(error.contains(&remedy) && error.contains(&format!("{mode:04o}")), "{error}");
        }
        assert_eq!(quoted(Path::new("it's here")), r"'it'\''s here'");
        for (mode, is_read) in [(0o440, true), (0o400, true), (0o444, false), (0o460, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_credential(&path, 10).is_ok(), is_read, "{mode:o}");
        }
    }
}
