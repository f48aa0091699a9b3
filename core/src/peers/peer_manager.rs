//! The state of peer management: the known addresses, the slots, the bans, and the knowledge of
//! the network's links.

use crate::peers::address_book::AddressBook;
use crate::peers::ban_list::BanList;
use crate::peers::outbound_slots::OutboundSlots;
use crate::peers::reconnect::Reconnector;
use crate::peers::topology::forecast::FirstHopForecast;
use crate::peers::topology::graph::Graph;
use crate::peers::topology::pending_certificates::PendingCertificates;
use crate::primitives::time::MonotonicTime;

/// Chooses the peers.
#[derive(Debug)]
pub(crate) struct PeerManager {
    pub(crate) reconnector: Reconnector,
    pub(crate) book: AddressBook,
    /// The address book as it was last stored.
    pub(crate) stored_book: Vec<u8>,
    pub(crate) bans: BanList,
    pub(crate) slots: OutboundSlots,
    pub(crate) graph: Graph,
    /// The probabilities that a peer first hears of a block from us, as of the last planning round.
    pub(crate) forecast: FirstHopForecast,
    pub(crate) certificates: PendingCertificates,
    pub(crate) rounds: PlanningRounds,
    /// A secret that makes it unpredictable which peer is evicted first.
    pub(crate) eviction_secret: [u8; 16],
}

impl PeerManager {
    /// Creates the state of a node that has no peer yet.
    pub(crate) fn new(
        reconnector: Reconnector,
        book: AddressBook,
        slots: OutboundSlots,
        graph: Graph,
        eviction_secret: [u8; 16],
    ) -> Self {
        Self {
            reconnector,
            book,
            stored_book: Vec::new(),
            bans: BanList::default(),
            slots,
            graph,
            forecast: FirstHopForecast::default(),
            certificates: PendingCertificates::default(),
            rounds: PlanningRounds::default(),
            eviction_secret,
        }
    }

    /// Returns the encoded address book, if it has changed since it was last stored. From then on
    /// it counts as stored.
    pub(crate) fn changed_book(&mut self) -> Option<Vec<u8>> {
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
}

/// The times of the next maintenance tasks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlanningRounds {
    pub(crate) slots: MonotonicTime,
    pub(crate) addresses: MonotonicTime,
    pub(crate) links: MonotonicTime,
    pub(crate) certificates: MonotonicTime,
    pub(crate) book: MonotonicTime,
}

impl PlanningRounds {
    pub(crate) fn next(&self) -> MonotonicTime {
        self.slots.min(self.addresses).min(self.links).min(self.certificates).min(self.book)
    }

    /// Notes that the links changed: the next steps check them.
    pub(crate) fn stir(&mut self) {
        self.slots = MonotonicTime::default();
    }
}
