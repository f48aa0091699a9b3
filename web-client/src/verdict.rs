//! The verdict on a proof file: what it shows, for the page to say. It takes no connection, and nothing that is stored.

use plexus_core::hash::Hash;
use plexus_core::key::PublicKey;
use plexus_core::network::Network;
use plexus_core::receipt::Receipt;
use plexus_core::view;
use serde::Serialize;

use crate::form::Refusal;

/// What a valid proof file shows.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    message: view::Message,
    block: Hash,
    number_of_block: u64,
    time_unix_ms: u64,
    author: PublicKey,
    /// How many blocks protect it: its own and those above.
    blocks: u64,
    /// Their work, a decimal string.
    work: String,
    height: u64,
    total_work: String,
    network: String,
    network_id: Hash,
    /// Whether the network is one that this program knows by itself.
    built_in: bool,
}

impl Verdict {
    /// Verifies a proof file's bytes.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, Refusal> {
        let receipt = Receipt::decode(bytes).map_err(Refusal::because)?;
        let verified = receipt.verify().map_err(Refusal::because)?;
        let (network, header) = (&receipt.network, &receipt.header);
        Ok(Self {
            message: view::Message::new(&receipt.message, network.id()),
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
        let refused = Verdict::of(b"not a proof file").map(|_| ()).unwrap_err();
        assert!(!refused.0.is_empty());
        assert!(Verdict::of(&[]).is_err());
    }
}
