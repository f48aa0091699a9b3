//! Quantities as people write them, stored in small whole units. Nothing is rounded, so a quantity
//! that is written back reads the same.

use std::fmt;
use std::str::FromStr;

/// Milliseconds, in microseconds.
pub(super) type Milliseconds = Decimal<3>;
/// Seconds, in milliseconds.
pub(super) type Seconds = Decimal<3>;
/// Megabits per second, in bits per second.
pub(super) type Megabits = Decimal<6>;

/// A decimal number, in units of its last place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal<const PLACES: usize>(pub(super) u64);

impl<const PLACES: usize> FromStr for Decimal<PLACES> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let part = if part.is_empty() { part } else { part.trim_end_matches('0') };
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || text.ends_with('.') || !is_number(part) {
            return Err("expected a number like 20 or 0.5".to_owned());
        }
        if part.len() > PLACES {
            return Err(format!("expected a number of at most {PLACES} decimals"));
        }
        format!("{whole}{part:0<PLACES$}").parse().map(Self).map_err(|_| "the number is too large".to_owned())
    }
}

impl<const PLACES: usize> fmt::Display for Decimal<PLACES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0width$}", self.0, width = PLACES + 1);
        let (whole, part) = digits.split_at(digits.len() - PLACES);
        let part = part.trim_end_matches('0');
        if part.is_empty() { f.write_str(whole) } else { write!(f, "{whole}.{part}") }
    }
}

/// A part of a whole, in millionths. It is written like 5% or 0.05.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(pub(super) u32);

/// The whole, in millionths.
const WHOLE: u64 = 1_000_000;

impl Share {
    /// Returns the share in thousandths. Fails if it is not a whole number of them.
    pub(super) fn per_mille(self) -> Result<u32, String> {
        match (self.0 / 1_000, self.0 % 1_000) {
            (0, _) => Err(format!("{self} is less than the least share, 0.1%")),
            (per_mille, 0) => Ok(per_mille),
            (..) => Err(format!("{self} is not a whole number of tenths of a per cent")),
        }
    }

    /// Creates a share from thousandths.
    pub(super) fn of_per_mille(per_mille: u32) -> Self {
        Self(per_mille.saturating_mul(1_000))
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let millionths = match text.strip_suffix('%') {
            Some(percent) => percent.parse::<Decimal<4>>().map(|percent| percent.0),
            None => text.parse::<Decimal<6>>().map(|part| part.0),
        };
        let inside = millionths.ok().filter(|millionths| *millionths <= WHOLE);
        let share = inside.and_then(|millionths| u32::try_from(millionths).ok());
        share.map(Self).ok_or_else(|| "expected a share like 5% or 0.05".to_owned())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", Decimal::<4>(self.0.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_exactly_and_written_back() {
        for (text, units, shown) in
            [("20", 20_000, "20"), ("0.5", 500, "0.5"), ("0.001", 1, "0.001"), ("1.2000", 1_200, "1.2")]
        {
            let read: Decimal<3> = text.parse().unwrap();
            assert_eq!((read.0, read.to_string().as_str()), (units, shown));
        }
        for text in ["", ".", "1.", ".5", "-1", "1e3", "1,5", "0.0001", "NaN", "99999999999999999999"] {
            assert!(text.parse::<Decimal<3>>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_a_percentage_or_a_part_of_one() {
        for text in ["5%", "0.05", "5.0%"] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share, share.to_string().as_str()), (Share(50_000), "5%"));
        }
        assert_eq!("0.1%".parse::<Share>().unwrap().per_mille(), Ok(1));
        assert_eq!("0.0001%".parse(), Ok(Share(1)));
        for text in ["101%", "1.1", "%", "-5%", "five"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert!(Share(500).per_mille().unwrap_err().contains("0.1%"));
        assert!(Share(1_500).per_mille().is_err());
    }
}
