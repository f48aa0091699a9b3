//! Headers: finds the best header of the peers, follows it and announces it.

use core::time::Duration;

use crate::ledger::chain::{ChainEntry, Inserted};
use crate::ledger::fork_choice;
use crate::ledger::validation::{self, RuleError};
use crate::node::block_sync::{BlockSync, PeerMisbehavior};
use crate::node::config::FULL;
use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::read_ahead::prefetch_peer_tips;
use crate::node::storage::StoreQuery;
use crate::peers::peer::EstablishedPeer;
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::pow::Work;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::connection::ConnectionId;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::Packet;
use crate::sync::headers::{HeadersAction, HeadersPeer, HeadersProgress};

impl BlockSync {
    /// Requests headers from the nearest peer that claims more work than all branches that we know.
    pub(crate) fn request_headers(&mut self, cx: &mut Context<'_>) {
        let most = cx.chain.most_work();
        if self.most_claimed <= most && cx.chain.missing_blocks().len() == 0 {
            self.lacking = None;
        }
        if self.is_disk_full || !self.headers.is_redownloading() && self.most_claimed <= most {
            return;
        }
        let candidate = |(peer, established): (ConnectionId, &EstablishedPeer)| HeadersPeer {
            peer,
            latency: established.ping.latency().unwrap_or(Duration::MAX),
            claim: established.claim,
            said: established.hello.total_work,
            height: established.height,
        };
        // While a body is lacking, more headers of a peer that deleted it are of no use. That peer has
        // none of the bodies that may come after our tip, whatever its branch is.
        let next_height = cx.chain.tip().header.height + 1;
        let is_lacking = self.lacking.is_some() && !self.headers.is_redownloading();
        let is_useful = |established: &EstablishedPeer| {
            let lowest_body = established.hello.lowest_body(established.height);
            established.is_full() && (!is_lacking || lowest_body <= next_height)
        };
        let full = cx.connections.established_peers().filter(|(_, established)| is_useful(established));
        let candidates: Vec<_> = full.map(candidate).collect();
        if let Some(action) = self.headers.next(cx.now, cx.chain, &candidates, cx.is_full()) {
            carry_out(cx, action);
        }
    }

