//! The driver: the task that owns the node.
//!
//! It gives the node its inputs, queues its outputs, and executes them in their order. If the next
//! output persists changes, all such outputs in the queue become one transaction. Outputs behind it
//! wait until it is durable, while the node continues to take inputs. So a slow disk makes
//! transactions larger, and the node no slower. The queue is bounded. Over [`PENDING_MAX`] outputs
//! or [`CHANGES_BYTES_MAX`] bytes to persist, no input is taken until some outputs are executed.

mod administration;
pub mod event;
pub mod send_queue;
use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::time::{Duration, Instant};

use plexus_core::node::event::Event;
use plexus_core::node::storage::{Change, StoreQuery};
use plexus_core::node::{ConnectionId, Input, Node, Output};
use plexus_core::primitives::message::Message;
use plexus_core::primitives::time::MonotonicTime;
use plexus_core::protocol::misbehavior::Reason;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep_until;

use crate::clock::Clock;
use crate::dialer::Dialer;
use crate::driver::event::{DriverEvent, NodeSnapshot, Query};
use crate::driver::send_queue::{Outgoing, SendQueue};
use crate::handle::Handle;
use crate::miner::MinerThreads;
use crate::store::StoreError;
use crate::verifier::Verifier;

/// The most inputs that are taken before the node's outputs are executed.
pub const FACTS_AT_ONCE_MAX: usize = 256;
/// The most time in which inputs are taken before the node's outputs are executed. Some inputs are
/// thousands of headers.
pub const EVENTS_TIME_MAX: Duration = Duration::from_millis(5);
/// The least time between the beginnings of two transactions. A single transaction does not wait.
/// In a series, fewer and larger transactions cost less, and the node's requests are far enough
/// ahead.
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(20);
/// The outputs that may wait for a transaction before no more inputs are taken.
pub const PENDING_MAX: usize = 16_384;
/// The bytes that may wait to be persisted before no more events are taken.
pub const CHANGES_BYTES_MAX: usize = 16 << 20;
/// The bytes that count for a change without a body.
const CHANGE_BYTES: usize = 256;

/// An entry of the queue.
enum PendingOutput {
    Output(Output),
    /// The answer to a query.
    Reply(Box<dyn FnOnce() + Send>),
}

/// The task that owns the node.
pub(crate) struct Driver {
    node: Node,
    events: mpsc::Receiver<DriverEvent>,
    handle: Handle,
    clock: Clock,
    verifier: Verifier,
    miner: MinerThreads,
    dialer: Dialer,
    queues: BTreeMap<ConnectionId, SendQueue>,
    pending: VecDeque<PendingOutput>,
    /// The bytes of the changes in the queue and in the running transaction.
    unpersisted_bytes: usize,
    commit: Option<JoinHandle<Result<(), StoreError>>>,
    /// The earliest beginning of the next transaction.
    commit_after: MonotonicTime,
}

