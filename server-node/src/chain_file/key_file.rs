//! The key files of a data folder, as a backup holds them: unread, and encrypted if they are.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use zeroize::Zeroizing;

use crate::keystore::{AUTHOR_KEY, NODE_KEY};

/// The most keys in a backup.
pub const KEYS_MAX: usize = 2;
/// The most bytes of a key file.
pub const KEY_BYTES_MAX: u64 = 4 << 10;

/// A key file.
pub struct KeyFile {
    /// Its name in the data folder.
    pub name: &'static str,
    /// Its contents.
    pub contents: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Returns the name of a key file that a backup may hold.
pub(super) fn key_name(name: &[u8]) -> Option<&'static str> {
    [NODE_KEY, AUTHOR_KEY].into_iter().find(|known| known.as_bytes() == name)
}

/// Reads the key files of a data folder.
///
/// # Errors
/// A file cannot be read, or is over [`KEY_BYTES_MAX`].
pub fn read_keys(data: &Path) -> anyhow::Result<Vec<KeyFile>> {
    let mut keys = Vec::new();
    for name in [NODE_KEY, AUTHOR_KEY] {
        let path = data.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let mut contents = Zeroizing::new(Vec::new());
        file.take(KEY_BYTES_MAX + 1).read_to_end(&mut contents)?;
        ensure!(contents.len() as u64 <= KEY_BYTES_MAX, "{} is too long for a key", path.display());
        keys.push(KeyFile { name, contents });
    }
    Ok(keys)
}

/// Writes a key file into a data folder, readable by its owner only. Returns false if the folder has
/// this key already: a key is never replaced.
///
/// # Errors
/// The file cannot be written.
pub fn restore_key(data: &Path, key: &KeyFile) -> anyhow::Result<bool> {
    let path = data.join(key.name);
    let restored = write_key(&path, &key.contents);
    restored.with_context(|| format!("cannot write {}", path.display()))
}

fn write_key(path: &Path, contents: &[u8]) -> io::Result<bool> {
    if path.exists() {
        return Ok(false);
    }
    let draft = path.with_extension("key.part");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Another import may have been cut off here.
    let _ = fs::remove_file(&draft);
    let mut file = options.open(&draft)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    if let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        File::open(folder)?.sync_all()?;
    }
    Ok(true)
}
