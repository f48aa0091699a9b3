//! The start: loads the stored state, finds out the network, and starts the driver on both.
//!
//! A damaged or missing store is never fatal. Keys are then kept in this tab only, the chain is
//! fetched again, and the user is informed.

use core::time::Duration;
use std::rc::Rc;

use plexus_core::ledger::chain::Chain;
use plexus_core::primitives::message::{RECIPIENT_BYTES_MAX, TEXT_BYTES_MAX};
use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::Address;

use crate::browser::api::{self, JsonAnswer};
use crate::browser::callbacks::Callbacks;
use crate::browser::clock;
use crate::browser::database::{Database, Write};
use crate::chain_view::chain_store::{BOOK, ChainStore};
use crate::chain_view::feed::Feed;
use crate::chain_view::reorg::Reorgs;
use crate::chain_view::sent_messages::SentMessages;
use crate::driver::initial_state::InitialState;
use crate::driver::runtime::Runtime;
use crate::driver::storage::{MINING_SETTINGS, prefix};
use crate::keys::keyring::{Keyring, Stored};
use crate::messages::{KeyState, NodeState, Phase, Update, UserError};
use crate::mining::settings::MiningSettings;

/// The first wait before the node is asked for its network again. Each later wait is twice as long.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// Starts a node.
///
/// # Errors
/// The URL is not a node's, or no randomness is available.
pub(crate) async fn start(node: &str, keeps_chain: bool, page: Callbacks) -> Result<Rc<Runtime>, UserError> {
    let address: Address = node.parse().map_err(UserError::because)?;
    page.update(&Update::State(&connecting(&address, None)));
    let mut database = open(&page).await;
    let keys = keys(&mut database, &page).await;
    page.update(&Update::Keys(&keys.views()));
    let network = network(&address, database.as_ref(), &page).await;
    let stored = match &database {
        Some(database) => database.load(&prefix(&network)).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let (chain_store, chain) = match ChainStore::load(network.clone(), &stored) {
        Ok(loaded) => loaded,
        Err(error) => {
            page.notice(false, format!("{error}. All headers are checked again."));
            if let Some(database) = &database {
                let erased = ChainStore::erase().into_iter().map(|write| write.within(&prefix(&network)));
                // If it cannot be erased, the damage is found again at the next start.
                let _ = database.commit(erased.collect()).await;
            }
            (ChainStore::new(&network), Chain::new(network.clone()))
        }
    };
    let settings = match &database {
        Some(database) => database.read(MINING_SETTINGS).await.ok().flatten(),
        None => None,
    };
    let settings = settings.and_then(|bytes| MiningSettings::decode(&bytes)).unwrap_or_default();
    let keeps = keeps_chain && database.is_some();
    let initial = InitialState {
        network,
        address,
        keys,
        chain,
        chain_store: keeps.then_some(chain_store),
        book: stored.iter().find(|entry| entry.key == BOOK).map(|entry| entry.value.clone()),
        feed: Feed::load(&stored),
        reorgs: Reorgs::load(&stored),
        sent: SentMessages::load(&stored),
        settings,
    };
    Runtime::start(initial, database, page)
}

async fn open(page: &Callbacks) -> Option<Database> {
    match Database::open().await {
        Ok(database) => Some(database),
        Err(error) => {
            lost(page, &error.to_string());
            None
        }
    }
}

fn lost(page: &Callbacks, reason: &str) {
    page.notice(true, format!("{reason}. Nothing is kept over a reload: write a key's 24 words down."));
}

/// Returns the stored keys. A page that only watches needs none.
async fn keys(database: &mut Option<Database>, page: &Callbacks) -> Keyring {
    let mut keys = Keyring::default();
    if let Some(kept) = database {
        match Stored::read(kept).await {
            Ok(stored) => keys.load(&stored),
            Err(error) => {
                lost(page, &error.to_string());
                *database = None;
            }
        }
    }
    for view in keys.views() {
        if view.state == KeyState::Damaged {
            let name = view.name;
            page.notice(true, format!("The stored key \"{name}\" is damaged. Restore it from its 24 words."));
        }
    }
    keys
}

/// Returns the network of the node: by its answer, or by its last answer while it cannot be
/// reached.
async fn network(address: &Address, database: Option<&Database>, page: &Callbacks) -> Network {
    let name = format!("node/{address}");
    let mut wait = WAIT_MIN;
    loop {
        let trouble = match api::network(address).await {
            Ok(network) => {
                if let Some(database) = database
                    && let Ok(json) = serde_json::to_vec(network.parameters())
                {
                    // If this fails, the node is asked again next time.
                    let _ = database.commit(vec![Write::Put(name, json)]).await;
                }
                return network;
            }
            Err(error) => error.to_string(),
        };
        if let Some(database) = database
            && let Ok(Some(json)) = database.read(&name).await
            && let Some(answer) = JsonAnswer::parse(&String::from_utf8_lossy(&json))
            && let Ok(network) = answer.network()
        {
            return network;
        }
        page.update(&Update::State(&connecting(address, Some((trouble, wait)))));
        clock::sleep(wait).await;
        wait = (wait * 2).min(WAIT_MAX);
    }
}

/// Returns the state before the network is known.
fn connecting(address: &Address, trouble: Option<(String, Duration)>) -> NodeState {
    let wait_ms = trouble.as_ref().map_or(0, |(_, wait)| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    NodeState {
        phase: if trouble.is_some() { Phase::Offline } else { Phase::Connecting },
        node: address.to_string(),
        network: None,
        height: 0,
        tip: None,
        tip_unix_ms: None,
        interval_ms: None,
        proof: None,
        network_hash_rate: None,
        target: 0,
        total_work: "0".to_owned(),
        young: false,
        difficulty: "0".to_owned(),
        peers: Vec::new(),
        pool: 0,
        retry_unix_ms: trouble.is_some().then(|| clock::now().time.plus_ms(wait_ms).unix_ms()),
        trouble: trouble.map(|(trouble, _)| trouble),
        kept: false,
        recipient_bytes_max: RECIPIENT_BYTES_MAX,
        text_bytes_max: TEXT_BYTES_MAX,
    }
}
