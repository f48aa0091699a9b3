//! Bodies: requests the bodies of the best branch, serves them, and checks their contents and
//! signatures.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::mempool::Mempool;
use crate::ledger::signature_batch::{BatchResult, SignatureBatch, SignatureCheck};
use crate::ledger::validation::{self, FAILURES_MAX, RuleError};
use crate::node::block_sync::headers::note_peer_block;
use crate::node::block_sync::relay::indexes_of;
use crate::node::block_sync::{BlockSync, NEAR_TIP_BLOCKS, PeerMisbehavior};
use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::storage::PeerRequest;
use crate::primitives::block::Block;
use crate::primitives::hash::Hash;
use crate::primitives::message::{Message, MessageId};
use crate::primitives::pow::Work;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::connection::ConnectionId;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::{Packet, Role, body_frame};
use crate::sync::block_download::{DownloadPeer, DownloadedBody};
use crate::sync::headers::PATIENCE;

impl BlockSync {
    /// Requests the missing bodies of the path, once all its headers have arrived. Returns true if
    /// it gave up a branch whose bodies do not come.
    pub(crate) fn request_bodies(&mut self, cx: &mut Context<'_>) -> bool {
        let is_held_back = self.headers.blocks_bodies() || self.is_disk_full;
        let Some(lowest) = cx.chain.missing_blocks().next().copied().filter(|_| !is_held_back) else {
            (self.last_progress, self.path_since) = (cx.now.moment, None);
            return false;
        };
        let path_since = *self.path_since.get_or_insert(cx.now.moment);
        let is_patient = cx.now.moment < self.last_progress + PATIENCE;
        let is_hopeful = cx.now.moment < self.last_progress + 3 * PATIENCE;
        let is_near_tip = cx.chain.missing_blocks().len() <= NEAR_TIP_BLOCKS;
        // A slow peer must not keep a light node on a branch that only it has.
        let is_slow = !cx.is_full() && cx.now.moment >= path_since + PATIENCE;
        // The usual case: the few newest blocks are being verified already.
        let is_in_flight = is_near_tip && is_hopeful && !is_slow && self.download.is_in_flight(cx.chain);
        if is_in_flight || self.is_push_due(cx, &lowest) {
            return false;
        }
        let mut established: Vec<_> = cx.connections.established_peers().collect();
        established.sort_unstable_by_key(|(id, established)| {
            let latency = established.ping.latency().unwrap_or(Duration::MAX);
            (self.download.was_given_up(*id), latency, *id)
        });
        let sources: Vec<_> = established
            .iter()
            .map(|(peer, established)| {
                let claim = if established.is_full() { established.claim } else { Work::ZERO };
                let lowest_body = established.hello.lowest_body(established.height);
                DownloadPeer { peer: *peer, claim, lowest_body }
            })
            .collect();
        if is_slow {
            self.download.take_back_lowest(cx.now, cx.chain, &self.relay, &sources);
        }
        let orders = self.download.next(cx.now, cx.chain, &self.relay, &sources);
        let is_available = self.download.is_available(cx.now, cx.chain, &self.relay, &sources);
        self.is_catching_up = is_available && is_patient && !is_near_tip;
        self.note_lacking(cx, &sources);
        let sole =
            is_slow.then(|| self.download.sole_source(cx.now, cx.chain, &self.relay, &sources)).flatten();
        if let Some(source) = &sole {
            self.headers.give_up_source(source.peer, source.claim);
            self.download.give_up_source(source.peer);
        }
        // The announcement may have overtaken the body, so keep waiting, but only up to the
        // deadline.
        let is_over = !is_hopeful || !is_available && !is_patient || sole.is_some();
        let given_up = is_over.then_some(lowest);
        let unavailable = self.download.is_unavailable(cx.chain, &sources).or(given_up);
        for (peer, hashes) in orders {
            cx.outbox.send(peer, &Packet::GetBodies(BoundedVec::new(hashes)));
        }
        let Some(hash) = unavailable else { return false };
        cx.chain.remove_unavailable(&hash);
        self.headers.redownload_failed(cx.chain);
        (self.last_progress, self.path_since, self.is_catching_up) = (cx.now.moment, None, false);
        true
    }

