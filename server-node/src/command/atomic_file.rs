//! Atomic writes: a file is written under another name, and renamed when it is complete.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;

/// Writes a file by `fill`. Returns the result of `fill`. On failure the previous file stays and
/// nothing new is left.
pub(super) fn write<T>(
    file: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut draft = file.as_os_str().to_owned();
    draft.push(".part");
    let cannot_write = || format!("cannot write {}", file.display());
    let mut out = BufWriter::new(File::create(&draft).with_context(cannot_write)?);
    let written = fill(&mut out).and_then(|value| {
        out.flush().with_context(cannot_write)?;
        out.get_ref().sync_all().with_context(cannot_write)?;
        fs::rename(&draft, file).with_context(cannot_write)?;
        Ok(value)
    });
    if written.is_err() {
        // The incomplete file is useless, and the error already says what happened.
        let _ = fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        write(&file, |out| Ok(out.write_all(b"first")?)).unwrap();
        let failed = write(&file, |out| {
            out.write_all(b"second")?;
            anyhow::bail!("no more")
        });
        let failed: anyhow::Result<()> = failed;
        assert_eq!(failed.unwrap_err().to_string(), "no more");
        assert_eq!(fs::read(&file).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = write(&folder.path().join("none/file"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with("cannot write"));
    }
}
