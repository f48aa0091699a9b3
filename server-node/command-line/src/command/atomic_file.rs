//! Atomic writes: a file is written under another name, and renamed when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Writes a file by `fill`. Returns the result of `fill`. On failure the previous file stays and
/// nothing new is left.
pub(super) fn write<T>(
    file: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    write_by(File::options().create(true).truncate(true).write(true), file, fill)
}

/// Writes a file like [`write()`], but readable by its owner only, also while it is written.
pub(super) fn write_private<T>(
    file: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // A draft that another process left may be readable by others.
    let _ = fs::remove_file(draft_of(file));
    write_by(&options, file, fill)
}

fn draft_of(file: &Path) -> PathBuf {
    let mut draft = file.as_os_str().to_owned();
    draft.push(".part");
    draft.into()
}

fn write_by<T>(
    options: &OpenOptions,
    file: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let draft = draft_of(file);
    let cannot_write = || format!("cannot write {}", file.display());
    let mut out = BufWriter::new(options.open(&draft).with_context(cannot_write)?);
    let written = fill(&mut out).and_then(|value| {
        out.flush().with_context(cannot_write)?;
        out.get_ref().sync_all().with_context(cannot_write)?;
        fs::rename(&draft, file).with_context(cannot_write)?;
        sync_folder(file).with_context(cannot_write)?;
        Ok(value)
    });
    if written.is_err() {
        // The incomplete file is useless, and the error already says what happened.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Makes a renamed file's name durable, on systems that can sync folders.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
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
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::write(draft_of(&file), "left behind").unwrap();
            write_private(&file, |out| Ok(out.write_all(b"secret")?)).unwrap();
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let error = write(&folder.path().join("none/file"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with("cannot write"));
    }
}
