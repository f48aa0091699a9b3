//! The verdict on a proof file, for the page. It needs neither a connection nor the store.

use plexus_core::ledger::json;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::params::Network;
use plexus_core::proof::inclusion_proof::Receipt;
use serde::Serialize;

use crate::messages::UserError;

/// The result for a valid proof file.
#[derive(Debug, Serialize)]
pub(crate) struct CheckedProof {
    message: json::MessageView,
    block: Hash,
    number_of_block: u64,
    time_unix_ms: u64,
    author: PublicKey,
    /// The number of blocks that protect it: its own and those above it.
    blocks: u64,
    /// Their work, as a decimal string.
    work: String,
    height: u64,
    total_work: String,
    network: String,
    network_id: Hash,
    /// True if this program has the network built in.
    built_in: bool,
}

impl CheckedProof {
    /// Verifies a proof file's bytes.
    ///
    /// # Errors
    /// The first error in them.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, UserError> {
        let receipt = Receipt::decode(bytes).map_err(UserError::because)?;
        let verified = receipt.verify().map_err(UserError::because)?;
        let (network, header) = (&receipt.network, &receipt.header);
        Ok(Self {
            message: json::MessageView::new(&receipt.message, network.id()),
            block: verified.block,
            number_of_block: header.height,
            time_unix_ms: header.time.unix_ms(),
            author: receipt.author,
            blocks: verified.blocks,
            work: verified.work.to_string(),
            height: verified.proven.header.height,
            total_work: verified.proven.total_work().to_string(),
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
        let refused = CheckedProof::of(b"not a proof file").map(|_| ()).unwrap_err();
        assert!(!refused.0.is_empty());
        assert!(CheckedProof::of(&[]).is_err());
    }
}
