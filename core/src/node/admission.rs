//! Admission: which connections get a place, and which peers are banned.
//!
//! Inbound and outbound connections have a share each, so a crowd that dials us never costs a link
//! that we opened. Bounds: [`INBOUND_MAX`] and [`OUTBOUND_MAX`] connections, established or not. A
//! handshake that does not end in time is closed.

use super::{ConnectionId, Direction, FULL, Node};
use crate::peers::ban_list::BanTarget;
use crate::peers::eviction::{self, Admission};
use crate::peers::peer::{INBOUND_MAX, OUTBOUND_MAX, PEERS_MAX, Peer};
use crate::primitives::time::Now;
use crate::protocol::host::Host;
use crate::protocol::misbehavior::{Misbehavior, Reason};
use crate::protocol::netgroup::NetGroup;

impl Node {
    /// Closes a new connection that gets no place, or evicts another one for it.
    pub(super) fn admit(&mut self, now: Now, peer: ConnectionId) {
        let Some(known) = self.connections.get(&peer) else { return };
        match &known.link {
            Direction::Outbound(_) => {
                let outbound =
                    self.connections.values().filter(|one| matches!(one.link, Direction::Outbound(_)));
                if outbound.count() > OUTBOUND_MAX {
                    self.close(now, peer, Reason::Full);
                }
            }
            Direction::Inbound(ip) if FULL => {
                let group = ip.and_then(eviction::network_of);
                self.admit_inbound(now, peer, group);
            }
            // No peer dials a light client. The bound holds anyway.
            Direction::Inbound(_) => {
                if self.connections.len() > PEERS_MAX {
                    self.close(now, peer, Reason::Full);
                }
            }
        }
    }

    fn admit_inbound(&mut self, now: Now, newcomer: ConnectionId, group: Option<NetGroup>) {
        let candidate = |(&peer, known): (&ConnectionId, &Peer)| {
            let Direction::Inbound(ip) = &known.link else { return None };
            let greeted = known.greeted();
            (peer != newcomer).then(|| eviction::EvictionCandidate {
                peer,
                group: ip.and_then(eviction::network_of),
                latency: greeted.and_then(|greeted| greeted.ping.latency()),
                first_delivery: greeted.and_then(|greeted| greeted.delivered),
                since: known.since,
            })
        };
        let others: Vec<_> = self.connections.iter().filter_map(candidate).collect();
        let max = self.config.inbound_max.min(INBOUND_MAX);
        match eviction::admit(&others, group, max, &self.peers.eviction_secret) {
            Admission::Free => {}
            Admission::Evicts(loser) => self.close(now, loser, Reason::Evicted),
            Admission::Crowded => self.close(now, newcomer, Reason::Crowded),
            Admission::Full => self.close(now, newcomer, Reason::Full),
        }
    }

    /// Punishes an offender. After too many faults it is banned for a while.
    pub(super) fn punish(&mut self, now: Now, peer: ConnectionId, fault: &Misbehavior) {
        let Some(subject) = self.subject(peer) else { return };
        self.peers.bans.misbehaving(&subject, fault, now.moment);
    }

    pub(super) fn is_banned(&self, now: Now, peer: ConnectionId) -> bool {
        self.subject(peer).is_some_and(|subject| self.peers.bans.is_banned(&subject, now.moment))
    }

    fn subject(&self, peer: ConnectionId) -> Option<BanTarget> {
        let known = self.connections.get(&peer)?;
        let host = match &known.link {
            Direction::Outbound(address) => Some(address.host().clone()),
            Direction::Inbound(ip) => ip.map(Host::from),
        };
        BanTarget::of(host.as_ref(), known.greeted().map(|greeted| &greeted.hello.key))
    }
}

#[cfg(test)]
#[cfg(feature = "full")]
mod tests;
