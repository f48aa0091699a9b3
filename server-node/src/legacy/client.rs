//! A client of the older system on `/`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;

use super::hold::{Limit, ListedSocket, Member};
use super::nodes::{self, Listing};
use super::tail::{Next, TailPosition, Watcher};
use super::{PING_INTERVAL, SEND_TIMEOUT};
use crate::http::state::AppState;
use crate::metrics::connections::OpenGuard;

/// A connected client.
pub(super) struct Client {
    app: AppState,
    socket: WebSocket,
    member: Member,
    watcher: Watcher,
    name: String,
    /// Set once it has sent `ping`.
    listed: Option<Listed>,
    /// When the last measurement began, until it is answered.
    pinged: Option<Instant>,
}

/// A client that is listed as a node, and receives blocks.
struct Listed {
    listing: Listing,
    socket: ListedSocket,
    /// The last block that the client has, or that the chain has that it is about to fetch.
    position: TailPosition,
    /// The client was sent the genesis block, and has not fetched the chain yet.
    owes: bool,
    /// The number of the last ping for a hold.
    settling: u64,
}

/// The next step.
enum ClientStep {
    Send(Message),
    /// Wait for a change, or until this time.
    Wait(Option<Instant>),
}

/// The connection is over.
struct Gone;

impl Client {
    pub(super) fn new(app: AppState, socket: WebSocket, ip: Option<IpAddr>) -> Self {
        let (member, watcher) = (app.legacy.holds.join(ip), app.legacy.tail.watch());
        let name = nodes::name(ip);
        Self { app, socket, member, watcher, name, listed: None, pinged: None }
    }

    pub(super) async fn serve(mut self) {
        let _open = OpenGuard::new(&self.app.handle.metrics().connections.older);
        let mut held = self.member.hold.watch();
        let mut rounds = tokio::time::interval_at((Instant::now() + PING_INTERVAL).into(), PING_INTERVAL);
        loop {
            self.watcher.changed.borrow_and_update();
            held.borrow_and_update();
            let (mut busy, mut wake) = (false, None);
            match self.step(Instant::now()) {
                ClientStep::Send(message) => {
                    busy = true;
                    if self.send(message).await.is_err() {
                        break;
                    }
                }
                ClientStep::Wait(until) => wake = until,
            }
            let served = tokio::select! {
                // Messages of the client are read between two blocks, too.
                biased;
                () = self.app.handle.stopping() => Err(Gone),
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.received(message).await,
                    Some(Err(_)) | None => Err(Gone),
                },
                _ = rounds.tick() => match self.pinged {
                    Some(_) => Err(Gone),
                    None => self.measure().await,
                },
                () = std::future::ready(()), if busy => Ok(()),
                _ = self.watcher.changed.changed() => Ok(()),
                _ = held.changed() => Ok(()),
                () = until(wake), if wake.is_some() => Ok(()),
            };
            if served.is_err() {
                break;
            }
        }
        if let Some(listed) = self.listed {
            self.app.legacy.nodes.left(&listed.listing, crate::clock::time());
        }
    }

    fn step(&mut self, now: Instant) -> ClientStep {
        let Some(listed) = &mut self.listed else { return ClientStep::Wait(None) };
        let (hold, tail) = (&self.member.hold, &self.app.legacy.tail);
        let (limit, until) = hold.limit(now);
        if listed.owes {
            match (limit, until) {
                // The fetched chain has all blocks up to the pinned one.
                (Limit::UpTo(pin, _), _) => listed.position = pin,
                (Limit::Frozen, _) | (Limit::None, Some(_)) => return ClientStep::Wait(until),
                // It did not fetch in time. The next block is far above its last, and makes it
                // fetch.
                (Limit::None, None) => listed.position = tail.tip(),
            }
            listed.owes = false;
        }
        match limit {
            Limit::Frozen => return ClientStep::Wait(until),
            Limit::UpTo(pin, number) if listed.position == pin => {
                if listed.settling == number {
                    return ClientStep::Wait(until);
                }
                listed.settling = number;
                return ClientStep::Send(Message::Ping(Bytes::copy_from_slice(&number.to_be_bytes())));
            }
            Limit::UpTo(..) | Limit::None => {}
        }
        match tail.next(&listed.position) {
            Next::Block(position, text) => {
                listed.position = position;
                ClientStep::Send(Message::Text(text))
            }
            Next::Tip => ClientStep::Wait(until),
            Next::Unknown => {
                // It missed blocks, or has some that left the best chain: a low number makes it
                // fetch the chain.
                listed.owes = true;
                hold.owe(now);
                ClientStep::Send(Message::Text(tail.genesis.clone()))
            }
        }
    }

    async fn received(&mut self, message: Message) -> Result<(), Gone> {
        match message {
            Message::Text(text) if text.trim() == "ping" => {
                if self.listed.is_none() {
                    self.list();
                }
                self.measure().await
            }
            Message::Pong(payload) => {
                if let Some(listed) = &self.listed {
                    if let Ok(number) = <[u8; 8]>::try_from(payload.as_ref()) {
                        let number = u64::from_be_bytes(number);
                        if number == listed.settling {
                            listed.socket.settle(number);
                        }
                    } else if let Some(pinged) = self.pinged.take() {
                        let nodes = &self.app.legacy.nodes;
                        nodes.measured(&listed.listing, pinged.elapsed(), crate::clock::time());
                    }
                }
                Ok(())
            }
            Message::Close(_) => Err(Gone),
            // Older clients send texts that this node does not need.
            Message::Text(_) | Message::Binary(_) | Message::Ping(_) => Ok(()),
        }
    }

    fn list(&mut self) {
        let (hold, shared) = (&self.member.hold, Arc::clone(&self.app.legacy));
        let position = match hold.limit(Instant::now()).0 {
            // A chain that is being fetched ends here, and the fetch may be this client's.
            Limit::UpTo(pin, _) => pin,
            Limit::Frozen | Limit::None => shared.tail.tip(),
        };
        let listing = shared.nodes.joined(&self.name, crate::clock::time());
        let socket = hold.list();
        self.listed = Some(Listed { listing, socket, position, owes: false, settling: 0 });
    }

    /// Begins to measure the round trip. Any WebSocket client answers a ping by itself, at once.
    async fn measure(&mut self) -> Result<(), Gone> {
        if self.pinged.is_some() {
            return Ok(());
        }
        self.pinged = Some(Instant::now());
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match tokio::time::timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// Resolves at a time, if there is one.
async fn until(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time.into()).await;
    }
}
