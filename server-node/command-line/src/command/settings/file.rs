//! The file of settings: TOML, each key the name of a flag.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::form::Found;

/// The most bytes of a file of settings.
pub(super) const SETTINGS_BYTES_MAX: u64 = 256 << 10;
/// The name of the file that is read from the data folder.
pub(super) const DEFAULT_NAME: &str = "plexus.toml";

/// A line of the file.
#[derive(Debug)]
pub(super) struct Entry {
    /// The number of the line, from 1.
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) found: Found,
}

/// Returns the entries of a file, in the order of their lines.
///
/// # Errors
/// One line that names the file and its fault.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, String> {
    let named = |reason: &dyn std::fmt::Display| format!("{}: {reason}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| format!("cannot read the settings of {}", named(&error)))?;
    file.take(SETTINGS_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read the settings of {}", named(&error)))?;
    if bytes.len() as u64 > SETTINGS_BYTES_MAX {
        return Err(named(&format_args!("a file of settings has at most {SETTINGS_BYTES_MAX} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| named(&error))?;
    parse(text).map_err(|(line, reason)| place(path, line, &reason))
}

/// Returns the file and line of an error, and its reason.
pub(super) fn place(path: &Path, line: usize, reason: &str) -> String {
    format!("{}, line {line}: {reason}", path.display())
}

/// Returns the file in the data folder, if there is one.
pub(super) fn default_in(folder: &Path) -> Option<PathBuf> {
    let path = folder.join(DEFAULT_NAME);
    path.exists().then_some(path)
}

fn parse(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let line_of = |offset: usize| text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| {
        let line = line_of(error.span().map_or(0, |span| span.start));
        (line, error.message().to_owned())
    })?;
    let entry = |(key, value): (&Spanned<_>, &Spanned<_>)| Entry {
        line: line_of(key.span().start),
        key: AsRef::<str>::as_ref(key.get_ref() as &std::borrow::Cow<'_, str>).to_owned(),
        found: found(value.get_ref()),
    };
    let mut entries: Vec<_> = table.get_ref().iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn found(value: &DeValue<'_>) -> Found {
    match value {
        DeValue::String(text) => Found::Text(text.as_ref().into()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Found::Number(number.to_string()),
            Err(_) => Found::Number(number.as_str().to_owned()),
        },
        DeValue::Float(number) => Found::Number(number.as_str().to_owned()),
        DeValue::Boolean(is_on) => Found::Bool(*is_on),
        DeValue::Datetime(_) => Found::Other("a date"),
        DeValue::Array(values) => Found::List(values.iter().map(|value| found(value.get_ref())).collect()),
        DeValue::Table(_) => Found::Other("a table"),
    }
}
