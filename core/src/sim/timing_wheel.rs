//! A timing wheel: pending events in order of time. Events of equal time keep the order in which
//! they were pushed.
//!
//! Time is cut into slots of about a millisecond. Events within the next [`SLOTS`] slots lie
//! unsorted in their slots. A slot is sorted when its time comes. Later events wait beside the
//! wheel, by slot. A push and a pop take a few nanoseconds each, however many events are pending
//! (Varghese, Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987).

use std::collections::BTreeMap;

/// A slot is 2^10 microseconds.
const SLOT_BITS: u32 = 10;
/// The number of slots: 16 seconds.
const SLOTS: usize = 1 << 14;
/// The most emptied slots that are kept for reuse.
const SPARE_MAX: usize = 64;

/// Events in order of time, in microseconds.
#[derive(Debug)]
pub(super) struct TimingWheel<T> {
    slots: Vec<Vec<(u32, T)>>,
    /// A bit for each slot that is not empty.
    filled: Vec<u64>,
    /// The events beyond the wheel, by the slot's number since the beginning.
    beyond: BTreeMap<u64, Vec<(u32, T)>>,
    /// The number of the current slot.
    slot: u64,
    /// The events of the current slot, and the order in which to take them, from the end.
    current: Vec<Option<T>>,
    order: Vec<u32>,
    /// The events that were pushed into the current slot after it was sorted.
    late: BTreeMap<(u32, u32), T>,
    lates: u32,
    /// Whether the last pop began a slot.
    turned: bool,
    /// Emptied slots for reuse.
    spare: Vec<Vec<(u32, T)>>,
    len: usize,
}

/// An offset within a slot and an index into [`TimingWheel::current`] share one number, so that sorting
/// compares plain integers.
const PLACE_BITS: u32 = 32 - SLOT_BITS;
/// The most events of one slot that are sorted at once. The rest of a fuller slot joins the late
/// ones.
const PLACES_MAX: usize = 1 << PLACE_BITS;

impl<T> TimingWheel<T> {
    pub(super) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            filled: vec![0; SLOTS / 64],
            beyond: BTreeMap::new(),
            slot: 0,
            current: Vec::new(),
            order: Vec::new(),
            late: BTreeMap::new(),
            lates: 0,
            turned: false,
            spare: Vec::new(),
            len: 0,
        }
    }

    /// Returns the number of pending events.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds an event at a time. An overdue event happens next.
    pub(super) fn push(&mut self, at: u64, item: T) {
        self.len += 1;
        let slot = (at >> SLOT_BITS).max(self.slot);
        let offset = if at >> SLOT_BITS < self.slot { 0 } else { offset_of(at) };
        if slot == self.slot {
            self.lates += 1;
            self.late.insert((offset, self.lates), item);
        } else if slot - self.slot < SLOTS as u64 {
            let index = index_of(slot);
            self.filled[index / 64] |= 1 << (index % 64);
            let items = &mut self.slots[index];
            if items.capacity() == 0 {
                *items = self.spare.pop().unwrap_or_default();
            }
            items.push((offset, item));
        } else {
            self.beyond.entry(slot).or_default().push((offset, item));
        }
    }

    /// Returns the event that comes after `others` more, unless others are pushed before it. Looks
    /// no further than the current slot.
    pub(super) fn ahead(&self, others: usize) -> Option<&Option<T>> {
        let key = self.order.get(self.order.len().checked_sub(1 + others)?)?;
        self.current.get(*key as usize & (PLACES_MAX - 1))
    }

    /// Returns true if the last pop began a slot.
    pub(super) fn has_turned(&self) -> bool {
        self.turned
    }

    /// Removes and returns the next event and its time.
    pub(super) fn pop(&mut self) -> Option<(u64, T)> {
        self.turned = false;
        loop {
            let sorted = self.order.last().map(|key| key >> PLACE_BITS);
            let late = self.late.first_key_value().map(|((offset, _), _)| *offset);
            let (offset, is_late) = match (sorted, late) {
                (Some(sorted), Some(late)) if late < sorted => (late, true),
                (Some(sorted), _) => (sorted, false),
                (None, Some(late)) => (late, true),
                (None, None) => {
                    if !self.turn() {
                        return None;
                    }
                    continue;
                }
            };
            let at = (self.slot << SLOT_BITS) + u64::from(offset);
            let item = if is_late {
                self.late.pop_first().map(|(_, item)| item)
            } else {
                let place = self.order.pop().map(|key| key as usize & (PLACES_MAX - 1));
                place.and_then(|place| self.current[place].take())
            };
            self.len -= 1;
            return item.map(|item| (at, item));
        }
    }

    /// Moves to the next slot that is not empty. Returns false if all are empty.
    fn turn(&mut self) -> bool {
        let near = self.next_filled();
        let far = self.beyond.first_key_value().map(|(slot, _)| *slot);
        let Some(slot) = near.into_iter().chain(far).min() else { return false };
        self.slot = slot;
        self.turned = true;
        self.current.clear();
        self.lates = 0;
        // Events that come within the wheel's reach now were pushed before any that will be put
        // there directly.
        while let Some(entry) = self.beyond.first_entry() {
            if entry.key() - slot >= SLOTS as u64 {
                break;
            }
            let (slot, items) = entry.remove_entry();
            let index = index_of(slot);
            self.filled[index / 64] |= 1 << (index % 64);
            debug_assert!(self.slots[index].is_empty(), "nothing is put there before");
            self.slots[index] = items;
        }
        let index = index_of(slot);
        self.filled[index / 64] &= !(1 << (index % 64));
        let mut items = core::mem::take(&mut self.slots[index]);
        for (place, (offset, item)) in items.drain(..).enumerate() {
            if place < PLACES_MAX {
                let place = u32::try_from(place).unwrap_or_default();
                self.order.push((offset << PLACE_BITS) | place);
                self.current.push(Some(item));
            } else {
                self.lates += 1;
                self.late.insert((offset, self.lates), item);
            }
        }
        if self.spare.len() < SPARE_MAX {
            self.spare.push(items);
        }
        self.order.sort_unstable_by(|a, b| b.cmp(a));
        true
    }

    /// Returns the number of the next slot within the wheel that is not empty.
    fn next_filled(&self) -> Option<u64> {
        let start = index_of(self.slot);
        let words = self.filled.len();
        for step in 0..=words {
            let word = (start / 64 + step) % words;
            let mut bits = self.filled[word];
            if step == 0 {
                bits &= u64::MAX << (start % 64);
            } else if step == words {
                bits &= !(u64::MAX << (start % 64));
            }
            if bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (index + SLOTS - start) % SLOTS;
                return Some(self.slot + ahead as u64);
            }
        }
        None
    }
}

