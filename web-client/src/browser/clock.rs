//! The browser's clocks and timers: the only module that reads the time.

use core::cell::Cell;
use core::time::Duration;

use js_sys::{Function, Promise};
use plexus_core::primitives::time::{MonotonicTime, Now, Timestamp};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::bindings::performance_now;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, ms: i32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// The longest sleep in milliseconds. A timer that is early is harmless, but one that overflows
/// fires at once.
const SLEEP_MS_MAX: i32 = 60_000;

/// Returns milliseconds on the monotonic clock.
pub(crate) fn milliseconds() -> f64 {
    performance_now()
}

/// Returns the time on both clocks.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from f64 saturates, and the clocks are far from both ends"
)]
pub(crate) fn now() -> Now {
    Now {
        time: Timestamp::from_unix_ms(js_sys::Date::now() as u64),
        moment: MonotonicTime::from_micros((performance_now() * 1_000.0) as u64),
    }
}

fn to_ms(sleep: Duration) -> i32 {
    // Rounded up, so that the clock has reached the deadline when the timer fires.
    let ms = sleep.as_micros().div_ceil(1_000);
    i32::try_from(ms).unwrap_or(SLEEP_MS_MAX).min(SLEEP_MS_MAX)
}

/// Waits, and lets other tasks run.
pub(crate) async fn sleep(sleep: Duration) {
    let promise = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, to_ms(sleep));
    });
    // A timer's promise is never rejected.
    let _ = JsFuture::from(promise).await;
}

/// A timer that can be set again. After it is dropped, it never fires.
pub(crate) struct Timer {
    callback: Closure<dyn FnMut()>,
    pending: Cell<Option<JsValue>>,
}

impl Timer {
    /// Creates a timer that is not set.
    pub(crate) fn new(fired: impl FnMut() + 'static) -> Self {
        Self { callback: Closure::new(fired), pending: Cell::new(None) }
    }

    /// Sets the timer to fire after `sleep`. This replaces an earlier setting.
    pub(crate) fn set(&self, sleep: Duration) {
        self.clear();
        self.pending.set(Some(set_timeout(self.callback.as_ref().unchecked_ref(), to_ms(sleep))));
    }

    /// Stops the timer.
    pub(crate) fn clear(&self) {
        if let Some(timer) = self.pending.take() {
            clear_timeout(&timer);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}

impl core::fmt::Debug for Timer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_rounded_up_and_capped() {
        assert_eq!(to_ms(Duration::ZERO), 0);
        assert_eq!(to_ms(Duration::from_micros(1)), 1);
        assert_eq!(to_ms(Duration::from_millis(20)), 20);
        assert_eq!(to_ms(Duration::MAX), SLEEP_MS_MAX);
    }
}
