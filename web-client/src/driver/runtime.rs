//! The runtime of the driver: the tasks and timers that wait for it, and the one way into it.
//!
//! The driver is borrowed for one input or one output at a time and never across a wait, so nothing
//! can enter it twice.

use core::cell::{Cell, RefCell};
use core::task::Waker;
use core::time::Duration;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use plexus_core::ledger::signature_batch::{SignatureBatch, SignatureCheck};
use plexus_core::node::{ConnectionId, Input};
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::stamp::grind_stamp;
use plexus_core::primitives::time::Now;
use plexus_core::protocol::address::Address;
use wasm_bindgen_futures::spawn_local;

use crate::browser::api;
use crate::browser::callbacks::Callbacks;
use crate::browser::clock::{self, Timer};
use crate::browser::database::{Database, Write};
use crate::browser::socket::SocketEvent;
use crate::driver::commands::Submitted;
use crate::driver::initial_state::InitialState;
use crate::driver::{Driver, DriverStep, Surroundings};
use crate::messages::{Update, UserError};

/// The signatures that are checked before the socket is looked at again: about 25 ms.
const CHECKS_A_SLICE: usize = 64;
/// The outputs that are carried out before the socket is looked at again.
const STEPS_A_SLICE: usize = 256;
/// The stamps that are tried before the socket is looked at again: about 20 ms.
const STAMPS_A_SLICE: u64 = 1 << 14;
/// The most bits of stamp work that can be asked for: hours of work.
const STAMP_BITS_MAX: u32 = 36;
/// The messages that are looked up each time that the node has caught up. The others wait for the
/// next time.
const LOOKUPS_MAX: usize = 20;

mod keys;

/// The driver, and the tasks and timers that wait for it.
#[derive(Debug)]
pub(crate) struct Runtime {
    driver: RefCell<Driver>,
    address: Address,
    database: RefCell<Option<Database>>,
    page: Callbacks,
    pumping: Cell<bool>,
    timer: Timer,
    /// The sockets' readers that wait for room, each once. The readers of dropped sockets leave at
    /// the next waking.
    readers: RefCell<Vec<Waker>>,
}

impl Runtime {
    /// Starts the driver. Returns its runtime.
    ///
    /// # Errors
    /// There is no source of randomness.
    pub(crate) fn start(
        initial: InitialState,
        database: Option<Database>,
        page: Callbacks,
    ) -> Result<Rc<Self>, UserError> {
        let (address, node) = (initial.address.clone(), initial.start()?);
        let runtime = Rc::new_cyclic(|weak: &Weak<Self>| {
            let woken = weak.clone();
            let wake = move || {
                if let Some(runtime) = woken.upgrade() {
                    runtime.enter(|driver, now| driver.tell(now, Input::Ticked));
                }
            };
            Self {
                driver: RefCell::new(Driver::new(initial, node, page.clone(), weak.clone())),
                address,
                database: RefCell::new(database),
                page,
                pumping: Cell::new(false),
                timer: Timer::new(wake),
                readers: RefCell::default(),
            }
        });
        runtime.enter(|driver, now| driver.tell(now, Input::Ticked));
        Ok(runtime)
    }

    /// Does something to the driver, and carries out its outputs. Returns the result.
    pub(crate) fn enter<T>(self: &Rc<Self>, act: impl FnOnce(&mut Driver, Now) -> T) -> T {
        let done = act(&mut self.driver.borrow_mut(), clock::now());
        if !self.pumping.replace(true) {
            spawn_local(self.clone().pump());
        }
        done
    }

    /// Carries out all outputs, then sets the timer.
    async fn pump(self: Rc<Self>) {
        let mut steps = 0;
        loop {
            let step = self.driver.borrow_mut().step(clock::now());
            match step {
                DriverStep::Again => {
                    steps += 1;
                    if steps % STEPS_A_SLICE == 0 {
                        self.wake_readers();
                        clock::sleep(Duration::ZERO).await;
                    }
                }
                DriverStep::Commit(writes) => self.commit(writes).await,
                DriverStep::Rest => break,
            }
        }
        self.pumping.set(false);
        self.wake_readers();
        match self.driver.borrow().sleep(clock::now()) {
            Some(sleep) => self.timer.set(sleep),
            None => self.timer.clear(),
        }
        self.look_up();
    }

    /// Makes the sockets read again, once there is room.
    fn wake_readers(&self) {
        if self.driver.borrow().has_room() {
            self.readers.take().into_iter().for_each(Waker::wake);
        }
    }