impl Driver {
    pub(crate) fn new(
        node: Node,
        events: mpsc::Receiver<DriverEvent>,
        handle: Handle,
        miner: MinerThreads,
        dialer: Dialer,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            node,
            events,
            clock: Clock::start(),
            verifier: Verifier::new()?,
            miner,
            dialer,
            handle,
            queues: BTreeMap::new(),
            pending: VecDeque::new(),
            unpersisted_bytes: 0,
            commit: None,
            commit_after: MonotonicTime::default(),
        })
    }

    /// Drives the node until it has to stop, and stops it. All changes that it output are durable
    /// when this returns.
    ///
    /// # Errors
    /// The store or the system fails.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let driven = self.drive().await;
        self.handle.stop();
        // Callers that wait in the channel learn that the node is stopping.
        self.events.close();
        self.queues.clear();
        driven?;
        self.finish().await
    }

    /// Submits again our messages that waited for a block when the last run ended.
    async fn resubmit(&mut self) -> anyhow::Result<()> {
        let store = self.handle.store().clone();
        let mut dropped = Vec::new();
        for (id, message) in spawn_blocking(move || store.pooled()).await?? {
            let submitted =
                Message::decode(&message).map(|message| self.node.resubmit(self.clock.now(), message));
            self.drain();
            if !matches!(submitted, Ok(Ok(_))) {
                tracing::debug!(%id, ?submitted, "a message waits no more");
                dropped.push(Change::Unpooled { id });
            }
        }
        if !dropped.is_empty() {
            self.pending.push_back(PendingOutput::Output(Output::Persist(dropped)));
        }
        Ok(())
    }

    async fn drive(&mut self) -> anyhow::Result<()> {
        self.resubmit().await?;
        self.tell(Input::Ticked);
        let stopping = self.handle.clone();
        let mut stopping = std::pin::pin!(stopping.stopping());
        loop {
            self.carry_out()?;
            let wake = self.node.deadline().map(|(moment, _)| self.clock.instant(moment));
            let room = self.has_room();
            let held_back = (self.commit.is_none() && !self.pending.is_empty()).then_some(self.commit_after);
            let commit_after = held_back.map(|moment| self.clock.instant(moment));
            tokio::select! {
                biased;
                () = &mut stopping => return Ok(()),
                durable = durable(&mut self.commit) => {
                    self.commit = None;
                    durable?;
                }
                () = until(commit_after) => {}
                () = until(wake), if room => self.tell(Input::Ticked),
                event = self.events.recv(), if room => match event {
                    Some(event) => self.take(event)?,
                    None => return Ok(()),
                },
            }
        }
    }

    /// Takes an input, and further ones that wait behind it.
    fn take(&mut self, event: DriverEvent) -> anyhow::Result<()> {
        let (mut event, end) = (Some(event), self.clock.now().moment + EVENTS_TIME_MAX);
        for _ in 0..FACTS_AT_ONCE_MAX {
            match event {
                Some(DriverEvent::Opened(peer, link, queue)) => {
                    self.queues.insert(peer, queue);
                    self.tell(Input::Connected(peer, link));
                }
                Some(DriverEvent::Received(peer, frame, room)) => {
                    self.tell(Input::Received(peer, frame));
                    drop(room);
                }
                Some(DriverEvent::Input(input)) => {
                    if let Input::Closed(peer) = &input {
                        self.queues.remove(peer);
                    }
                    self.tell(input);
                }
                Some(DriverEvent::Ask(ask)) => self.answer(ask),
                Some(DriverEvent::Failed(error)) => return Err(error.into()),
                None => break,
            }
            if !self.has_room() || self.clock.now().moment >= end {
                break;
            }
            event = self.events.try_recv().ok();
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.pending.len() < PENDING_MAX && self.unpersisted_bytes < CHANGES_BYTES_MAX
    }

    fn tell(&mut self, input: Input) {
        self.node.handle(self.clock.now(), input);
        self.drain();
    }

    /// Queues the node's outputs.
    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            if let Output::Persist(changes) = &output {
                self.unpersisted_bytes += changes.iter().map(size).sum::<usize>();
            }
            self.pending.push_back(PendingOutput::Output(output));
        }
    }

    fn answer(&mut self, ask: Query) {
        let now = self.clock.now();
        match ask {
            Query::Status(asker) => self.reply(asker, self.node.status(now)),
            Query::Snapshot(asker) => self.reply(
                asker,
                NodeSnapshot {
                    status: self.node.status(now),
                    tip_time: self.node.chain().tip().header.time,
                    peers: self.node.peer_counts(),
                    pool_bytes: self.node.pool_bytes(),
                },
            ),
            Query::Peers(asker) => self.reply(asker, self.node.peers(now)),
            Query::Graph(asker) => self.reply(asker, self.node.graph().clone()),
            Query::Pooled(id, asker) => self.reply(asker, self.node.pooled(&id).cloned()),
            Query::WasDropped(id, asker) => self.reply(asker, self.node.was_dropped(&id)),
            Query::Pool(limit, asker) => self.reply(asker, self.node.pool().take(limit).cloned().collect()),
            Query::Submit(message, asker) => {
                let answer = self.node.submit(now, *message);
                self.drain();
                self.reply(asker, answer);
            }
            Query::SetMining(mining, asker) => {
                self.node.set_mining(now, mining);
                self.drain();
                self.reply(asker, ());
            }
            Query::Administer(query) => self.administer(query),
        }
    }

    /// Queues an answer behind the outputs that it may show.
    fn reply<T: Send + 'static>(&mut self, asker: oneshot::Sender<T>, answer: T) {
        // The asker may have gone away, which is fine.
        self.pending.push_back(PendingOutput::Reply(Box::new(move || drop(asker.send(answer)))));
    }

    /// Executes the outputs up to the next transaction, and begins that.
    fn carry_out(&mut self) -> anyhow::Result<()> {
        if self.commit.is_some() {
            return Ok(());
        }
        while let Some(output) = self.pending.pop_front() {
            match output {
                PendingOutput::Reply(reply) => reply(),
                PendingOutput::Output(Output::Persist(changes)) => {
                    let now = self.clock.now().moment;
                    if now < self.commit_after {
                        self.pending.push_front(PendingOutput::Output(Output::Persist(changes)));
                    } else {
                        self.commit_after = now + COMMIT_INTERVAL;
                        self.commit = Some(self.begin_commit(changes));
                    }
                    return Ok(());
                }
                PendingOutput::Output(output) => self.carry_out_one(output)?,
            }
        }
        Ok(())
    }

    /// Begins to persist these changes and all others in the queue.
    fn begin_commit(&mut self, mut changes: Vec<Change>) -> JoinHandle<Result<(), StoreError>> {
        self.pending.retain_mut(|output| match output {
            PendingOutput::Output(Output::Persist(more)) => {
                changes.append(more);
                false
            }
            PendingOutput::Output(_) | PendingOutput::Reply(_) => true,
        });
        self.unpersisted_bytes = 0;
        let (store, metrics, clock) =
            (self.handle.store().clone(), self.handle.metrics().clone(), self.clock);
        spawn_blocking(move || {
            let begun = clock.now().moment;
            store.apply(&changes)?;
            metrics.changes.inc_by(changes.len() as u64);
            metrics.commits.observe((clock.now().moment - begun).as_secs_f64());
            Ok(())
        })
    }

    fn carry_out_one(&mut self, output: Output) -> anyhow::Result<()> {
        match output {
            Output::Send(peer, frame) => self.send(peer, Outgoing::Frame(frame)),
            Output::Serve(peer, serve) => self.send(peer, Outgoing::Serve(serve)),
            Output::Close(peer, reason) => {
                tracing::debug!(peer = peer.0, %reason, "closed");
                let metrics = self.handle.metrics();
                metrics.evicted.inc_by(u64::from(reason == Reason::Evicted));
                let is_turned_away = matches!(reason, Reason::Full | Reason::Crowded);
                metrics.turned_away.inc_by(u64::from(is_turned_away));
                self.queues.remove(&peer);
            }
            Output::Dial(address) => {
                tokio::spawn(self.dialer.clone().dial(address, self.handle.clone()));
            }
            Output::Verify(batch) => self.verifier.verify(batch, self.handle.clone()),
            Output::Recall(recall) => self.recall(recall),
            Output::Mine(job) => self.miner.search(job.map(|job| *job))?,
            Output::Tell(event) => self.publish(event),
            Output::Persist(_) => {}
        }
        Ok(())
    }

    /// Queues an item for a peer. A peer whose send queue overflows is dropped, and its socket
    /// reports that it is closed.
    fn send(&mut self, peer: ConnectionId, outgoing: Outgoing) {
        if let Some(queue) = self.queues.get(&peer)
            && queue.push(outgoing).is_err()
        {
            self.queues.remove(&peer);
        }
    }

    fn recall(&self, recall: StoreQuery) {
        let handle = self.handle.clone();
        spawn_blocking(move || {
            let event = match handle.store().recall(&recall) {
                Ok(recalled) => DriverEvent::Input(Input::Recalled(recalled)),
                Err(error) => DriverEvent::Failed(error),
            };
            // A node that is stopping asks for nothing more.
            let _stopped = handle.tell_blocking(event);
        });
    }

    fn publish(&self, event: Event) {
        let metrics = self.handle.metrics();
        match &event {
            Event::Connected { mined_here, .. } => {
                metrics.blocks_connected.inc();
                metrics.blocks_mined.inc_by(u64::from(*mined_here));
            }
            Event::Arrived { age_ms, waited, .. } => {
                metrics.block_age.observe(Duration::from_millis(*age_ms).as_secs_f64());
                metrics.block_wait.observe(waited.as_secs_f64());
            }
            Event::Stale { .. } => {
                metrics.blocks_stale.inc();
            }
            Event::Orphan { .. } => {
                metrics.headers_orphaned.inc();
            }
            Event::Undone { hashes, .. } => {
                metrics.blocks_undone.inc_by(hashes.len() as u64);
            }
            Event::Refused { hash, height, failures, .. } => {
                metrics.blocks_refused.inc();
                let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
                tracing::warn!(%hash, height, ?failures, "a block is refused");
            }
            Event::Pooled(_) => {
                metrics.messages_pooled.inc();
            }
            Event::Dropped { .. } => {
                metrics.messages_dropped.inc();
            }
            Event::Faulted { peer, fault } => {
                metrics.faults.inc();
                tracing::debug!(peer = peer.0, %fault, "a peer offended");
            }
            Event::Disagrees { peer, agreement, height } => {
                let agreement = agreement.name();
                tracing::warn!(peer = peer.0, agreement, height, "a peer has had another chain for long");
            }
            Event::Lacking { height } => {
                tracing::warn!(
                    height,
                    "all peers deleted the body of the next block: connect to an archive node, with --connect"
                );
            }
            Event::Assumed { .. }
            | Event::Proven { .. }
            | Event::PeerUp { .. }
            | Event::PeerDown { .. }
            | Event::Closing { .. }
            | Event::Synchronizing { .. } => {}
        }
        self.handle.publish(event);
    }

    /// Persists the remaining changes, and then sends the remaining answers.
    async fn finish(mut self) -> anyhow::Result<()> {
        drop(self.miner);
        loop {
            if let Some(commit) = self.commit.take() {
                commit.await??;
            }
            let Some(output) = self.pending.pop_front() else { return Ok(()) };
            match output {
                PendingOutput::Reply(reply) => reply(),
                PendingOutput::Output(Output::Persist(changes)) => {
                    let store = self.handle.store().clone();
                    self.commit = Some(spawn_blocking(move || store.apply(&changes)));
                }
                PendingOutput::Output(_) => {}
            }
        }
    }
}

/// Resolves at a time. Never resolves without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => pending().await,
    }
}

/// Resolves when the transaction is durable. Never resolves without one.
async fn durable(commit: &mut Option<JoinHandle<Result<(), StoreError>>>) -> anyhow::Result<()> {
    match commit {
        Some(commit) => Ok(commit.await??),
        None => pending().await,
    }
}

fn size(change: &Change) -> usize {
    match change {
        Change::Body { block, ids, .. } => CHANGE_BYTES + block.len() + 32 * ids.len(),
        Change::Pooled { message, .. } => CHANGE_BYTES + message.len(),
        Change::Book { encoded } => CHANGE_BYTES + encoded.len(),
        Change::Header { .. } | Change::Checkpoint { .. } | Change::Tip { .. } | Change::Unpooled { .. } => {
            CHANGE_BYTES
        }
    }
}