    /// Notes whether the next body was deleted by all peers that have the block, and reports it when
    /// that begins. The note outlasts that branch: while the node follows another one, it does not
    /// request the headers again.
    fn note_lacking(&mut self, cx: &mut Context<'_>, sources: &[DownloadPeer]) {
        let lacking = self.download.pruned_everywhere(cx.now, cx.chain, &self.relay, sources);
        let lacking = lacking.map(|block| (block.header.height, block.hash));
        if let Some((height, _)) = lacking.filter(|_| self.lacking != lacking) {
            cx.outbox.emit(Event::Lacking { height });
        }
        let lowest = cx.chain.missing_blocks().next();
        let is_had_again = self.lacking.is_some_and(|(_, hash)| lowest == Some(&hash));
        if lacking.is_some() || is_had_again {
            self.lacking = lacking;
        }
    }

    /// Returns true if a new block's body is on its way to us without a request.
    fn is_push_due(&self, cx: &Context<'_>, lowest: &Hash) -> bool {
        let Some(entry) = cx.chain.find(lowest) else { return false };
        let is_expected = self.relay.expected_until(lowest).is_some_and(|until| cx.now.moment < until)
            && cx.chain.missing_blocks().len() <= NEAR_TIP_BLOCKS;
        let can_be_had = self.most_claimed >= entry.total_work || self.relay.is_held(lowest);
        // The peer that pushed it has the whole body, and only some messages are missing.
        is_expected && (self.relay.is_partial(lowest) || !can_be_had)
    }

    /// Returns the peers that did not answer requests for headers or bodies in time.
    pub(crate) fn tick_requests(&mut self, cx: &Context<'_>) -> impl Iterator<Item = PeerMisbehavior> {
        let timeout = |request| move |peer| (peer, Misbehavior::RequestTimeout { request });
        let headers = self.headers.tick(cx.now.moment).map(timeout("get-headers"));
        let bodies = self.download.tick(cx.now.moment).into_iter().map(timeout("get-bodies"));
        headers.into_iter().chain(bodies)
    }

    /// Serves recent bodies from memory, and leaves the others to the store.
    pub(crate) fn received_get_bodies(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        hashes: Vec<Hash>,
    ) {
        if let Some(last) = hashes.last() {
            let entry = cx.chain.find(last);
            note_peer_block(cx, peer, last, entry.as_ref());
        }
        let mut stored = Vec::new();
        for hash in hashes {
            match (self.recent.block(&hash), cx.config.role) {
                (Some(block), _) if stored.is_empty() => {
                    let frame = body_frame(block);
                    cx.outbox.send_frame(peer, frame);
                }
                (None, Role::Light) => {
                    self.relay.mark_requested(peer, &hash);
                    cx.outbox.send(peer, &Packet::Missing(hash));
                }
                (_, Role::Full) | (Some(_), Role::Light) => {
                    if cx.chain.find(&hash).is_some() && !cx.chain.is_verified(&hash) {
                        self.relay.mark_requested(peer, &hash);
                    }
                    stored.push(hash);
                }
            }
        }
        if !stored.is_empty() {
            cx.outbox.serve(peer, PeerRequest::Bodies(stored));
        }
    }

