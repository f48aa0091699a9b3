//! Blocks: finds and follows headers, downloads, verifies and connects bodies, and moves the tip.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;

use super::relay::places;
use super::{AT_HEEL_MAX, ConnectionId, FULL, LIGHT_BODIES, Node, Role};
use crate::ledger::chain::{ChainEntry, Inserted, TipUpdate};
use crate::ledger::signature_batch::{BatchResult, KnownIn, SignatureBatch, SignatureCheck};
use crate::ledger::validation::{self, FAILURES_MAX, MESSAGE_AGE_MS, MESSAGE_AHEAD_MS, RuleError};
use crate::node::event::Event;
use crate::node::storage::{CHECKPOINT_BLOCKS, Change, PeerRequest, StoreQuery, StoreReply};
use crate::peers::peer::Peer;
use crate::primitives::block::{Block, Header};
use crate::primitives::hash::Hash;
use crate::primitives::message::MessageId;
use crate::primitives::pow::Work;
use crate::primitives::time::Now;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::{Packet, body_frame};
use crate::sync::block_download::{DownloadPeer, DownloadedBody, ValidatedBody};
use crate::sync::headers::{HeadersAction, HeadersProgress, PATIENCE};
use crate::sync::message_relay::AssumedRange;

impl Node {
    /// Requests headers from the nearest peer that claims more work than we have.
    pub(super) fn seek_headers(&mut self, now: Now) {
        let most = self.chain.best_header().total_work;
        if !self.blocks.headers.is_redownloading() && self.blocks.most_claimed <= most {
            return;
        }
        let candidates = self.candidates();
        if let Some(step) = self.blocks.headers.next(now, &self.chain, &candidates, self.is_full()) {
            self.take_step(step);
        }
    }

    fn take_step(&mut self, step: HeadersAction) {
        match step {
            HeadersAction::Ask(peer, locator) => {
                self.outbox.send(peer, &Packet::GetHeaders(BoundedVec::new(locator)));
            }
            HeadersAction::LoadMmr(hash) => self.outbox.recall(StoreQuery::LoadMmr(hash)),
            HeadersAction::Prove(peer) => self.outbox.send(peer, &Packet::GetProof(())),
        }
    }

    pub(super) fn received_headers(
        &mut self,
        now: Now,
        peer: ConnectionId,
        headers: Vec<Header>,
    ) -> Result<(), Misbehavior> {
        let weighs = self.is_full();
        let progress = self.blocks.headers.received_headers(now, peer, headers, &mut self.chain, weighs)?;
        self.progressed(now, peer, progress);
        Ok(())
    }

    pub(super) fn progressed(&mut self, now: Now, peer: ConnectionId, progress: HeadersProgress) {
        if let Some((work, height)) = progress.shown {
            self.shown(peer, work, height);
        }
        if let Some(header) = progress.early {
            self.blocks.keep_early(now, header);
        }
        if let Some(step) = progress.step {
            self.take_step(step);
        }
        if progress.leads {
            self.leader_moved(now);
        }
    }

    pub(super) fn leader_moved(&mut self, now: Now) {
        self.assume_deep(now);
        self.blocks.download.prune(&self.chain);
        self.tell_progress();
    }

    fn tell_progress(&mut self) {
        let height = self.chain.tip().header.height;
        let target =
            self.chain.best_header().header.height.max(self.blocks.headers.target_height()).max(height);
        self.outbox.tell(Event::Synchronizing { height, target });
    }

    /// Lets a light node assume deep blocks valid by their headers.
    fn assume_deep(&mut self, now: Now) {
        if self.is_full() {
            return;
        }
        let (mut changes, mut moved) = (Vec::new(), None);
        let old = self.chain.tip();
        while self.chain.missing_blocks().len() > LIGHT_BODIES {
            let Some((hash, outcome)) = self.chain.assume_valid() else { break };
            self.remember_header(&hash, &mut changes);
            moved = self.note_move(&hash, &outcome, &mut changes).then_some(hash).or(moved);
            if let TipUpdate::Reorged { fork, undone, done } = outcome {
                self.reorganized(now, &old, fork, undone, &done);
            }
        }
        self.outbox.persist(changes);
        if let Some(place) = moved.and_then(|hash| self.chain.find(&hash)) {
            self.messages.assumed = AssumedRange { block: place.header.time, assumed_at: Some(now.time) };
            self.messages.pool.reverify_before(place.header.time.plus_ms(MESSAGE_AHEAD_MS));
            let (height, hash, total_work) = (place.header.height, place.hash, place.total_work);
            self.outbox.tell(Event::Assumed { height, hash, total_work });
        }
    }

