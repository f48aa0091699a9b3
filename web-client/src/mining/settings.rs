//! The user's settings for mining, and their effect under the machine's conditions. They are stored
//! over a reload.

use crate::messages::UserError;

/// The most threads that mine.
pub(crate) const THREADS_MAX: u32 = 256;
/// The least part of the time that a thread may work, percent.
const PERCENT_MIN: u32 = 5;
/// The bytes of the encoding: the threads, the percentage, and the two conditions to pause on.
const BYTES: usize = 7;

/// The user's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MiningSettings {
    pub(crate) threads: u32,
    /// The share of the time that each thread works, in percent.
    pub(crate) percent: u32,
    /// True to pause while the page is hidden.
    pub(crate) pauses_hidden: bool,
    /// True to pause while the machine is on battery power.
    pub(crate) pauses_on_battery: bool,
}

/// The conditions of the machine that the page knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PowerState {
    pub(crate) hidden: bool,
    pub(crate) on_battery: bool,
}

impl MiningSettings {
    /// Returns the settings if they are within the limits.
    ///
    /// # Errors
    /// The setting that is too low or too high.
    pub(crate) fn checked(self) -> Result<Self, UserError> {
        let limits = [
            ("threads", self.threads, 1, THREADS_MAX),
            ("percent of the time", self.percent, PERCENT_MIN, 100),
        ];
        for (name, found, min, max) in limits {
            if !(min..=max).contains(&found) {
                return Err(UserError(format!("{name}: from {min} to {max} expected, found {found}")));
            }
        }
        Ok(self)
    }

    /// Returns the reason to pause under these conditions, if there is one.
    pub(crate) fn pause(self, power: PowerState) -> Option<&'static str> {
        if self.pauses_hidden && power.hidden {
            Some("Paused while this page is hidden.")
        } else if self.pauses_on_battery && power.on_battery {
            Some("Paused while the machine lives on its battery.")
        } else {
            None
        }
    }

    /// Returns the encoding for the store.
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut bytes = self.threads.to_be_bytes().to_vec();
        // The percentage is at most 100.
        bytes.push(self.percent.to_be_bytes()[3]);
        bytes.extend([self.pauses_hidden, self.pauses_on_battery].map(u8::from));
        bytes
    }

    /// Decodes stored settings. Returns `None` if the bytes are invalid.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let [t, h, r, e, percent, hidden, battery]: [u8; BYTES] = bytes.try_into().ok()?;
        let settings = Self {
            threads: u32::from_be_bytes([t, h, r, e]),
            percent: percent.into(),
            pauses_hidden: hidden != 0,
            pauses_on_battery: battery != 0,
        };
        settings.checked().ok()
    }
}

impl Default for MiningSettings {
    /// Returns the default: one thread, all the time.
    fn default() -> Self {
        Self { threads: 1, percent: 100, pauses_hidden: false, pauses_on_battery: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effort_is_kept_and_a_damaged_one_is_not() {
        let settings =
            MiningSettings { threads: 8, percent: 30, pauses_hidden: false, pauses_on_battery: true };
        let bytes = settings.encode();
        assert_eq!(MiningSettings::decode(&bytes), Some(settings));
        assert_eq!(MiningSettings::decode(&bytes[1..]), None);
        assert_eq!(MiningSettings::decode(&[0; BYTES]), None);
    }

    #[test]
    fn too_little_and_too_much_are_refused() {
        let settings = MiningSettings::default();
        assert_eq!(settings.checked(), Ok(settings));
        for (threads, percent) in [(0, 100), (THREADS_MAX + 1, 100), (1, PERCENT_MIN - 1), (1, 101)] {
            assert!(
                MiningSettings { threads, percent, ..settings }.checked().is_err(),
                "{threads} {percent}"
            );
        }
    }

    #[test]
    fn miners_pause_as_the_person_chose_and_only_then() {
        let all =
            MiningSettings { pauses_hidden: true, pauses_on_battery: true, ..MiningSettings::default() };
        for (hidden, on_battery) in [(true, false), (false, true), (true, true)] {
            assert!(all.pause(PowerState { hidden, on_battery }).is_some());
            assert!(MiningSettings::default().pause(PowerState { hidden, on_battery }).is_none());
        }
        assert!(all.pause(PowerState::default()).is_none());
        let hidden = MiningSettings { pauses_hidden: true, ..MiningSettings::default() };
        assert!(hidden.pause(PowerState { hidden: false, on_battery: true }).is_none());
    }
}
