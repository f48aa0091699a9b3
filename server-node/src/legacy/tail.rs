//! The newest blocks of the best chain, each encoded once for all clients.
//!
//! A client remembers the [`TailPosition`] of the last block that it has. The tail returns the next
//! block. Or it says that the position is not on the best chain any more, or too far below its end.
//! The client then has to fetch the chain.
//!
//! A task follows the node's events. If an event does not continue the tail, the task reads the tip
//! from the store and begins again there. Memory: at most [`TAIL_FRAMES_MAX`] blocks and
//! [`TAIL_BYTES_MAX`], and no block while no client is connected.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use plexus_core::node::event::Event;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::form;
use crate::handle::Handle;
use crate::http::blocking;
use crate::store::StoredPosition;

/// The most blocks that are kept. When full, the oldest is dropped.
pub const TAIL_FRAMES_MAX: usize = 256;
/// The most bytes of the blocks that are kept, but for the newest one. When full, the oldest is
/// dropped.
pub const TAIL_BYTES_MAX: usize = 8 << 20;

/// A block's place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TailPosition {
    pub(super) height: u64,
    pub(super) hash: Hash,
}

impl From<StoredPosition> for TailPosition {
    fn from(place: StoredPosition) -> Self {
        Self { height: place.height, hash: place.hash }
    }
}

/// The answer about a position: the block that follows it, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This block.
    Block(TailPosition, Utf8Bytes),
    /// Nothing: it is the tip.
    Tip,
    /// Unknown: the position left the best chain, or is too far below the tip.
    Unknown,
}

#[derive(Debug)]
struct TailFrame {
    position: TailPosition,
    prev_hash: Hash,
    text: Utf8Bytes,
}

#[derive(Debug)]
struct TailState {
    tip: TailPosition,
    /// The last blocks up to the tip, without a gap.
    frames: VecDeque<TailFrame>,
    bytes: usize,
    watchers: usize,
}

impl TailState {
    fn pop_newest(&mut self) {
        self.bytes -= self.frames.pop_back().map_or(0, |frame| frame.text.len());
    }

    fn push(&mut self, frame: TailFrame) {
        self.bytes += frame.text.len();
        self.frames.push_back(frame);
        while self.frames.len() > TAIL_FRAMES_MAX || self.bytes > TAIL_BYTES_MAX && self.frames.len() > 1 {
            self.bytes -= self.frames.pop_front().map_or(0, |frame| frame.text.len());
        }
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }
}

/// The newest blocks of the best chain.
#[derive(Debug)]
pub(super) struct Tail {
    network: Network,
    speaker: PublicKey,
    /// The genesis block as text.
    pub(super) genesis: Utf8Bytes,
    state: Mutex<TailState>,
    changed: watch::Sender<()>,
}

