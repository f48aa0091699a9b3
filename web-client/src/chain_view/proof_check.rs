//! The verdict on a proof file, for the page. It needs neither a connection nor the store.

use plexus_core::ledger::json;
use plexus_core::ledger::known_work::KnownWork;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Timestamp;
use plexus_core::proof::inclusion_proof::Receipt;
use plexus_core::proof::verdict::{self, Evidence, Verdict};
use serde::Serialize;

use crate::messages::UserError;

/// A proof file whose parts fit together, and the verdict on it.
#[derive(Debug, Serialize)]
pub(crate) struct CheckedProof {
    /// The verdict as a word: `valid`, `too-weak`, `replaced` or `not-compared`.
    verdict: &'static str,
    /// The verdict for people.
    title: String,
    /// The meaning of a verdict that is not `valid`.
    reason: Option<String>,
    message: json::MessageView,
    block: Hash,
    number_of_block: u64,
    /// The miner's claim.
    time_unix_ms: u64,
    /// The time of the block below. The block is later.
    parent_time_unix_ms: u64,
    /// The local clock at the check.
    clock_unix_ms: u64,
    author: PublicKey,
    /// The work of its block and of those above it, as a decimal string.
    work: String,
    /// The time that a graphics processor takes for it, for people.
    work_time: String,
    /// The number of these blocks.
    blocks: u64,
    height: u64,
    tip: Hash,
    total_work: String,
    /// True if nobody but the maker of the chain need have mined it.
    solitary: bool,
    /// True if the chain is young, so that its work counts for less.
    young: bool,
    network: String,
    network_id: Hash,
    /// True if this program has the network built in.
    built_in: bool,
}

impl CheckedProof {
    /// Verifies a proof file's bytes. `in_chain` is true if the chain that was verified here has
    /// the file's block, and false if it has another one. It is missing if that is not known.
    ///
    /// # Errors
    /// The first error in them.
    pub(crate) fn of(bytes: &[u8], in_chain: Option<bool>, now: Timestamp) -> Result<Self, UserError> {
        let receipt = Receipt::decode(bytes).map_err(UserError::because)?;
        let verified = receipt.verify().map_err(UserError::because)?;
        verified.check_clock(now).map_err(UserError::because)?;
        let (network, header) = (&receipt.network, &receipt.header);
        let (tip, total_work) = (&verified.proven.header, verified.proven.total_work());
        let evidence = Evidence { demanded: None, in_chain };
        let reached = Verdict::of(total_work, &KnownWork::of(network), evidence);
        Ok(Self {
            verdict: match reached {
                Verdict::Valid => "valid",
                Verdict::TooWeak { .. } => "too-weak",
                Verdict::Replaced => "replaced",
                Verdict::NotCompared => "not-compared",
            },
            title: reached.to_string(),
            reason: reached.explanation(total_work),
            message: json::MessageView::new(&receipt.message, network.id()),
            block: verified.block,
            number_of_block: header.height,
            time_unix_ms: header.time.unix_ms(),
            parent_time_unix_ms: verified.parent_time.unix_ms(),
            clock_unix_ms: now.unix_ms(),
            author: receipt.author,
            work: verified.work.to_string(),
            work_time: verdict::duration(verified.work),
            blocks: verified.blocks,
            height: tip.height,
            tip: verified.proven.hash,
            total_work: total_work.to_string(),
            solitary: verdict::is_solitary(network, total_work, tip.height),
            young: network.is_young(total_work),
            network: network.name().to_owned(),
            network_id: *network.id(),
            built_in: [Network::plexus(), Network::dev()].iter().any(|known| known.id() == network.id()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_none_is_named() {
        let now = Timestamp::from_unix_ms(0);
        let refused = CheckedProof::of(b"not a proof file", None, now).map(|_| ()).unwrap_err();
        assert!(!refused.0.is_empty());
        assert!(CheckedProof::of(&[], None, now).is_err());
    }
}
