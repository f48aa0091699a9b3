//! When a miner rests: after each slice for as long as leaves it the part of the time that it may have.

/// The most that is owed, milliseconds: a slice that a sleeping machine interrupted does not stop the miner for long.
const OWED_MS_MAX: f64 = 1_000.0;

/// Adds up what a miner owes: timers are late, so that a rest that was too long shortens the next ones.
#[derive(Debug)]
pub(crate) struct Duty {
    percent: u32,
    owed_ms: f64,
    /// When the last slice ended, milliseconds.
    ended: Option<f64>,
}

impl Duty {
    /// May work this part of the time from now on: 1 to 100 percent.
    pub(crate) fn set(&mut self, percent: u32) {
        self.percent = percent.clamp(1, 100);
        if self.percent == 100 {
            self.owed_ms = 0.0;
        }
    }

    /// A slice took from `start` to `end`, milliseconds.
    pub(crate) fn worked(&mut self, start: f64, end: f64) {
        let rested = self.ended.map_or(0.0, |ended| start - ended);
        let percent = f64::from(self.percent);
        let due = (end - start) * (100.0 - percent) / percent;
        self.owed_ms = ((self.owed_ms - rested).max(-due) + due).min(OWED_MS_MAX);
        self.ended = Some(end);
    }

    /// How long the miner is to rest now, milliseconds.
    pub(crate) fn rest(&self) -> f64 {
        self.owed_ms.max(0.0)
    }
}

impl Default for Duty {
    /// No rest at all.
    fn default() -> Self {
        Self { percent: 100, owed_ms: 0.0, ended: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of a minute that a miner works whose slices take 30 ms and whose timers are `late`, percent.
    fn share(percent: u32, late: impl Fn(f64) -> f64) -> f64 {
        let mut pace = Duty::default();
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
        let mut pace = Duty::default();
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