    /// Handles a requested body. `frame` is the frame that it ends.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_body(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        block: Block,
        frame: &Bytes,
        pool: &Mempool,
    ) -> Result<(), Misbehavior> {
        let hash = block.header.hash();
        if !self.download.received(cx.now, peer, &hash)? || cx.chain.is_verified(&hash) {
            return Ok(());
        }
        let encoded = frame.slice(frame.len() - block.size()..);
        self.check_body(cx, peer, block, encoded, pool)
    }

    /// Checks the parts of a requested body that need no signatures, and starts the verification of
    /// its signatures.
    pub(super) fn check_body(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        block: Block,
        encoded: Bytes,
        pool: &Mempool,
    ) -> Result<(), Misbehavior> {
        let hash = block.header.hash();
        let Some(history) = cx.chain.history(&block.header.prev_hash) else { return Ok(()) };
        if cx.chain.find(&hash).is_none() {
            return Ok(());
        }
        let history_root = history.root();
        let mut failures = validation::check_contents(cx.chain.network(), &history_root, &block);
        if let Some(error) = failures.first().cloned() {
            // A body that does not match its header says nothing about the block: another peer may
            // have the right one.
            let is_another = matches!(error, RuleError::Content { .. });
            if !is_another {
                failures.extend(self.find_failures(cx, &block, &history_root));
                failures.truncate(FAILURES_MAX);
            }
            self.refuse_block(cx, &hash, block.header.height, Some(peer), failures, !is_another);
            return Err(Misbehavior::InvalidBlock { hash, error: Box::new(error) });
        }
        let network = *cx.chain.network().id();
        let ids: Arc<[MessageId]> = block.messages.iter().map(|message| message.id(&network)).collect();
        let is_new = |(message, id): (&Arc<Message>, &MessageId)| !pool.has_copy(id, message);
        let missing = indexes_of(block.messages.iter().zip(ids.iter()).map(is_new));
        let digest = block.digest(&network, &history_root, &block.messages_root());
        let (block, reorg_count) = (Arc::new(block), self.reorg_count);
        let body = DownloadedBody { block, hash, encoded, ids, missing, peer: Some(peer), reorg_count };
        let mut checks =
            vec![SignatureCheck { digest, key: body.block.author, signature: body.block.signature }];
        // A message that was verified on its way into the mempool is not verified again, if all its
        // bytes are the same.
        let new = body.block.messages.iter().zip(body.ids.iter()).filter(|(message, id)| {
            pool.find(id).is_none_or(|pooled| pooled.message().signature() != message.signature())
        });
        checks.extend(new.map(|(message, id)| SignatureCheck {
            digest: *id,
            key: *message.sender(),
            signature: *message.signature(),
        }));
        self.verify_body(cx, body, checks);
        Ok(())
    }

    pub(super) fn verify_body(
        &mut self,
        cx: &mut Context<'_>,
        body: DownloadedBody,
        checks: Vec<SignatureCheck>,
    ) {
        let id = cx.outbox.next_batch_id();
        let ids = body.ids.to_vec();
        self.download.check(id, body);
        cx.outbox.verify(SignatureBatch { id, checks, ids });
    }

    /// Handles the result of a batch. Returns false if the batch was not a body's, or its signatures
    /// are invalid.
    ///
    /// # Errors
    /// The peer that sent a body with invalid signatures, and its misbehavior.
    pub(crate) fn body_verified(
        &mut self,
        cx: &mut Context<'_>,
        result: BatchResult,
    ) -> Result<bool, PeerMisbehavior> {
        let Some(body) = self.download.checked(result.id) else { return Ok(false) };
        if result.broken.is_empty() {
            self.download.keep(body, result.seen);
            return Ok(true);
        }
        let (hash, height, peer) = (body.hash, body.block.header.height, body.peer);
        let history = cx.chain.history(&body.block.header.prev_hash);
        let failures = history.map(|history| self.find_failures(cx, &body.block, &history.root()));
        let failures = failures.unwrap_or_default();
        let error = failures.first().cloned();
        self.refuse_block(cx, &hash, height, peer, failures, true);
        match (peer, error) {
            (Some(peer), Some(error)) => {
                Err((peer, Misbehavior::InvalidBlock { hash, error: Box::new(error) }))
            }
            (None, _) | (_, None) => Ok(false),
        }
    }

    /// Reports an invalid block. If it can never become valid, drops it and all its descendants.
    pub(super) fn refuse_block(
        &mut self,
        cx: &mut Context<'_>,
        hash: &Hash,
        height: u64,
        peer: Option<ConnectionId>,
        failures: Vec<RuleError>,
        forever: bool,
    ) {
        cx.outbox.emit(Event::Refused { peer, hash: *hash, height, failures });
        if forever {
            cx.chain.remove_invalid(hash);
            self.headers.redownload_failed(cx.chain);
            self.download.prune(cx.chain);
        }
    }

    /// Returns every invalid signature and every repeated id of an invalid block, as a report for
    /// people.
    fn find_failures(&self, cx: &Context<'_>, block: &Block, history_root: &Hash) -> Vec<RuleError> {
        let mut failures = Vec::new();
        let network = cx.chain.network().id();
        let digest = block.digest(network, history_root, &block.messages_root());
        if !block.author.verifies(&digest, &block.signature) {
            failures.push(RuleError::AuthorSignature { author: block.author, found: block.signature });
        }
        let ids: Vec<_> = block.messages.iter().map(|message| message.id(network)).collect();
        for (index, (message, id)) in block.messages.iter().zip(&ids).enumerate() {
            if failures.len() == FAILURES_MAX {
                break;
            }
            if !message.sender().verifies(id, message.signature()) {
                let (sender, found) = (*message.sender(), *message.signature());
                failures.push(RuleError::MessageSignature { index, sender, found });
            }
        }
        let parent = block.header.prev_hash;
        let waiting = self.download.waiting_below(cx.chain, &parent);
        failures.extend(validation::check_repeats(&ids, |_, id| {
            waiting.contains(id) || self.recent.is_below(cx.chain, id, &parent)
        }));
        failures
    }
}
