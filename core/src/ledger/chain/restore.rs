//! A chain from stored or proven headers.

use super::Chain;
use crate::ledger::validation;
use crate::primitives::block::Header;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;

/// The reason why stored headers are not a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored chain is damaged at height {height}: {reason}")]
pub struct RestoreError {
    /// The lowest height that does not fit.
    pub height: u64,
    /// The error at that height.
    pub reason: String,
}

impl Chain {
    /// Returns the chain whose newest headers are `headers`, all verified before, with the history
    /// `below` the first.
    ///
    /// # Errors
    /// The lowest header that does not follow from the one below it.
    pub fn restore(network: Network, below: Mmr, headers: &[Header]) -> Result<Self, RestoreError> {
        let damaged = |height: u64, reason: String| RestoreError { height, reason };
        let Some((first, rest)) = headers.split_first() else {
            return Err(damaged(0, "no headers".to_owned()));
        };
        if first.height != below.leaves() {
            let reason = format!("expected height {}, found {}", below.leaves(), first.height);
            return Err(damaged(below.leaves(), reason));
        }
        if first.height == 0 && first != network.genesis() {
            return Err(damaged(0, format!("not the genesis of the network {network}")));
        }
        let mut chain = Self::begin(network, below, *first);
        for header in rest {
            let hash = header.hash();
            let tip = chain.tip();
            let failures = validation::check_header(&chain.network, &tip.header, &tip.hash, header, &hash);
            if let Some(failure) = failures.first() {
                return Err(damaged(tip.header.height + 1, failure.to_string()));
            }
            let history = chain.history(&tip.hash).cloned().unwrap_or_default();
            chain.add(hash, *header, history.append(header.record(hash)));
            chain.mark_validated(&hash);
        }
        Ok(chain)
    }

    /// Switches to a proven chain: `headers` are its newest, and `below` is the history below the
    /// first.
    ///
    /// # Errors
    /// A header does not follow from the one below it, or is known to be invalid. The chain then
    /// stays unchanged.
    pub fn restart(&mut self, below: Mmr, headers: &[Header]) -> Result<(), RestoreError> {
        if let Some(header) = headers.iter().find(|header| self.is_invalid(&header.hash())) {
            return Err(RestoreError { height: header.height, reason: "it was refused".to_owned() });
        }
        let invalid = self.invalid.clone();
        *self = Self { invalid, ..Self::restore(self.network.clone(), below, headers)? };
        Ok(())
    }
}
