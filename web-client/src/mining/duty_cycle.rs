//! The duty cycle of a miner: the rest after each slice that limits it to its share of the time.

/// The most rest that may be owed, in milliseconds. A slice that a sleeping machine interrupted
/// must not stop the miner for long.
const OWED_MS_MAX: f64 = 1_000.0;

/// The sum of the rest that a miner owes. Timers are late, so a rest that was too long shortens the
/// next ones.
#[derive(Debug)]
pub(crate) struct DutyCycle {
    percent: u32,
    owed_ms: f64,
    /// The end of the last slice, in milliseconds.
    ended: Option<f64>,
}

impl DutyCycle {
    /// Sets the share of the time that the miner may work: 1 to 100 percent.
    pub(crate) fn set(&mut self, percent: u32) {
        self.percent = percent.clamp(1, 100);
        if self.percent == 100 {
            self.owed_ms = 0.0;
        }
    }

    /// Counts a slice from `start` to `end`, in milliseconds.
    pub(crate) fn worked(&mut self, start: f64, end: f64) {
        let rested = self.ended.map_or(0.0, |ended| start - ended);
        let percent = f64::from(self.percent);
        let due = (end - start) * (100.0 - percent) / percent;
        self.owed_ms = ((self.owed_ms - rested).max(-due) + due).min(OWED_MS_MAX);
        self.ended = Some(end);
    }

    /// Returns the time to rest now, in milliseconds.
    pub(crate) fn rest(&self) -> f64 {
        self.owed_ms.max(0.0)
    }
}

impl Default for DutyCycle {
    /// Returns a duty cycle without rest.
    fn default() -> Self {
        Self { percent: 100, owed_ms: 0.0, ended: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the percentage of a minute that a miner works. Its slices take 30 ms, and its timers
    /// are `late`.
    fn share(percent: u32, late: impl Fn(f64) -> f64) -> f64 {
        let mut pace = DutyCycle::default();
        pace.set(percent);
        let (mut now, mut worked) = (5_000.0, 0.0);
        while now < 65_000.0 {
            pace.worked(now, now + 30.0);
            worked += 30.0;
            let rest = pace.rest();
            now += 30.0 + if rest > 0.0 { late(rest) } else { 0.0 };
        }
        100.0 * worked / (now - 5_000.0)
    }

    #[test]
    fn a_miner_works_its_part_of_the_time() {
        for percent in [10, 30, 50, 90, 100] {
            let exact = share(percent, |rest| rest);
            assert!((exact - f64::from(percent)).abs() < 0.5, "{percent}: {exact}");
            let late = share(percent, |rest| rest.max(4.0).ceil() + 2.0);
            assert!((late - f64::from(percent)).abs() < 3.0, "{percent}: {late}");
        }
    }

    #[test]
    fn a_long_sleep_is_neither_made_up_for_nor_repaid() {
        let mut pace = DutyCycle::default();
        pace.set(10);
        pace.worked(0.0, 3_600_000.0);
        assert!(pace.rest() <= OWED_MS_MAX);
        pace.worked(7_200_000.0, 7_200_030.0);
        pace.worked(7_200_030.0, 7_200_060.0);
        assert!(pace.rest() > 0.0);
        pace.set(100);
        assert!(pace.rest() <= 0.0);
    }
}
