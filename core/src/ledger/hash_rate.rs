//! Pace: the recent growth rate of the best chain, for display.
//!
//! Times come from the miners' clocks, so it is an estimate. No decision depends on it.

use crate::ledger::chain::Chain;

/// The number of newest blocks for the estimate. A shorter chain has fewer.
pub const BLOCKS: u64 = 120;

/// The growth rate of a chain.
///
/// ```
/// # use plexus_core::ledger::hash_rate::NetworkHashRate;
/// # use plexus_core::mining::search::grind;
/// # use plexus_core::{Chain, Header, Network};
/// # let mut chain = Chain::new(Network::dev());
/// assert_eq!(NetworkHashRate::of(&chain), None, "genesis was not mined");
/// for height in 1..=3 {
///     let parent = chain.tip();
///     let time = parent.header.time.plus_ms(15_000);
///     let mut header = Header { prev_hash: parent.hash, height, time, ..parent.header };
///     header.nonce = grind(&header, 1 << 20).unwrap();
///     chain.insert(header, time).unwrap();
///     chain.mark_validated(&header.hash());
/// }
/// // 255 hashes are expected in each 15 seconds.
/// let rate = NetworkHashRate { interval_ms: 15_000, hashes_per_s: 17 };
/// assert_eq!(NetworkHashRate::of(&chain), Some(rate));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkHashRate {
    /// The mean time between two blocks, milliseconds.
    pub interval_ms: u64,
    /// The hashes per second that finding the blocks took, judging by their targets.
    pub hashes_per_s: u128,
}

impl NetworkHashRate {
    /// Returns the rate of a chain up to its tip, excluding genesis, which was not mined. Returns
    /// `None` with fewer than two blocks or zero elapsed time.
    pub fn of(chain: &Chain) -> Option<Self> {
        let tip = chain.tip();
        let lowest = tip.header.height.saturating_sub(BLOCKS).max(chain.lowest()).max(1);
        let first = chain.find(chain.best_at(lowest)?)?;
        let blocks = tip.header.height.checked_sub(lowest)?;
        let elapsed_ms = tip.header.time.unix_ms().saturating_sub(first.header.time.unix_ms());
        let work = tip.total_work.hashes().saturating_sub(first.total_work.hashes());
        Some(Self {
            interval_ms: elapsed_ms.checked_div(blocks)?,
            hashes_per_s: work.saturating_mul(1_000).checked_div(elapsed_ms.into())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::chain::tests::{LATE, branch, easy};

    #[test]
    fn only_the_newest_blocks_count_and_never_genesis() {
        let network = easy(0);
        let mut chain = Chain::new(network.clone());
        assert_eq!(NetworkHashRate::of(&chain), None);
        let slow = branch(&network, network.genesis(), 40, 90_000, 1);
        let fast = branch(&network, slow.last().unwrap(), 1 + usize::try_from(BLOCKS).unwrap(), 2_000, 1);
        let mut paces = Vec::new();
        for header in slow.iter().chain(&fast) {
            chain.insert(*header, LATE).unwrap();
            chain.mark_validated(&header.hash());
            paces.push(NetworkHashRate::of(&chain));
        }
        assert_eq!(paces[0], None, "one block is no pace");
        // Every second hash is a block: two hashes in 90 s round down to 0 per second.
        assert_eq!(paces[1], Some(NetworkHashRate { interval_ms: 90_000, hashes_per_s: 0 }));
        assert_eq!(paces[160], Some(NetworkHashRate { interval_ms: 2_000, hashes_per_s: 1 }));
        let mixed = paces[100].unwrap().interval_ms;
        assert!(2_000 < mixed && mixed < 90_000, "{mixed} ms");
    }

    #[test]
    fn blocks_come_no_faster_than_one_a_millisecond() {
        let network = easy(0);
        let mut chain = Chain::new(network.clone());
        for header in branch(&network, network.genesis(), 3, 1, 1) {
            chain.insert(header, LATE).unwrap();
            chain.mark_validated(&header.hash());
        }
        assert_eq!(
            NetworkHashRate::of(&chain),
            Some(NetworkHashRate { interval_ms: 1, hashes_per_s: 2_000 })
        );
    }
}
