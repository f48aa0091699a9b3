//! A trial of the kernels: finds the fastest on this machine, by times that the caller measures.

use core::time::Duration;

use super::Kernel;

/// The number of tries of each kernel. Only the best time counts, so other load on the machine has
/// little effect.
const ROUNDS: usize = 5;

/// Tries kernels in turn and keeps their rates. A caller that has a clock searches with
/// [`Trial::turn`] and notes the time that it took.
///
/// ```
/// use core::time::Duration;
/// use plexus_core::mining::kernel::{Kernel, Trial};
///
/// let mut trial = Trial::default();
/// while let Some(kernel) = trial.turn() {
///     // A caller measures the time. Here the portable kernel is the fastest.
///     let micros = if kernel == Kernel::PORTABLE { 10 } else { 20 };
///     trial.note(Some((1_000, Duration::from_micros(micros))));
/// }
/// assert_eq!(trial.fastest(), Kernel::PORTABLE);
/// ```
#[derive(Clone, Debug)]
pub struct Trial {
    /// Each kernel with its highest measured number of tries a second.
    rates: Vec<(Kernel, u64)>,
    turns: usize,
}

impl Trial {
    /// Returns the kernel to try next, or `None` after all turns.
    pub fn turn(&self) -> Option<Kernel> {
        if self.turns >= ROUNDS * self.rates.len() {
            return None;
        }
        self.rates.get(self.turns % self.rates.len()).map(|(kernel, _)| *kernel)
    }

    /// Notes that the kernel in turn made `tries` tries in `took`, or was interrupted. The next
    /// kernel's turn begins.
    pub fn note(&mut self, tried: Option<(u64, Duration)>) {
        let count = self.rates.len().max(1);
        if let (Some((tries, took)), Some((_, best))) = (tried, self.rates.get_mut(self.turns % count)) {
            let micros = took.as_secs().saturating_mul(1_000_000).saturating_add(took.subsec_micros().into());
            *best = (*best).max(tries.saturating_mul(1_000_000) / micros.max(1));
        }
        self.turns += 1;
    }

    /// Returns the fastest measured kernel. Without any measurement, it is the one that is fastest
    /// on most machines.
    pub fn fastest(&self) -> Kernel {
        let mut fastest = (Kernel::preferred(), 0);
        for (kernel, rate) in &self.rates {
            if *rate > fastest.1 {
                fastest = (*kernel, *rate);
            }
        }
        fastest.0
    }
}

impl Default for Trial {
    /// Creates a trial of all kernels that this machine can run.
    fn default() -> Self {
        Self { rates: Kernel::available().map(|kernel| (kernel, 0)).collect(), turns: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_its_turns_and_the_fastest_wins() {
        let count = Kernel::available().count();
        for winner in Kernel::available() {
            let (mut trial, mut turns) = (Trial::default(), 0);
            assert_eq!(trial.fastest(), Kernel::preferred());
            while let Some(kernel) = trial.turn() {
                turns += 1;
                // The winner is slow once.
                let fast = kernel == winner && turns > count;
                trial.note(Some((1_000, Duration::from_millis(if fast { 1 } else { 2 }))));
            }
            assert_eq!((trial.fastest(), turns), (winner, ROUNDS * count));
        }
    }

    #[test]
    fn turns_that_were_interrupted_say_nothing_but_end() {
        let mut trial = Trial::default();
        while trial.turn().is_some() {
            trial.note(None);
        }
        assert_eq!(trial.fastest(), Kernel::preferred());
        trial.note(Some((u64::MAX, Duration::ZERO)));
        assert_eq!(trial.turn(), None);
    }
}
