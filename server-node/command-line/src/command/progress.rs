//! Progress of long work, on standard error and only if it is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// The time between two redraws of a spinner or bar.
const TICK: Duration = Duration::from_millis(120);

/// Returns a bar of `length` steps. It stays hidden if standard error is not a terminal.
pub(super) fn bar(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_message(what);
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}")
    {
        bar.set_style(style);
    }
    bar
}

/// Returns a spinner for work of unknown length.
pub(super) fn spinner(what: impl Into<std::borrow::Cow<'static, str>>) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(TICK);
    bar
}
