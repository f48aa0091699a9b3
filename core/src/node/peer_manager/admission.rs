//! Admission: which connections get a place, and which peers are banned.
//!
//! Inbound and outbound connections have a share each, so a crowd that dials us never costs a link
//! that we opened. Bounds: [`INBOUND_MAX`] and [`OUTBOUND_MAX`] connections, established or not. A
//! handshake that does not end in time is closed. Light nodes have a bound of their own among the
//! inbound ones, which holds from the end of the handshake on: before it their role is not known.

use core::time::Duration;

use crate::node::config::FULL;
use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::peer_manager::PeerManager;
use crate::peers::ban_list::BanTarget;
use crate::peers::eviction::{self, Admission, EvictionCandidate};
use crate::peers::peer::{INBOUND_MAX, OUTBOUND_MAX, PEERS_MAX, Peer};
use crate::protocol::connection::{ConnectionId, Direction};
use crate::protocol::host::Host;
use crate::protocol::misbehavior::{Misbehavior, Reason};
use crate::protocol::netgroup::NetGroup;
use crate::protocol::packet::Role;

impl PeerManager {
    /// Closes a new connection that gets no place, or evicts another one for it.
    pub(super) fn admit(&mut self, cx: &mut Context<'_>, peer: ConnectionId) {
        let Some(known) = cx.connections.get(peer) else { return };
        match &known.link {
            Direction::Outbound(_) => {
                let outbound =
                    cx.connections.iter().filter(|(_, one)| matches!(one.link, Direction::Outbound(_)));
                if outbound.count() > OUTBOUND_MAX {
                    self.close(cx, peer, Reason::Full);
                }
            }
            Direction::Inbound(ip) if FULL => {
                let group = ip.and_then(eviction::network_of);
                self.admit_inbound(cx, peer, group);
            }
            // No peer dials a light client. The bound holds anyway.
            Direction::Inbound(_) => {
                if cx.connections.len() > PEERS_MAX {
                    self.close(cx, peer, Reason::Full);
                }
            }
        }
    }

    /// Closes an inbound light node that completed its handshake and gets no place among the light
    /// nodes, or evicts another one for it. Its role was not known before. Returns true if it stays.
    pub(super) fn admit_light(&mut self, cx: &mut Context<'_>, newcomer: ConnectionId) -> bool {
        let is_light =
            |peer: &Peer| peer.established().is_some_and(|established| established.hello.role == Role::Light);
        let is_inbound = |peer: &Peer| matches!(peer.link, Direction::Inbound(_));
        let others = cx.connections.iter().filter(|(peer, known)| *peer != newcomer && is_light(known));
        let others: Vec<_> = others.filter_map(candidate).collect();
        if !cx.connections.get(newcomer).is_some_and(is_inbound) || others.len() < cx.config.light_inbound_max
        {
            return true;
        }
        match eviction::select_peer_to_evict(&others, &self.eviction_secret) {
            Some(loser) if cx.config.light_inbound_max > 0 => {
                self.close(cx, loser, Reason::Evicted);
                true
            }
            _ => {
                self.close(cx, newcomer, Reason::Full);
                false
            }
        }
    }

    fn admit_inbound(&mut self, cx: &mut Context<'_>, newcomer: ConnectionId, group: Option<NetGroup>) {
        let others = cx.connections.iter().filter(|(peer, _)| *peer != newcomer);
        let others: Vec<_> = others.filter_map(candidate).collect();
        let max = cx.config.inbound_max.min(INBOUND_MAX);
        match eviction::admit(&others, group, max, &self.eviction_secret) {
            Admission::Free => {}
            Admission::Evicts(loser) => self.close(cx, loser, Reason::Evicted),
            Admission::Crowded => self.close(cx, newcomer, Reason::Crowded),
            Admission::Full => self.close(cx, newcomer, Reason::Full),
        }
    }

    /// Closes the connection of a peer that misbehaved. After too many faults the peer is banned for
    /// a while.
    pub(crate) fn misbehaving(&mut self, cx: &mut Context<'_>, peer: ConnectionId, misbehavior: Misbehavior) {
        cx.outbox.emit(Event::Faulted { peer, fault: misbehavior.clone() });
        if let Some(target) = ban_target(cx, peer) {
            self.bans.misbehaving(&target, &misbehavior, cx.now.moment);
        }
        self.close(cx, peer, Reason::Fault(misbehavior));
    }

    /// Closes a peer's connection because the operator wants so, and stops dialling its address.
    /// Returns false if there is no such peer.
    pub(crate) fn drop_peer(&mut self, cx: &mut Context<'_>, peer: ConnectionId) -> bool {
        let Some(known) = cx.connections.get(peer) else { return false };
        if let Direction::Outbound(address) = &known.link {
            self.reconnector.forget(address);
            // As after a failed attempt, the address is not chosen again at once.
            self.book.attempt(address, cx.now.time);
        }
        self.close(cx, peer, Reason::Dropped);
        true
    }

    /// Bans a target for this time, and closes its connections. Returns their number.
    pub(crate) fn ban(&mut self, cx: &mut Context<'_>, target: BanTarget, length: Duration) -> usize {
        self.bans.ban(target, length, cx.now.moment);
        let all: Vec<_> = cx.connections.iter().map(|(peer, _)| peer).collect();
        let banned: Vec<_> = all.into_iter().filter(|peer| self.is_banned(cx, *peer)).collect();
        for peer in &banned {
            self.close(cx, *peer, Reason::Banned);
        }
        banned.len()
    }

    pub(super) fn is_banned(&self, cx: &Context<'_>, peer: ConnectionId) -> bool {
        ban_target(cx, peer).is_some_and(|target| self.bans.is_banned(&target, cx.now.moment))
    }
}

/// Returns an inbound peer as a candidate for eviction, and `None` for an outbound one.
fn candidate((peer, known): (ConnectionId, &Peer)) -> Option<EvictionCandidate> {
    let Direction::Inbound(ip) = &known.link else { return None };
    let established = known.established();
    Some(EvictionCandidate {
        peer,
        group: ip.and_then(eviction::network_of),
        latency: established.and_then(|established| established.ping.latency()),
        first_delivery: established.and_then(|established| established.last_delivery),
        since: known.since,
    })
}

fn ban_target(cx: &Context<'_>, peer: ConnectionId) -> Option<BanTarget> {
    let known = cx.connections.get(peer)?;
    let host = match &known.link {
        Direction::Outbound(address) => Some(address.host().clone()),
        Direction::Inbound(ip) => ip.map(Host::from),
    };
    BanTarget::of(host.as_ref(), known.established().map(|established| &established.hello.key))
}

#[cfg(test)]
#[cfg(feature = "full")]
mod tests;