    /// Inserts headers from the future that have become acceptable.
    pub(super) fn tick_early(&mut self, now: Now) {
        while let Some(header) = self.blocks.take_early(now) {
            let hash = header.hash();
            if let Ok(Inserted::New { leads: true }) = self.chain.insert(header, now.time) {
                self.announce_header(now, &header, &hash, None);
                self.leader_moved(now);
            }
        }
        self.blocks.update_early_deadline(now);
    }

    /// Handles a new header from a peer that mined it or received it. The header is passed on
    /// before its body arrives.
    pub(super) fn received_announce(
        &mut self,
        now: Now,
        peer: ConnectionId,
        header: Header,
    ) -> Result<(), Misbehavior> {
        let hash = header.hash();
        self.peer_leads(peer, &hash, header.height);
        if self.blocks.relay.announced(peer, &hash) {
            return Ok(());
        }
        self.schedule.dirty = true;
        self.approach_all();
        let leads = match self.chain.insert(header, now.time) {
            Ok(Inserted::New { leads }) => {
                if FULL && !leads {
                    self.outbox.tell(Event::Stale { hash, height: header.height });
                }
                leads
            }
            Ok(Inserted::Known | Inserted::TooFarAhead) => false,
            Ok(Inserted::TimeTooNew { .. }) => {
                self.blocks.relay.begin(now.moment, hash, Some(peer), self.connections.len());
                self.blocks.keep_early(now, header);
                false
            }
            Ok(Inserted::Orphan) => {
                if let Some(error) = validation::check_own_work(self.chain.network(), &header, &hash) {
                    return Err(Misbehavior::InvalidHeader { hash, error: Box::new(error) });
                }
                if FULL {
                    self.outbox.tell(Event::Orphan { peer, hash });
                }
                self.heard_of_more(peer, &header);
                false
            }
            Err(failures) => {
                let Some(error) = failures.first().cloned() else { return Ok(()) };
                let height = header.height;
                self.outbox.tell(Event::Refused { peer: Some(peer), hash, height, failures });
                // Headers travel before bodies: the sender may not know yet that an ancestor is
                // invalid.
                let is_honest = matches!(error, RuleError::Ancestor { .. })
                    && validation::check_own_work(self.chain.network(), &header, &hash).is_none();
                if is_honest {
                    return Ok(());
                }
                return Err(Misbehavior::InvalidHeader { hash, error: Box::new(error) });
            }
        };
        if leads {
            self.announce_header(now, &header, &hash, Some(peer));
            self.leader_moved(now);
        } else if self.is_equal_to_leader(&hash) {
            self.announce_header(now, &header, &hash, Some(peer));
        }
        Ok(())
    }

    /// Returns true if a block has as much work as the best header, whose body is missing. Either
    /// body may come first, and other nodes wait for it too.
    fn is_equal_to_leader(&self, hash: &Hash) -> bool {
        let leader = self.chain.best_header();
        self.chain.find(hash).is_some_and(|place| place.total_work == leader.total_work)
            && !self.chain.is_verified(&leader.hash)
    }

    /// Handles a header whose parent is unknown: its sender has a branch that we lack. Its work
    /// becomes known later.
    fn heard_of_more(&mut self, peer: ConnectionId, header: &Header) {
        let claim = self.chain.best_header().total_work.plus(header.work());
        self.shown(peer, claim, header.height);
    }

