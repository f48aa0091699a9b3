//! Waiting for an event that can only be asked for: in another process, in a browser, on another
//! thread.
//!
//! Tests wait for events, never for a time. This file has the only pause of these tests between two
//! questions, and each wait has a limit.

use std::time::{Duration, Instant};

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// Repeats a question until the answer is `Some`. Returns the answer, or `None` after the limit.
pub fn within<T>(limit: Duration, ask: impl FnMut() -> Option<T>) -> Option<T> {
    within_by(PAUSE, limit, ask)
}

/// Repeats a question with another pause. Returns the answer, or `None` after the limit.
pub fn within_by<T>(pause: Duration, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let answer = ask();
        if answer.is_some() || begun.elapsed() >= limit {
            return answer;
        }
        std::thread::sleep(pause);
    }
}

/// Repeats a question until the answer is `Some`. Returns the answer. Fails after `seconds`.
pub fn eventually<T>(what: &str, seconds: u64, ask: impl FnMut() -> Option<T>) -> T {
    within(Duration::from_secs(seconds), ask).unwrap_or_else(|| panic!("{what}: not within {seconds} s"))
}