impl Tail {
    /// Starts the task that follows the best chain for as long as the node runs. Returns the tail.
    pub(super) fn start(handle: &Handle, speaker: PublicKey) -> Arc<Self> {
        // Subscribes to the events first, so that no later event is missed.
        let mut events = handle.events();
        let network = handle.network().clone();
        let genesis = TailPosition { height: 0, hash: *network.id() };
        // A store that cannot be read stops the node. Until then the tail begins at genesis.
        let tip = handle.store().tip().map_or(genesis, TailPosition::from);
        let tail = Arc::new(Self::new(network, speaker, tip));
        let (follower, handle) = (Arc::clone(&tail), handle.clone());
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = events.recv() => event,
                    () = handle.stopping() => return,
                };
                let follows = match event {
                    Ok(event) => follower.follow(&event),
                    Err(RecvError::Lagged(_)) => false,
                    Err(RecvError::Closed) => return,
                };
                if !follows && let Ok(tip) = blocking::read(&handle, |store| store.tip()).await {
                    follower.begin_at(tip.into());
                }
            }
        });
        tail
    }

    fn new(network: Network, speaker: PublicKey, tip: TailPosition) -> Self {
        let genesis = network.genesis_block();
        let genesis = form::json(&genesis, genesis.header.work(), &network, &speaker).into();
        let state = Mutex::new(TailState { tip, frames: VecDeque::new(), bytes: 0, watchers: 0 });
        Self { network, speaker, genesis, state, changed: watch::Sender::new(()) }
    }

    fn lock(&self) -> MutexGuard<'_, TailState> {
        // Each change is a single step, so the state is whole even after a thread has panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows an event. Returns false if it does not continue the tail.
    fn follow(&self, event: &Event) -> bool {
        if let Event::Connected { hash, block, total_work, .. } = event {
            self.connect(*hash, block, *total_work)
        } else if let Event::Undone { fork, .. } = event {
            self.undo(*fork)
        } else {
            true
        }
    }

    fn connect(&self, hash: Hash, block: &Block, total_work: Work) -> bool {
        let position = TailPosition { height: block.header.height, hash };
        let encode = || form::json(block, total_work, &self.network, &self.speaker).into();
        let (tip, is_watched) = {
            let state = self.lock();
            (state.tip, state.watchers > 0)
        };
        if tip.hash != block.header.prev_hash {
            // The block may have been read from the store before its event came.
            return tip == position;
        }
        // Only this task moves the tip, so it has not moved while the block is encoded.
        let text: Option<Utf8Bytes> = is_watched.then(encode);
        let mut state = self.lock();
        state.tip = position;
        match text {
            Some(text) if state.watchers > 0 => {
                state.push(TailFrame { position, prev_hash: block.header.prev_hash, text });
            }
            Some(_) | None => state.clear(),
        }
        drop(state);
        self.changed.send_replace(());
        true
    }

    /// Undoes the blocks above a fork. Returns false if the block at the fork is not in the tail.
    fn undo(&self, fork: u64) -> bool {
        let mut state = self.lock();
        if !state.frames.iter().any(|frame| frame.position.height == fork) {
            return false;
        }
        while let Some(newest) = state.frames.back() {
            if newest.position.height == fork {
                state.tip = newest.position;
                break;
            }
            state.pop_newest();
        }
        drop(state);
        self.changed.send_replace(());
        true
    }

    fn begin_at(&self, tip: TailPosition) {
        let mut state = self.lock();
        if state.tip != tip {
            state.tip = tip;
            state.clear();
            drop(state);
            self.changed.send_replace(());
        }
    }

    /// Returns the position of the newest block.
    pub(super) fn tip(&self) -> TailPosition {
        self.lock().tip
    }

    /// Returns true if a position is known to be on the best chain.
    pub(super) fn is_current(&self, position: &TailPosition) -> bool {
        !matches!(self.next(position), Next::Unknown)
    }

    /// Returns the answer about a position.
    pub(super) fn next(&self, position: &TailPosition) -> Next {
        let state = self.lock();
        if state.tip == *position {
            return Next::Tip;
        }
        let first = state.frames.front().map_or(u64::MAX, |frame| frame.position.height);
        let Some(offset) = (position.height + 1).checked_sub(first) else { return Next::Unknown };
        match usize::try_from(offset).ok().and_then(|offset| state.frames.get(offset)) {
            Some(frame) if frame.prev_hash == position.hash => {
                Next::Block(frame.position, frame.text.clone())
            }
            Some(_) | None => Next::Unknown,
        }
    }

    /// Resolves when the tail has come as far as `tip`, which the store has.
    pub(super) async fn reached(&self, tip: TailPosition) {
        let mut changed = self.changed.subscribe();
        loop {
            let has = {
                let state = self.lock();
                state.tip == tip || state.tip.height > tip.height
            };
            if has || changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Keeps new blocks from now on, as long as the watcher lives. Returns the watcher.
    pub(super) fn watch(self: &Arc<Self>) -> Watcher {
        self.lock().watchers += 1;
        Watcher { changed: self.changed.subscribe(), tail: Arc::clone(self) }
    }
}

/// A client's interest in the tail.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Changes with the tail.
    pub(super) changed: watch::Receiver<()>,
    tail: Arc<Tail>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut state = self.tail.lock();
        state.watchers -= 1;
        if state.watchers == 0 {
            state.clear();
        }
    }
}
