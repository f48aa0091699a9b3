//! Scales: round numbers along an axis.

use super::metric::count;

/// Returns round numbers from 0 to `end`, at most `most` steps.
pub(super) fn ticks(end: f64, most: u32) -> impl Iterator<Item = f64> {
    let least = end / f64::from(most.max(1));
    let mut power = 1e-3;
    while power * 10.0 < least {
        power *= 10.0;
    }
    let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= least);
    let step = step.unwrap_or(least);
    (0..=most).map(move |place| f64::from(place) * step).take_while(move |tick| *tick <= end)
}

/// Returns the label of a number at an axis.
pub(super) fn label(tick: f64) -> String {
    if tick.fract() == 0.0 { count(tick) } else { format!("{tick}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let ticks = |end: f64| ticks(end, 6).map(label).collect::<Vec<_>>();
        assert_eq!(ticks(1_120.0), ["0", "200", "400", "600", "800", "1,000"]);
        assert_eq!(ticks(7.0), ["0", "2", "4", "6"]);
        assert_eq!(ticks(2.0), ["0", "0.5", "1", "1.5", "2"]);
    }
}
