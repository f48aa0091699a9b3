//! The initial state of a driver, and the node that begins there.

use plexus_core::ledger::chain::Chain;
use plexus_core::node::{Config, Node};
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::Address;
use plexus_core::protocol::packet::Role;

use crate::chain_view::chain_store::ChainStore;
use crate::chain_view::feed::Feed;
use crate::chain_view::reorg::Reorgs;
use crate::chain_view::sent_messages::SentMessages;
use crate::keys::keyring::Keyring;
use crate::messages::UserError;
use crate::mining::settings::MiningSettings;

/// The initial state of a driver.
#[derive(Debug)]
pub(crate) struct InitialState {
    pub(crate) network: Network,
    pub(crate) address: Address,
    pub(crate) keys: Keyring,
    pub(crate) chain: Chain,
    /// The part of the chain that outlives a reload. `None` if another page keeps it, or if there
    /// is no place for it.
    pub(crate) chain_store: Option<ChainStore>,
    /// The addresses of nodes that were learned earlier, as they were stored.
    pub(crate) book: Option<Vec<u8>>,
    pub(crate) feed: Feed,
    pub(crate) reorgs: Reorgs,
    pub(crate) sent: SentMessages,
    /// The user's last settings for the miners.
    pub(crate) settings: MiningSettings,
}

impl InitialState {
    /// Returns the node that begins there. It has no miner yet.
    ///
    /// # Errors
    /// There is no source of randomness.
    pub(crate) fn start(&self) -> Result<Node, UserError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(UserError::because)?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(UserError::because)?;
        // Peers need to tell this page from others, not to know its owner.
        let node_key = SecretKey::from_bytes(&secret).map_err(UserError::because)?;
        let author = node_key.clone();
        let config =
            Config { connect: vec![self.address.clone()], ..Config::new(Role::Light, node_key, author) };
        let mut node = Node::new(config, self.chain.clone(), seed);
        if let Some(book) = &self.book {
            // A damaged one is soon replaced. Until then the user's own node tells of others.
            let _ = node.remember(book);
        }
        Ok(node)
    }
}
