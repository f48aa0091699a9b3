//! The view of the chain that the page shows and the store keeps: blocks, reorganisations and sent
//! messages.

use plexus_core::primitives::hash::Hash;

use super::storage::Storage;
use crate::browser::callbacks::Callbacks;
use crate::chain_view::feed::{self, Feed};
use crate::chain_view::reorg::{self, Reorgs};
use crate::chain_view::sent_messages::{self, SentMessages};
use crate::chain_view::tracked_map::ItemChange;

/// The view of the chain.
#[derive(Debug)]
pub(super) struct ChainView {
    pub(super) feed: Feed,
    pub(super) reorgs: Reorgs,
    pub(super) sent: SentMessages,
}

impl ChainView {
    /// Shows and stores what changed in the view.
    pub(super) fn gather(&mut self, network: &Hash, page: &Callbacks, storage: &mut Storage) {
        for changed in self.feed.take_changed(network) {
            show(page, "block", &changed);
            storage.put_of_network(changed.write(feed::PREFIX));
        }
        for changed in self.reorgs.take_changed() {
            show(page, "reorg", &changed);
            storage.put_of_network(changed.write(reorg::PREFIX));
        }
        if let Some(write) = self.reorgs.take_write() {
            storage.put_of_network(write);
        }
        for changed in self.sent.take_changed(network) {
            show(page, "sent", &changed);
            storage.put_of_network(changed.write(sent_messages::PREFIX));
        }
    }
}

/// Shows a change to the page.
fn show(page: &Callbacks, kind: &str, changed: &ItemChange) {
    page.item(kind, &changed.hash, changed.now.as_ref().map(|(json, _)| json.as_str()));
}