fn offset_of(at: u64) -> u32 {
    u32::try_from(at & ((1 << SLOT_BITS) - 1)).unwrap_or_default()
}

fn index_of(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::rng::SimRng;
    use super::*;

    /// The reference is a map that is sorted by time and by number.
    #[test]
    fn agrees_with_a_sorted_map() {
        for seed in 0..20 {
            let (mut rng, mut wheel) = (SimRng::new(seed), TimingWheel::new());
            let (mut model, mut now, mut number) = (BTreeMap::new(), 0, 0u64);
            for _ in 0..20_000 {
                for _ in 0..rng.below(3) {
                    let reach = *rng.pick(&[0, 10, 3_000, 400_000, 60_000_000]);
                    let at = now + rng.below(reach + 1);
                    number += 1;
                    wheel.push(at, number);
                    model.insert((at, number), number);
                }
                let expected = model.first_key_value().map(|((at, _), item)| (*at, *item));
                assert_eq!(wheel.pop(), expected, "seed {seed}");
                if let Some((at, item)) = expected {
                    model.remove(&(at, item));
                    now = at;
                }
                assert_eq!(wheel.len(), model.len());
            }
        }
    }

    #[test]
    fn what_is_ahead_in_a_slot_comes_out_next() {
        let mut wheel = TimingWheel::new();
        for (at, item) in [(3_030, 'c'), (3_010, 'a'), (3_020, 'b'), (5_000, 'd')] {
            wheel.push(at, item);
        }
        assert!(wheel.ahead(0).is_none() && !wheel.has_turned());
        assert_eq!(wheel.pop(), Some((3_010, 'a')));
        assert!(wheel.has_turned());
        assert_eq!(
            [0, 1, 2].map(|others| wheel.ahead(others).copied().flatten()),
            [Some('b'), Some('c'), None]
        );
        assert_eq!(wheel.pop(), Some((3_020, 'b')));
        assert!(!wheel.has_turned());
        assert_eq!([wheel.pop(), wheel.pop()], [Some((3_030, 'c')), Some((5_000, 'd'))]);
        assert!(wheel.has_turned());
    }
}