    /// Handles requested headers. Returns true if the best header moved.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_headers(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        headers: Vec<Header>,
    ) -> Result<bool, Misbehavior> {
        if self.is_disk_full {
            self.headers.discard(peer, cx.chain)?;
            return Ok(false);
        }
        let weighs = cx.is_full();
        let progress = self.headers.received_headers(cx.now, peer, headers, cx.chain, weighs)?;
        Ok(self.progressed(cx, peer, progress))
    }

    /// Handles the store's answer with the history at a block. Returns true if the best header
    /// moved.
    ///
    /// # Errors
    /// The peer whose headers waited for the history, and its misbehavior.
    pub(crate) fn loaded_mmr(
        &mut self,
        cx: &mut Context<'_>,
        hash: Hash,
        base: Option<(Mmr, Vec<Header>)>,
    ) -> Result<bool, PeerMisbehavior> {
        if self.is_disk_full {
            self.headers.give_up(cx.chain);
            return Ok(false);
        }
        match self.headers.recalled(cx.now, hash, base, cx.chain) {
            None => Ok(false),
            Some((peer, Ok(progress))) => Ok(self.progressed(cx, peer, progress)),
            Some((peer, Err(misbehavior))) => Err((peer, misbehavior)),
        }
    }

    /// Handles the outcome of headers or of a proof. Returns true if the best header moved.
    pub(super) fn progressed(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        progress: HeadersProgress,
    ) -> bool {
        if let Some((work, height)) = progress.shown {
            self.note_work(cx, peer, work, height);
        }
        if let Some(header) = progress.early {
            self.keep_early(cx.now, header);
        }
        if let Some(action) = progress.step {
            carry_out(cx, action);
        }
        progress.leads
    }

    /// Follows the best header after it moved: drops bodies that are no longer on the way to it, and
    /// reports the progress.
    pub(crate) fn follow_best_header(&mut self, cx: &mut Context<'_>) {
        self.download.prune(cx.chain);
        let height = cx.chain.tip().header.height;
        let best = cx.chain.best_header().header.height;
        let target = best.max(self.headers.target_height()).max(height);
        cx.outbox.emit(Event::Synchronizing { height, target });
    }

    /// Inserts and announces the next header from the future that has become acceptable. Returns
    /// true if it moved the best header, and `None` if there are no more.
    pub(crate) fn insert_early(&mut self, cx: &mut Context<'_>) -> Option<bool> {
        if self.is_disk_full {
            return None;
        }
        let Some(header) = self.take_early(cx.now) else {
            self.update_early_deadline(cx.now);
            return None;
        };
        let hash = header.hash();
        let moved = matches!(cx.chain.insert(header, cx.now.time), Ok(Inserted::New { leads: true }));
        if moved {
            self.announce_moved(cx, &header, &hash, None);
        }
        Some(moved)
    }

    /// Handles a new header from a peer that mined it or received it. The header is passed on
    /// before its body arrives. Returns true if the best header moved.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_announce(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        header: Header,
    ) -> Result<bool, Misbehavior> {
        let hash = header.hash();
        if let Some(established) = cx.connections.established_mut(peer) {
            established.tip.announced(&hash, header.height);
        }
        if self.relay.announced(peer, &hash) {
            return Ok(false);
        }
        cx.schedule.dirty = true;
        prefetch_peer_tips(cx.connections);
        if self.is_disk_full || self.headers.is_below_known(cx.chain) {
            // The header is requested again when there is room, or comes with a proof.
            if cx.chain.find(&hash).is_none() {
                self.received_orphan(cx, peer, &header, &hash)?;
            }
            return Ok(false);
        }
        let moved = match cx.chain.insert(header, cx.now.time) {
            Ok(Inserted::New { leads }) => {
                if FULL && !leads {
                    cx.outbox.emit(Event::Stale { hash, height: header.height });
                }
                leads
            }
            Ok(Inserted::Known | Inserted::TooFarAhead) => false,
            Ok(Inserted::TimeTooNew { .. }) => {
                self.relay.begin(cx.now.moment, hash, Some(peer), cx.connections.len());
                self.keep_early(cx.now, header);
                false
            }
            Ok(Inserted::Orphan) => {
                self.received_orphan(cx, peer, &header, &hash)?;
                false
            }
            Err(failures) => {
                let Some(error) = failures.first().cloned() else { return Ok(false) };
                let height = header.height;
                cx.outbox.emit(Event::Refused { peer: Some(peer), hash, height, failures });
                // Headers travel before bodies: the sender may not know yet that an ancestor is
                // invalid.
                let is_honest = matches!(error, RuleError::Ancestor { .. })
                    && validation::check_own_work(cx.chain.network(), &header, &hash).is_none();
                if is_honest {
                    return Ok(false);
                }
                return Err(Misbehavior::InvalidHeader { hash, error: Box::new(error) });
            }
        };
        if moved || rivals_best_header(cx, &hash) {
            self.announce_moved(cx, &header, &hash, Some(peer));
        }
        Ok(moved)
    }

    /// Passes on a new header. Also passes on the best header if it is another one: a small block on
    /// the best branch can let a rival win.
    fn announce_moved(
        &mut self,
        cx: &mut Context<'_>,
        header: &Header,
        hash: &Hash,
        from: Option<ConnectionId>,
    ) {
        self.announce_header(cx, header, hash, from);
        let best = cx.chain.best_header();
        if best.hash != *hash && best.header.height > 0 {
            self.announce_header(cx, &best.header, &best.hash, None);
        }
    }

    /// Handles a header whose parent is unknown: its sender has a branch that we lack. Its work
    /// becomes known later.
    fn received_orphan(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        header: &Header,
        hash: &Hash,
    ) -> Result<(), Misbehavior> {
        if let Some(error) = validation::check_own_work(cx.chain.network(), header, hash) {
            return Err(Misbehavior::InvalidHeader { hash: *hash, error: Box::new(error) });
        }
        if FULL {
            cx.outbox.emit(Event::Orphan { peer, hash: *hash });
        }
        let claim = cx.chain.most_work().plus(header.work());
        self.note_work(cx, peer, claim, header.height);
        Ok(())
    }

    /// Notes that a peer showed, or probably has, a branch of this work.
    fn note_work(&mut self, cx: &mut Context<'_>, peer: ConnectionId, work: Work, height: u64) {
        if let Some(established) = cx.connections.established_mut(peer) {
            established.note_work(work, height);
            self.most_claimed = self.most_claimed.max(work);
        }
    }

    /// Notes that the peer has verified a block's body.
    pub(crate) fn received_held(&mut self, cx: &mut Context<'_>, peer: ConnectionId, hash: Hash) {
        self.download.mark_has_body(peer, &hash);
        self.relay.mark_has_body(peer, &hash);
        let (entry, most) = (cx.chain.find(&hash), cx.chain.most_work());
        note_peer_block(cx, peer, &hash, entry.as_ref());
        let Some(established) = cx.connections.established(peer) else { return };
        match entry {
            Some(entry) => self.note_work(cx, peer, entry.total_work, entry.header.height),
            // The peer has a branch that we do not know. Its work becomes known later.
            None if !cx.chain.is_invalid(&hash) => {
                let (claim, height) =
                    (established.claim.max(most).plus(Work::from_hashes(1)), established.height);
                self.note_work(cx, peer, claim, height);
            }
            None => {}
        }
    }
}

/// Notes that a peer has a block. `entry` is the block's chain entry, if we know it.
pub(super) fn note_peer_block(
    cx: &mut Context<'_>,
    peer: ConnectionId,
    hash: &Hash,
    entry: Option<&ChainEntry>,
) {
    if let Some(established) = cx.connections.established_mut(peer) {
        let height = entry.map_or(established.height, |entry| entry.header.height);
        established.tip.has(cx.chain, hash, height);
    }
}

fn carry_out(cx: &mut Context<'_>, action: HeadersAction) {
    match action {
        HeadersAction::Ask(peer, locator) => {
            cx.outbox.send(peer, &Packet::GetHeaders(BoundedVec::new(locator)));
        }
        HeadersAction::LoadMmr(hash) => cx.outbox.query_store(StoreQuery::LoadMmr(hash)),
        HeadersAction::Prove(peer) => cx.outbox.send(peer, &Packet::GetProof(())),
    }
}

/// Returns true if the best header does not replace a block, and its body is missing. Either body
/// may come first, and other nodes wait for it too.
fn rivals_best_header(cx: &Context<'_>, hash: &Hash) -> bool {
    let best = cx.chain.best_header();
    cx.chain.find(hash).is_some_and(|entry| !fork_choice::replaces(best, entry))
        && !cx.chain.is_verified(&best.hash)
}
