//! Logs: their levels, which can change while the node runs, and their format.
//!
//! Logs go to standard error or to the journal, never to standard output. A program logs one line
//! for each fact that its operator needs, at the level `info`. Trouble is `warn` or `error`, and
//! everything else is `debug` or `trace`.

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt as text, reload};

/// The most bytes of the levels' text.
pub const LEVELS_BYTES_MAX: usize = 1_024;

/// Text that names no levels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no level: expected off, error, warn, info, debug or trace, or levels by module as \
     warn,plexus_node=debug,plexus_core=trace"
)]
pub struct LevelsError {
    found: String,
}

/// The levels that are logged: one for all modules, and others by module.
///
/// ```
/// use plexus_node::logging::Levels;
///
/// assert!("info,plexus_core=trace".parse::<Levels>().is_ok());
/// assert!("nonsense".parse::<Levels>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Levels(Targets);

impl FromStr for Levels {
    type Err = LevelsError;

    fn from_str(text: &str) -> Result<Self, LevelsError> {
        let refused = |found: &str| LevelsError { found: found.chars().take(64).collect() };
        if text.len() > LEVELS_BYTES_MAX {
            return Err(refused(text));
        }
        let mut targets = Targets::new();
        for part in text.split(',').map(str::trim) {
            targets = match part.split_once('=') {
                None => targets.with_default(level(part).ok_or_else(|| refused(part))?),
                Some((module, name)) if is_module(module) => {
                    targets.with_target(module, level(name).ok_or_else(|| refused(part))?)
                }
                Some(_) => return Err(refused(part)),
            };
        }
        Ok(Self(targets))
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn level(name: &str) -> Option<LevelFilter> {
    let levels = [
        ("off", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    levels.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| level)
}

fn is_module(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | ':'))
}

/// The form in which logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people, on standard error. They are coloured if that is a terminal.
    Text,
    /// One JSON object a line, on standard error.
    Json,
    /// To the systemd journal, with fields.
    Journald,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "journald" => Ok(Self::Journald),
            _ => Err("expected text, json or journald".to_owned()),
        }
    }
}

/// Logs that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no journal.
    #[error("the systemd journal cannot be reached ({0}): choose --log-format text or json")]
    Journal(std::io::Error),
    /// The process logs already.
    #[error("the log cannot be started: {0}")]
    Started(String),
}

/// Changes the levels while the node runs. A clone controls the same log.
#[derive(Clone, Debug)]
pub struct LogControl(reload::Handle<Targets, Registry>);

impl LogControl {
    /// Sets the levels, from the same text as at the start.
    ///
    /// # Errors
    /// The text names no levels.
    pub fn set(&self, levels: &str) -> Result<(), LevelsError> {
        let levels: Levels = levels.parse()?;
        // This fails only if the log is gone, and then nothing is logged anyway.
        let _gone = self.0.reload(levels.0);
        Ok(())
    }

    /// Returns the levels, in the form that [`LogControl::set`] takes.
    pub fn levels(&self) -> String {
        self.0.clone_current().map_or_else(String::new, |targets| targets.to_string())
    }
}

/// Starts the log of this process.
///
/// # Errors
/// There is no journal, or the process logs already.
pub fn start(levels: Levels, format: LogFormat) -> Result<LogControl, LogError> {
    let (filter, control) = reload::Layer::new(levels.0);
    let lines = match format {
        LogFormat::Text => text::layer()
            .with_writer(std::io::stderr)
            .with_ansi(is_coloured(std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR")))
            // A line that cannot be written must not end the process.
            .log_internal_errors(false)
            .boxed(),
        LogFormat::Json => {
            text::layer().json().with_writer(std::io::stderr).log_internal_errors(false).boxed()
        }
        LogFormat::Journald => journal()?,
    };
    let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    started.map_err(|error| LogError::Started(error.to_string()))?;
    Ok(LogControl(control))
}

/// Returns true if lines may have colours: on a terminal, unless NO_COLOR is set.
fn is_coloured(is_terminal: bool, no_color: Option<std::ffi::OsString>) -> bool {
    is_terminal && no_color.is_none_or(|value| value.is_empty())
}

#[cfg(unix)]
fn journal<S>() -> Result<Box<dyn Layer<S> + Send + Sync>, LogError>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    Ok(tracing_journald::layer().map_err(LogError::Journal)?.boxed())
}

#[cfg(not(unix))]
fn journal<S>() -> Result<Box<dyn Layer<S> + Send + Sync>, LogError> {
    Err(LogError::Journal(std::io::ErrorKind::Unsupported.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_are_levels() {
        for text in
            ["warn", "INFO", "off", "debug,plexus_core::node=trace", "plexus_node=debug", " info , a=off"]
        {
            assert!(text.parse::<Levels>().is_ok(), "{text}");
        }
        for text in ["", "nonsense", "plexus_node", "a=loud", "=info", "info,", "a b=info", "info=info=info"]
        {
            let error = text.parse::<Levels>().unwrap_err().to_string();
            assert!(error.contains("off, error, warn, info, debug or trace"), "{text}: {error}");
        }
        assert!("a=info,".repeat(LEVELS_BYTES_MAX).parse::<Levels>().is_err());
    }

    #[test]
    fn the_levels_of_a_running_log_change() {
        let (layer, handle) = reload::Layer::new("warn".parse::<Levels>().unwrap().0);
        let control = LogControl(handle);
        let subscriber = tracing_subscriber::registry().with(layer);
        assert_eq!(control.levels(), "warn");
        assert!(control.set("nonsense").is_err());
        assert_eq!(control.levels(), "warn");
        tracing::subscriber::with_default(subscriber, || {
            assert!(!tracing::enabled!(tracing::Level::DEBUG));
            control.set("info,plexus_node=debug").unwrap();
            assert!(tracing::enabled!(tracing::Level::DEBUG));
            let again: Levels = control.levels().parse().unwrap();
            assert_eq!(again, "info,plexus_node=debug".parse().unwrap());
        });
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        assert!(is_coloured(true, None) && is_coloured(true, Some("".into())));
        assert!(!is_coloured(false, None) && !is_coloured(true, Some("1".into())));
    }
}
