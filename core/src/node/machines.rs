//! The machines of a node, and the results that pass between them: each input goes to the machine
//! that it concerns, and its findings go on to the others.
//!
//! **Architecture Invariant:** machines do not know each other. A verb reads at most a part of
//! another machine, which it gets as an argument.

use crate::ledger::chain::{ChainEntry, TipUpdate};
use crate::ledger::signature_batch::BatchResult;
use crate::mining::job::Solution;
use crate::node::block_sync::BlockSync;
use crate::node::block_sync::connect::ConnectedBlock;
use crate::node::block_sync::relay::credit;
use crate::node::config::Neighbours;
use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::input::Input;
use crate::node::message_relay::{MessageOrigin, MessageRelay};
use crate::node::miner::Miner;
use crate::node::peer_manager::PeerManager;
use crate::node::schedule::Wake;
use crate::node::storage::{Change, StoreReply};
use crate::node::submit_error::SubmitError;
use crate::primitives::hash::Hash;
use crate::primitives::message::{Message, MessageId};
use crate::primitives::time::MonotonicTime;
use crate::protocol::connection::ConnectionId;
use crate::protocol::misbehavior::Misbehavior;
use crate::sync::block_download::ValidatedBody;
use crate::sync::headers::PATIENCE;
use crate::sync::pending_messages::MessageBatch;

/// The machines. Each owns the state that it tends.
#[derive(Debug)]
pub(crate) struct Machines {
    pub(crate) blocks: BlockSync,
    pub(crate) messages: MessageRelay,
    pub(crate) peers: PeerManager,
    pub(crate) miner: Miner,
}

