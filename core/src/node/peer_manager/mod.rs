//! Peer management: opens, admits and closes connections, learns addresses, and keeps the knowledge
//! of the network's links.
//!
//! The verbs are grouped by subject: `connections` takes a connection from the handshake to its end,
//! `admission` decides which connections get a place, `neighbours` and `planning` choose the nodes
//! to dial, `addresses` learns and passes on addresses, `certificates` certifies links,
//! `plausibility` checks latencies, and `chain_status` watches for peers on another chain.
//!
//! **Architecture Invariant:** all of it is a hint for relay and for the choice of peers.
//! Consensus never depends on it.

use crate::node::config::Config;
use crate::peers::address_book::AddressBook;
use crate::peers::ban_list::BanList;
use crate::peers::outbound_slots::{OutboundSlots, Quota};
use crate::peers::reconnect::Reconnector;
use crate::peers::topology::forecast::FirstHopForecast;
use crate::peers::topology::graph::Graph;
use crate::peers::topology::pending_certificates::PendingCertificates;
use crate::primitives::encoding::DecodeError;
use crate::primitives::hash::{Tag, tagged};
use crate::primitives::time::MonotonicTime;
use crate::protocol::connection::ConnectionId;

mod addresses;
mod admission;
mod certificates;
mod chain_status;
mod connections;
mod neighbours;
mod planning;
mod plausibility;

/// Chooses the peers.
#[derive(Debug)]
pub(crate) struct PeerManager {
    pub(crate) reconnector: Reconnector,
    pub(crate) book: AddressBook,
    /// The address book as it was last stored.
    stored_book: Vec<u8>,
    pub(crate) bans: BanList,
    pub(crate) slots: OutboundSlots,
    pub(crate) graph: Graph,
    /// The probabilities that a peer first hears of a block from us, as of the last planning round.
    pub(crate) forecast: FirstHopForecast,
    certificates: PendingCertificates,
    pub(crate) rounds: PlanningRounds,
    /// When peers are next checked for another chain.
    chain_check: MonotonicTime,
    /// A secret that makes it unpredictable which peer is evicted first.
    eviction_secret: [u8; 16],
    /// The connections that were closed, and of which the node has not told its other machines yet.
    closed: Vec<ConnectionId>,
}

impl PeerManager {
    /// Creates the state of a node that has no peer yet.
    pub(crate) fn new(config: &Config, eviction_secret: [u8; 16]) -> Self {
        Self {
            reconnector: Reconnector::new(config.connect.iter().cloned()),
            book: AddressBook::new(book_secret(config)),
            stored_book: Vec::new(),
            bans: BanList::default(),
            slots: OutboundSlots::new(Quota::of(config.role)),
            graph: Graph::new(config.node_key.public(), config.links_max),
            forecast: FirstHopForecast::default(),
            certificates: PendingCertificates::default(),
            rounds: PlanningRounds::default(),
            chain_check: MonotonicTime::default(),
            eviction_secret,
            closed: Vec::new(),
        }
    }

    /// Loads the stored address book.
    ///
    /// # Errors
    /// The bytes are not a valid address book.
    pub(crate) fn load_book(&mut self, config: &Config, book: &[u8]) -> Result<(), DecodeError> {
        self.book = AddressBook::decode(book_secret(config), book)?;
        self.stored_book = book.to_vec();
        Ok(())
    }

    /// Returns the encoded address book, if it has changed since it was last stored. From then on
    /// it counts as stored.
    fn changed_book(&mut self) -> Option<Vec<u8>> {
        let open = self.slots.open();
        // After a start or while disconnected, the previous links stay stored.
        if !open.is_empty() {
            self.book.set_anchors(open.iter().map(|(address, ..)| address));
        }
        let encoded = self.book.encode();
        let has_changed = encoded != self.stored_book;
        if has_changed {
            self.stored_book.clone_from(&encoded);
        }
        has_changed.then_some(encoded)
    }

    /// Returns a connection that was closed, each once.
    #[inline]
    pub(crate) fn take_closed(&mut self) -> Option<ConnectionId> {
        self.closed.pop()
    }
}

/// Returns a secret that stays the same over restarts, so that a stored address book keeps its
/// order.
fn book_secret(config: &Config) -> [u8; 32] {
    *tagged(Tag::Book, &[config.node_key.to_bytes().as_slice()]).as_bytes()
}

/// The times of the next maintenance tasks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlanningRounds {
    slots: MonotonicTime,
    addresses: MonotonicTime,
    links: MonotonicTime,
    certificates: MonotonicTime,
    book: MonotonicTime,
}

impl PlanningRounds {
    pub(crate) fn next(&self) -> MonotonicTime {
        self.slots.min(self.addresses).min(self.links).min(self.certificates).min(self.book)
    }

    /// Notes that the links changed: the next steps check them.
    pub(crate) fn links_changed(&mut self) {
        self.slots = MonotonicTime::default();
    }
}