    /// Notes that a peer showed, or probably has, a branch of this work.
    fn shown(&mut self, peer: ConnectionId, work: Work, height: u64) {
        if let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) {
            greeted.shows(work, height);
            self.blocks.most_claimed = self.blocks.most_claimed.max(work);
        }
    }

    /// Announces our tip to a new peer, which may have missed it during the handshake.
    pub(super) fn greet_with_leader(&mut self, peer: ConnectionId) {
        let tip = self.chain.tip();
        if tip.header.height > 0 {
            self.outbox.send(peer, &Packet::Announce(tip.header));
            self.outbox.send(peer, &Packet::Held(tip.hash));
        }
    }

    /// Notes that the peer has verified a block's body.
    pub(super) fn received_held(&mut self, peer: ConnectionId, hash: Hash) {
        self.blocks.download.holds(peer, &hash);
        self.blocks.relay.holds(peer, &hash);
        let (place, most) = (self.chain.find(&hash), self.chain.best_header().total_work);
        self.peer_holds(peer, &hash, place.as_ref());
        let Some(greeted) = self.connections.get(&peer).and_then(Peer::greeted) else { return };
        match place {
            Some(place) => self.shown(peer, place.total_work, place.header.height),
            // The peer has a branch that we do not know. Its work becomes known later.
            None if !self.chain.is_invalid(&hash) => {
                let (claim, height) = (greeted.claim.max(most).plus(Work::from_hashes(1)), greeted.height);
                self.shown(peer, claim, height);
            }
            None => {}
        }
    }

    pub(super) fn received_get_bodies(&mut self, peer: ConnectionId, hashes: Vec<Hash>) {
        if let Some(last) = hashes.last() {
            self.peer_holds(peer, last, self.chain.find(last).as_ref());
        }
        let mut stored = Vec::new();
        for hash in hashes {
            match (self.blocks.recent.block(&hash), self.config.role) {
                (Some(block), _) if stored.is_empty() => {
                    let frame = body_frame(block);
                    self.outbox.send_frame(peer, frame);
                }
                (None, Role::Light) => {
                    self.blocks.relay.asked(peer, &hash);
                    self.outbox.send(peer, &Packet::Missing(hash));
                }
                (_, Role::Full) | (Some(_), Role::Light) => {
                    if self.chain.find(&hash).is_some() && !self.chain.is_verified(&hash) {
                        self.blocks.relay.asked(peer, &hash);
                    }
                    stored.push(hash);
                }
            }
        }
        if !stored.is_empty() {
            self.outbox.serve(peer, PeerRequest::Bodies(stored));
        }
    }

    /// Requests the missing bodies of the path, once all its headers have arrived.
    pub(super) fn seek_bodies(&mut self, now: Now) {
        self.blocks.is_catching_up = false;
        // The best branch may have bodies that were pushed before it became the best.
        if self.chain.missing_blocks().next().is_some_and(|lowest| self.blocks.download.is_ready(lowest)) {
            self.connect_ready(now);
        }
        let Some(lowest) =
            self.chain.missing_blocks().next().copied().filter(|_| !self.blocks.headers.blocks_bodies())
        else {
            self.blocks.last_progress = now.moment;
            return;
        };
        let (is_patient, is_hopeful) = (
            now.moment < self.blocks.last_progress + PATIENCE,
            now.moment < self.blocks.last_progress + 3 * PATIENCE,
        );
        let is_at_heel = self.chain.missing_blocks().len() <= AT_HEEL_MAX;
        // The usual case: the few newest blocks are being verified already.
        let is_under_way = is_at_heel && is_hopeful && self.blocks.download.is_in_flight(&self.chain);
        if is_under_way || self.is_push_due(now, &lowest) {
            return;
        }
        let mut greeted: Vec<_> =
            self.connections.iter().filter_map(|(&id, peer)| Some((id, peer.greeted()?))).collect();
        greeted.sort_unstable_by_key(|(id, greeted)| (greeted.ping.latency().unwrap_or(Duration::MAX), *id));
        let sources: Vec<_> = greeted
            .iter()
            .map(|(peer, greeted)| {
                let claim = if greeted.is_full() { greeted.claim } else { Work::ZERO };
                DownloadPeer { peer: *peer, claim }
            })
            .collect();
        let orders = self.blocks.download.next(now, &self.chain, &self.blocks.relay, &sources);
        let may_come = self.blocks.download.is_available(now, &self.chain, &self.blocks.relay, &sources);
        self.blocks.is_catching_up = may_come && is_patient && !is_at_heel;
        // The announcement may have overtaken the body, so keep waiting, but only up to the
        // deadline.
        let given_up = (!is_hopeful || !may_come && !is_patient).then_some(lowest);
        let withheld = self.blocks.download.is_unavailable(&self.chain, &sources).or(given_up);
        for (peer, hashes) in orders {
            self.outbox.send(peer, &Packet::GetBodies(BoundedVec::new(hashes)));
        }
        if let Some(hash) = withheld {
            self.chain.remove_unavailable(&hash);
            self.blocks.headers.redownload_failed(&mut self.chain);
            (self.blocks.last_progress, self.blocks.is_catching_up) = (now.moment, false);
            self.connect_ready(now);
        }
    }

    /// Returns true if a new block's body is on its way to us without a request.
    fn is_push_due(&self, now: Now, lowest: &Hash) -> bool {
        let Some(place) = self.chain.find(lowest) else { return false };
        let is_expected = self.blocks.relay.expected_until(lowest).is_some_and(|until| now.moment < until)
            && self.chain.missing_blocks().len() <= AT_HEEL_MAX;
        let can_be_had = self.blocks.most_claimed >= place.total_work || self.blocks.relay.is_held(lowest);
        // The peer that pushed it has the whole body, and only some messages are missing.
        is_expected && (self.blocks.relay.is_partial(lowest) || !can_be_had)
    }

    pub(super) fn received_body(
        &mut self,
        now: Now,
        peer: ConnectionId,
        block: Block,
        frame: &Bytes,
    ) -> Result<(), Misbehavior> {
        let hash = block.header.hash();
        if !self.blocks.download.received(now, peer, &hash)? || self.chain.is_verified(&hash) {
            return Ok(());
        }
        let encoded = frame.slice(frame.len() - block.size()..);
        self.take_block(peer, block, encoded)
    }

    /// Returns true if a body is not the one that its header commits to.
    pub(super) fn is_another(&self, block: &Block) -> bool {
        let Some(history) = self.chain.history(&block.header.prev_hash) else { return false };
        let failures = validation::check_contents(self.chain.network(), &history.root(), block);
        failures.iter().any(|error| matches!(error, RuleError::Content { .. }))
    }

    /// Checks the parts of a requested body that need no signatures, and starts the verification of
    /// its signatures.
    pub(super) fn take_block(
        &mut self,
        peer: ConnectionId,
        block: Block,
        encoded: Bytes,
    ) -> Result<(), Misbehavior> {
        let hash = block.header.hash();
        let Some(history) = self.chain.history(&block.header.prev_hash) else { return Ok(()) };
        if self.chain.find(&hash).is_none() {
            return Ok(());
        }
        let history_root = history.root();
        let mut failures = validation::check_contents(self.chain.network(), &history_root, &block);
        if let Some(error) = failures.first().cloned() {
            // A body that does not match its header says nothing about the block: another peer may
            // have the right one.
            let is_another = matches!(error, RuleError::Content { .. });
            if !is_another {
                failures.extend(self.judge(&block, &history_root));
                failures.truncate(FAILURES_MAX);
            }
            self.refuse_block(&hash, block.header.height, Some(peer), failures, !is_another);
            return Err(Misbehavior::InvalidBlock { hash, error: Box::new(error) });
        }
        let network = *self.chain.network().id();
        let ids: Arc<[MessageId]> = block.messages.iter().map(|message| message.id(&network)).collect();
        let lacked = places(ids.iter().map(|id| !self.messages.pool.contains(id)));
        let digest = block.digest(&network, &history_root, &block.messages_root());
        let (block, reorg_count) = (Arc::new(block), self.blocks.reorg_count);
        let body = DownloadedBody { block, hash, encoded, ids, lacked, peer: Some(peer), reorg_count };
        let mut checks =
            vec![SignatureCheck { digest, key: body.block.author, signature: body.block.signature }];
        // A message that was verified on its way into the mempool is not verified again, if all its
        // bytes are the same.
        let new = body.block.messages.iter().zip(body.ids.iter()).filter(|(message, id)| {
            self.messages
                .pool
                .find(id)
                .is_none_or(|pooled| pooled.message().signature() != message.signature())
        });
        checks.extend(new.map(|(message, id)| SignatureCheck {
            digest: *id,
            key: *message.sender(),
            signature: *message.signature(),
        }));
        self.check_body(body, checks);
        Ok(())
    }

    fn check_body(&mut self, body: DownloadedBody, checks: Vec<SignatureCheck>) {
        let id = self.outbox.next_batch_id();
        let ids = body.ids.to_vec();
        self.blocks.download.check(id, body);
        self.outbox.verify(SignatureBatch { id, checks, ids });
    }

    /// Reports an invalid block. If it can never become valid, drops it and all its descendants.
    fn refuse_block(
        &mut self,
        hash: &Hash,
        height: u64,
        peer: Option<ConnectionId>,
        failures: Vec<RuleError>,
        forever: bool,
    ) {
        self.outbox.tell(Event::Refused { peer, hash: *hash, height, failures });
        if forever {
            self.chain.remove_invalid(hash);
            self.blocks.headers.redownload_failed(&mut self.chain);
            self.blocks.download.prune(&self.chain);
        }
    }

    pub(super) fn verified(&mut self, now: Now, verdict: BatchResult) {
        if self.vouched(now, &verdict) {
            return;
        }
        if let Some(arriving) = self.messages.pending.end(verdict.id) {
            return self.arrived(now, arriving, &verdict);
        }
        let Some(body) = self.blocks.download.checked(verdict.id) else { return };
        if !verdict.broken.is_empty() {
            let (hash, height, peer) = (body.hash, body.block.header.height, body.peer);
            let history = self.chain.history(&body.block.header.prev_hash);
            let failures =
                history.map(|history| self.judge(&body.block, &history.root())).unwrap_or_default();
            let error = failures.first().cloned();
            self.refuse_block(&hash, height, peer, failures, true);
            if let (Some(peer), Some(error)) = (peer, error) {
                self.fault(now, peer, Misbehavior::InvalidBlock { hash, error: Box::new(error) });
            }
            return;
        }
        self.blocks.download.keep(body, verdict.seen);
        self.connect_ready(now);
    }

    /// Returns every invalid signature and every repeated id of an invalid block, as a report for
    /// people.
    fn judge(&self, block: &Block, history_root: &Hash) -> Vec<RuleError> {
        let mut failures = Vec::new();
        let network = self.chain.network().id();
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
        let waiting = self.blocks.download.waiting_below(&self.chain, &parent);
        failures.extend(validation::check_repeats(&ids, |_, id| {
            waiting.contains(id) || self.is_near_below(id, &parent)
        }));
        failures
    }

    /// Returns true if a message is in one of the newest blocks of a branch.
    fn is_near_below(&self, id: &MessageId, branch: &Hash) -> bool {
        self.blocks.recent.blocks_with(id).any(|block| self.chain.is_ancestor(block, branch))
    }

    /// Connects all blocks at the start of the path whose bodies are verified. Their changes become
    /// one output.
    fn connect_ready(&mut self, now: Now) {
        let mut changes = Vec::new();
        while let Some(ready) = self.take_lowest() {
            if !self.connect_one(now, ready, &mut changes) {
                break;
            }
        }
        // The node does not wait for the best header's body if the body of a block with equal work
        // is there.
        let tip = self.chain.tip().hash;
        if self.chain.missing_blocks().len() <= AT_HEEL_MAX
            && let Some(ready) = self.blocks.download.take_ready_on(&tip)
        {
            self.connect_one(now, ready, &mut changes);
        }
        self.outbox.persist(changes);
    }

    fn take_lowest(&mut self) -> Option<ValidatedBody> {
        let lowest = *self.chain.missing_blocks().next()?;
        self.blocks.download.take_ready(&lowest)
    }

    /// Connects a block whose signatures are valid. Returns false if it could not be connected.
    fn connect_one(&mut self, now: Now, ready: ValidatedBody, changes: &mut Vec<Change>) -> bool {
        if ready.body.reorg_count != self.blocks.reorg_count {
            // The best chain changed since the store was asked about these ids.
            let body = DownloadedBody { reorg_count: self.blocks.reorg_count, ..ready.body };
            self.check_body(body, Vec::new());
            return false;
        }
        let repeats = self.find_repeats(&ready);
        if let Some(error) = repeats.first().cloned() {
            let (hash, height, peer) = (ready.body.hash, ready.body.block.header.height, ready.body.peer);
            self.outbox.persist(core::mem::take(changes));
            self.refuse_block(&hash, height, peer, repeats, true);
            if let Some(peer) = peer {
                self.fault(now, peer, Misbehavior::InvalidBlock { hash, error: Box::new(error) });
            }
            return false;
        }
        self.connect(now, &ready.body, changes);
        true
    }

    pub(super) fn connect_own(&mut self, now: Now, body: DownloadedBody) {
        let mut changes = Vec::new();
        self.connect(now, &body, &mut changes);
        self.outbox.persist(changes);
    }

    /// Returns violations of the second half of rule 5: ids that repeat within the block or occur
    /// in a block below it.
    fn find_repeats(&self, ready: &ValidatedBody) -> Vec<RuleError> {
        let (parent, fork) =
            (ready.body.block.header.prev_hash, self.chain.fork_below(&ready.body.block.header.prev_hash));
        let is_below = |seen: &KnownIn| {
            if self.chain.find(&seen.block).is_some() {
                self.chain.is_ancestor(&seen.block, &parent)
            } else {
                seen.best && seen.height <= fork
            }
        };
        let mut seen = ready.seen.iter().peekable();
        validation::check_repeats(&ready.body.ids, |index, id| {
            let mut found = false;
            while let Some(next) = seen.next_if(|seen| seen.index <= index) {
                found |= next.index == index && is_below(next);
            }
            found || self.is_near_below(id, &parent)
        })
    }

    /// Connects a valid block to its branch, which may become the best chain.
    fn connect(&mut self, now: Now, body: &DownloadedBody, changes: &mut Vec<Change>) {
        let old = self.chain.tip();
        let outcome = self.chain.mark_validated(&body.hash);
        self.blocks.last_progress = now.moment;
        self.remember_header(&body.hash, changes);
        let (hash, height) = (body.hash, body.block.header.height);
        if self.is_full() {
            changes.push(Change::Body { hash, height, block: body.encoded.clone(), ids: body.ids.clone() });
        }
        self.note_move(&hash, &outcome, changes);
        self.blocks.recent.put(hash, body.encoded.clone(), &body.ids);
        match outcome {
            TipUpdate::Side => {}
            TipUpdate::Extended => self.joined(now, body, changes),
            TipUpdate::Reorged { fork, undone, done } => {
                let earlier: Vec<_> = done.into_iter().filter(|hash| *hash != body.hash).collect();
                self.reorganized(now, &old, fork, undone, &earlier);
                self.joined(now, body, changes);
            }
        }
        self.credit(now, body);
        if !self.blocks.is_behind() {
            self.push_body(now, body);
        }
    }

    /// Removes the messages of a block that joined the best chain from the mempool.
    fn joined(&mut self, now: Now, body: &DownloadedBody, changes: &mut Vec<Change>) {
        let removed = body.ids.iter().filter(|id| self.messages.pool.remove(id).is_some());
        changes.extend(removed.map(|id| Change::Unpooled { id: *id }));
        self.miner.pool_changed(now.moment);
        let total_work = self.chain.find(&body.hash).map(|place| place.total_work).unwrap_or_default();
        let mined_here = body.peer.is_none();
        let (hash, block) = (body.hash, body.block.clone());
        self.outbox.tell_later(Event::Connected { hash, block, total_work, mined_here });
    }

    /// Handles a move of the tip from `old` to another branch, and tells of it once that is durable.
    fn reorganized(&mut self, now: Now, old: &ChainEntry, fork: u64, undone: Vec<Hash>, joined: &[Hash]) {
        self.blocks.reorg_count += 1;
        self.rearrange(now, &undone, joined);
        let (height, total_work) = (old.header.height, old.total_work);
        self.outbox.tell_later(Event::Undone { fork, is_exact: true, hashes: undone, height, total_work });
    }

    /// Updates the mempool after a reorganisation. Undone blocks return their messages if they are
    /// young enough to be mined again. Blocks that joined below the last one remove theirs. The
    /// newest blocks are in memory, and the others are requested from the store.
    fn rearrange(&mut self, now: Now, undone: &[Hash], joined: &[Hash]) {
        let oldest = now.time.minus_ms(2 * MESSAGE_AGE_MS);
        let young = |hash: &&Hash| self.chain.find(hash).is_some_and(|place| place.header.time >= oldest);
        let hashes: Vec<_> = undone.iter().filter(young).chain(joined).copied().collect();
        let (near, far): (Vec<_>, Vec<_>) =
            hashes.into_iter().partition(|hash| self.blocks.recent.block(hash).is_some());
        for hash in near {
            if let Some(bytes) = self.blocks.recent.block(&hash).cloned() {
                self.recalled_body(&bytes);
            }
        }
        for hashes in far.chunks(RECALL_MAX) {
            self.outbox.recall_later(StoreQuery::Bodies(hashes.to_vec()));
        }
    }

    pub(super) fn recalled(&mut self, now: Now, recalled: StoreReply) {
        match recalled {
            StoreReply::Base(hash, base) => {
                match self.blocks.headers.recalled(now, hash, base, &mut self.chain) {
                    None => {}
                    Some((peer, Ok(progress))) => self.progressed(now, peer, progress),
                    Some((peer, Err(fault))) => self.fault(now, peer, fault),
                }
            }
            StoreReply::Bodies(bodies) => {
                for bytes in bodies {
                    self.recalled_body(&bytes);
                }
                self.outbox.persist(Vec::new());
            }
        }
    }

    /// Handles a block after a reorganisation: an undone block returns its messages to the mempool,
    /// and a joined one removes its own.
    fn recalled_body(&mut self, bytes: &Bytes) {
        let Ok(block) = Block::decode(bytes) else { return };
        let network = *self.chain.network().id();
        let hash = block.header.hash();
        let messages: Vec<_> =
            block.messages.iter().map(|message| (message.clone(), message.id(&network))).collect();
        if self.chain.best_at(block.header.height) != Some(&hash) {
            let room = self.messages.pending.room();
            return self.look_up_later(messages.into_iter().take(room).collect());
        }
        for (_, id) in &messages {
            self.messages.pool.remove(id);
        }
        let total_work = self.chain.find(&hash).map(|place| place.total_work).unwrap_or_default();
        let block = Arc::new(block);
        self.outbox.tell_later(Event::Connected { hash, block, total_work, mined_here: false });
    }

    pub(super) fn remember_header(&self, hash: &Hash, changes: &mut Vec<Change>) {
        let Some(ChainEntry { header, total_work, .. }) = self.chain.find(hash) else { return };
        changes.push(Change::Header { hash: *hash, header, total_work });
        if header.height % CHECKPOINT_BLOCKS == 0
            && let Some(history) = self.chain.history(hash)
        {
            changes.push(Change::Checkpoint { height: header.height, hash: *hash, history: history.clone() });
        }
    }

    /// Records where the tip moved to. Returns false if it did not move.
    fn note_move(&self, hash: &Hash, outcome: &TipUpdate, changes: &mut Vec<Change>) -> bool {
        let Some(height) = self.chain.find(hash).map(|place| place.header.height) else { return false };
        let fork = match outcome {
            TipUpdate::Side => return false,
            TipUpdate::Extended => height.saturating_sub(1),
            TipUpdate::Reorged { fork, .. } => *fork,
        };
        changes.push(Change::Tip { hash: *hash, height, fork });
        true
    }
}

/// The most bodies that one query asks of the driver.
const RECALL_MAX: usize = 64;