impl Machines {
    /// Handles an input.
    pub(crate) fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        match input {
            Input::Connected(peer, direction) => {
                self.peers.connected(cx, peer, direction);
                self.pass_on_closed(cx);
            }
            Input::DialFailed(address) => self.peers.dial_failed(cx, &address),
            Input::Received(peer, frame) => self.received(cx, peer, &frame),
            Input::Closed(peer) => {
                self.peers.remote_closed(cx, peer);
                self.pass_on_closed(cx);
            }
            Input::Solved(solution) => self.solved(cx, solution),
            Input::Verified(result) => self.verified(cx, result),
            Input::Recalled(StoreReply::Base(hash, base)) => match self.blocks.loaded_mmr(cx, hash, base) {
                Ok(has_moved) => self.follow_if(cx, has_moved),
                Err((peer, misbehavior)) => self.misbehaving(cx, peer, misbehavior),
            },
            Input::Recalled(StoreReply::Bodies(bodies)) => self.messages.loaded_bodies(cx, &bodies),
            Input::DiskFull(is_full) => self.blocks.set_disk_full(cx.now.moment, is_full),
            Input::Ticked => {}
        }
    }

    /// Takes all steps that follow from the current state, independent of the input that changed
    /// it.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) {
        for address in self.peers.reconnector.tick(cx.now.moment) {
            cx.outbox.dial(address);
        }
        self.tick_peers(cx);
        self.peers.maintain_peers(cx);
        self.pass_on_closed(cx);
        while let Some(has_moved) = self.blocks.insert_early(cx) {
            self.follow_if(cx, has_moved);
        }
        self.blocks.tick_relay(cx);
        if !self.blocks.is_syncing() {
            self.peers.watch_chains(cx);
        }
        cx.schedule.last_advance = cx.now.moment;
        self.blocks.request_headers(cx);
        self.request_bodies(cx);
        if !self.blocks.is_syncing() {
            self.messages.process_deferred_invs(cx, &self.blocks.recent);
        }
        self.update_job(cx);
        cx.schedule.dirty = false;
        cx.schedule.wake = self.next_wake(cx);
    }

    fn next_wake(&self, cx: &Context<'_>) -> Option<(MonotonicTime, Wake)> {
        let Self { blocks, peers, miner, .. } = self;
        let pings = (!cx.connections.is_empty()).then_some((cx.schedule.peers_wake, Wake::Ping));
        let early = blocks.early_deadline().map(|at| (at, Wake::Early));
        let bodies = (cx.chain.missing_blocks().len() > 0).then_some(blocks.last_progress + PATIENCE);
        let pushed = cx.chain.missing_blocks().next().and_then(|lowest| blocks.relay.expected_until(lowest));
        let is_later = |at: &MonotonicTime| *at > cx.schedule.last_advance;
        [
            pings,
            early,
            peers.reconnector.deadline().map(|at| (at, Wake::Dial)),
            (cx.config.neighbours == Neighbours::Chosen).then(|| (peers.rounds.next(), Wake::Neighbours)),
            blocks.relay.deadline().map(|at| (at, Wake::Push)),
            blocks.headers.deadline().map(|at| (at, Wake::Request)),
            blocks.download.deadline().map(|at| (at, Wake::Request)),
            miner.deadline().map(|at| (at, Wake::Job)),
            bodies.filter(is_later).map(|at| (at, Wake::Request)),
            pushed.filter(is_later).map(|at| (at, Wake::Request)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// Adds a message of our own to the mempool.
    ///
    /// # Errors
    /// The reason why the message is not accepted.
    pub(crate) fn submit(
        &mut self,
        cx: &mut Context<'_>,
        message: Message,
        had_place: bool,
    ) -> Result<MessageId, SubmitError> {
        self.messages.submit(cx, message, had_place, &self.blocks.recent)
    }

    /// Closes the connection of a peer that misbehaved.
    pub(crate) fn misbehaving(&mut self, cx: &mut Context<'_>, peer: ConnectionId, misbehavior: Misbehavior) {
        self.peers.misbehaving(cx, peer, misbehavior);
        self.pass_on_closed(cx);
    }

    /// Tells the other machines of the connections that the peer manager closed.
    #[inline]
    pub(crate) fn pass_on_closed(&mut self, cx: &mut Context<'_>) {
        while let Some(peer) = self.peers.take_closed() {
            self.blocks.closed(cx, peer);
        }
    }

    /// Tells the other machines of a peer that has completed the handshake.
    pub(crate) fn established(&mut self, cx: &mut Context<'_>, peer: ConnectionId) {
        self.messages.announce_to(cx, peer);
        self.blocks.established(cx, peer);
    }

    /// Closes peers that did not answer in time, and sends the pings that are due.
    fn tick_peers(&mut self, cx: &mut Context<'_>) {
        let mut offences = self.peers.tick_pings(cx);
        offences.extend(self.blocks.tick_requests(cx));
        for (peer, misbehavior) in offences {
            self.misbehaving(cx, peer, misbehavior);
        }
    }

    /// Follows the best header, if it moved. A light node first assumes deep blocks valid.
    pub(crate) fn follow_if(&mut self, cx: &mut Context<'_>, has_moved: bool) {
        if has_moved {
            if !cx.is_full() {
                self.assume_deep(cx);
            }
            self.blocks.follow_best_header(cx);
        }
    }

    /// Lets a light node assume deep blocks valid by their headers.
    fn assume_deep(&mut self, cx: &mut Context<'_>) {
        let mut changes = Vec::new();
        let old = cx.chain.tip();
        while let Some(update) = self.blocks.assume_next(cx, &mut changes) {
            if let TipUpdate::Reorged { fork, undone, done } = update {
                self.reorganized(cx, &old, (fork, undone), &done, &mut changes);
            }
        }
        cx.outbox.persist(changes);
        let ChainEntry { hash, header, total_work } = cx.chain.tip();
        if hash != old.hash {
            self.messages.assume(cx, header.time);
            cx.outbox.emit(Event::Assumed { height: header.height, hash, total_work });
        }
    }

    /// Requests the missing bodies, and connects the blocks whose bodies are there.
    fn request_bodies(&mut self, cx: &mut Context<'_>) {
        self.blocks.is_catching_up = false;
        // The best branch may have bodies that were pushed before it became the best.
        if self.blocks.is_next_ready(cx) {
            self.connect_ready(cx);
        }
        let gave_up = self.blocks.request_bodies(cx);
        if gave_up {
            self.connect_ready(cx);
        }
    }

    /// Connects all blocks at the start of the path whose bodies are verified. Their changes become
    /// one output.
    fn connect_ready(&mut self, cx: &mut Context<'_>) {
        let mut changes = Vec::new();
        while let Some(ready) = self.blocks.take_next(cx) {
            if !self.connect(cx, ready, &mut changes) {
                break;
            }
        }
        if let Some(ready) = self.blocks.take_rival(cx) {
            self.connect(cx, ready, &mut changes);
        }
        cx.outbox.persist(changes);
    }

    /// Connects a block whose signatures are valid. Returns false if it could not be connected.
    fn connect(&mut self, cx: &mut Context<'_>, ready: ValidatedBody, changes: &mut Vec<Change>) -> bool {
        match self.blocks.check_repeats(cx, ready, changes) {
            Ok(body) => {
                let block = self.blocks.connect(cx, body, changes);
                self.connected(cx, block, changes);
                true
            }
            Err(Some((peer, misbehavior))) => {
                self.misbehaving(cx, peer, misbehavior);
                false
            }
            Err(None) => false,
        }
    }

    /// Tells all machines of a block that was connected to its branch, and passes it on.
    fn connected(&mut self, cx: &mut Context<'_>, block: ConnectedBlock, changes: &mut Vec<Change>) {
        let ConnectedBlock { body, update, old } = block;
        let has_joined = match update {
            TipUpdate::Side => false,
            TipUpdate::Extended => true,
            TipUpdate::Reorged { fork, undone, mut done } => {
                // The newest block is handled like one that extends the chain, unless another branch has won.
                let joined = done.len();
                done.retain(|joined| *joined != body.hash);
                self.reorganized(cx, &old, (fork, undone), &done, changes);
                done.len() < joined
            }
        };
        if has_joined {
            self.messages.block_joined(cx, &body, changes);
            self.miner.pool_changed(cx.now.moment);
        }
        if let Some((first, since)) = self.blocks.relay.first(&body.hash) {
            credit(cx, &body, first, since);
            self.peers.slots.delivered(first);
        }
        if !self.blocks.is_behind() {
            self.blocks.push_body(cx, &body, &self.peers.forecast);
        }
    }

    /// Handles a move of the tip from `old` to another branch, and reports it once it is durable.
    fn reorganized(
        &mut self,
        cx: &mut Context<'_>,
        old: &ChainEntry,
        (fork, undone): (u64, Vec<Hash>),
        joined: &[Hash],
        changes: &mut Vec<Change>,
    ) {
        self.messages.reorganized(cx, &undone, joined, &self.blocks.recent, changes);
        let (height, total_work) = (old.header.height, old.total_work);
        cx.outbox.emit_after_commit(Event::Undone {
            fork,
            is_exact: true,
            hashes: undone,
            height,
            total_work,
        });
    }

    /// Handles the result of a batch of signatures.
    fn verified(&mut self, cx: &mut Context<'_>, result: BatchResult) {
        if self.peers.certificates_verified(cx, &result) {
            return self.pass_on_closed(cx);
        }
        if let Some(batch) = self.messages.end_batch(result.id) {
            return self.messages_verified(cx, batch, &result);
        }
        match self.blocks.body_verified(cx, result) {
            Ok(true) => self.connect_ready(cx),
            Ok(false) => {}
            Err((peer, misbehavior)) => self.misbehaving(cx, peer, misbehavior),
        }
    }

    /// Handles the result of a batch of messages: valid ones that are in no block are added to the
    /// mempool and announced.
    fn messages_verified(&mut self, cx: &mut Context<'_>, batch: MessageBatch, result: &BatchResult) {
        let mut announced = Vec::new();
        for (index, (message, id)) in batch.messages.into_iter().enumerate() {
            if result.broken.contains(&index) {
                if let Some(peer) = batch.peer {
                    self.misbehaving(cx, peer, Misbehavior::InvalidMessage { id });
                }
                continue;
            }
            let is_in_block = result.seen.iter().any(|seen| seen.index == index && seen.best);
            let origin = MessageOrigin { is_own: batch.peer.is_none(), is_in_block };
            if self.messages.verified(cx, message, id, origin, &self.blocks.recent) {
                announced.push(id);
            }
        }
        if !announced.is_empty() {
            self.miner.pool_changed(cx.now.moment);
            self.messages.announce(cx, &announced);
        }
    }

    /// Keeps the job on the tip.
    fn update_job(&mut self, cx: &mut Context<'_>) {
        let is_below_known = self.blocks.headers.is_below_known(cx.chain);
        let must_wait = self.blocks.is_behind() || self.blocks.is_disk_full() || is_below_known;
        if self.miner.is_update_due(cx, must_wait) {
            self.messages.expire(cx);
            self.miner.update_job(cx, &self.messages.pool);
        }
    }

    /// Handles a solved job. The block is ours, and all its contents were verified before.
    fn solved(&mut self, cx: &mut Context<'_>, solution: Solution) {
        let block = self.miner.solve(solution);
        let Some(body) = block.and_then(|block| self.blocks.insert_own(cx, block)) else { return };
        let mut changes = Vec::new();
        let block = self.blocks.connect(cx, body, &mut changes);
        self.connected(cx, block, &mut changes);
        cx.outbox.persist(changes);
    }
}