    async fn commit(&self, writes: Vec<Write>) {
        let database = self.database.borrow().clone();
        let Some(database) = database else { return };
        if let Err(error) = database.commit(writes).await {
            *self.database.borrow_mut() = None;
            self.driver.borrow_mut().lose_store();
            self.page.notice(true, format!("{error}. From now on nothing is kept over a reload."));
        }
    }

    /// Searches a stamp of 2^`bits` hashes for a message, or of twice the least if that is more. Then
    /// signs and sends the message. If the mempool asks for more work, the stamp is raised to twice
    /// that. Returns the message's id.
    pub(crate) async fn submit(
        self: Rc<Self>,
        recipient: String,
        text: String,
        bits: u32,
    ) -> Result<String, UserError> {
        if bits > STAMP_BITS_MAX {
            return Err(UserError::because(format!(
                "a stamp has at most {STAMP_BITS_MAX} bits, found {bits}"
            )));
        }
        let (draft, id) = self.enter(|driver, now| driver.draft(now, recipient, text))?;
        let mut wanted = twice(self.driver.borrow().least_stamp_work(&draft)).max(1 << bits);
        loop {
            let stamp = self.stamp(&id, wanted).await;
            match self.enter(|driver, now| driver.submit(now, draft.clone(), stamp))? {
                Submitted::Waiting(id) => return Ok(id.to_string()),
                Submitted::Asks(least) if twice(least) <= 1 << STAMP_BITS_MAX => {
                    wanted = twice(least).max(wanted.saturating_add(1));
                }
                Submitted::Asks(least) => {
                    let reason = format!("the node is full: a stamp of {least} hashes would be needed");
                    return Err(UserError::because(reason));
                }
            }
        }
    }

    /// Searches a stamp that shows `wanted` hashes, slice by slice.
    async fn stamp(&self, id: &MessageId, wanted: u64) -> u64 {
        let mut first = 0;
        loop {
            let (stamp, work) = grind_stamp(id, first, STAMPS_A_SLICE.min(wanted));
            if work >= Work::from_hashes(wanted.into()) {
                return stamp;
            }
            first += STAMPS_A_SLICE.min(wanted);
            #[expect(clippy::cast_precision_loss, reason = "a part of a search, for people to look at")]
            self.page.update(&Update::Stamping((first as f64 / wanted as f64).min(1.0)));
            clock::sleep(Duration::ZERO).await;
        }
    }

    /// Looks up the messages that wait, once the node has caught up.
    fn look_up(self: &Rc<Self>) {
        let unsure = self.driver.borrow_mut().unsure();
        if unsure.is_empty() {
            return;
        }
        let runtime = self.clone();
        spawn_local(async move {
            for id in unsure.into_iter().take(LOOKUPS_MAX) {
                // A node that does not answer takes the message again, and knows by itself if it is
                // in a block.
                let place = api::place(&runtime.address, &id).await;
                runtime.enter(|driver, now| driver.looked_up(now, &id, place));
            }
        });
    }
}

fn broken_in(checks: &[SignatureCheck]) -> impl Iterator<Item = usize> {
    checks.iter().enumerate().filter(|(_, check)| !check.holds()).map(|(index, _)| index)
}

impl Surroundings for Runtime {
    fn has_room(&self, waker: &Waker) -> bool {
        let has_room = self.driver.borrow().has_room();
        let mut readers = self.readers.borrow_mut();
        if !has_room && !readers.iter().any(|reader| reader.will_wake(waker)) {
            readers.push(waker.clone());
        }
        has_room
    }

    fn reported(self: Rc<Self>, peer: ConnectionId, address: &Address, report: SocketEvent) {
        self.enter(|driver, now| driver.reported(now, peer, address, report));
    }

    fn verify(self: Rc<Self>, batch: Arc<SignatureBatch>) {
        spawn_local(async move {
            let mut broken = Vec::new();
            for (slice, checks) in batch.checks.chunks(CHECKS_A_SLICE).enumerate() {
                if slice > 0 {
                    clock::sleep(Duration::ZERO).await;
                }
                broken.extend(broken_in(checks).map(|index| slice * CHECKS_A_SLICE + index));
            }
            self.enter(|driver, now| driver.verified(now, &batch, broken));
        });
    }
}

/// Returns twice the hashes of this work.
fn twice(work: Work) -> u64 {
    u64::try_from(work.hashes()).unwrap_or(u64::MAX).saturating_mul(2)
}
