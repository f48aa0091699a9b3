//! Traffic: the frames sent in a world, with their senders and receivers.
//!
//! Pings and pongs are left out. Bounds: the newest [`SENT_MAX`] frames.

use std::collections::VecDeque;

use plexus_core::protocol::packet::CAPS;

use crate::actor::Actor;

/// The number of newest frames that are kept.
pub const SENT_MAX: usize = 1 << 17;

/// A frame that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The time, in microseconds of the world's clock.
    pub at_us: u64,
    /// The sender.
    pub from: Actor,
    /// The receiver.
    pub to: Actor,
    /// The packet's name.
    pub packet: &'static str,
    /// Its size.
    pub bytes: usize,
}

/// The newest frames that were sent, the newest last.
#[derive(Debug, Default)]
pub struct FrameLog(VecDeque<Sent>);

impl FrameLog {
    pub(crate) fn note(&mut self, at_us: u64, from: Actor, to: Actor, frame: &[u8]) {
        let named = frame.first().and_then(|first| CAPS.get(usize::from(*first)));
        let packet = named.map_or("illegal bytes", |(name, _)| *name);
        if matches!(packet, "ping" | "pong") {
            return;
        }
        if self.0.len() == SENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Sent { at_us, from, to, packet, bytes: frame.len() });
    }

    /// Removes all frames.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the frames of a packet, the newest last.
    pub fn of(&self, packet: &str) -> impl Iterator<Item = &Sent> {
        assert!(CAPS.iter().any(|(name, _)| *name == packet), "{packet} is no packet");
        self.0.iter().filter(move |sent| sent.packet == packet)
    }

    /// Returns the number of frames of a packet.
    pub fn count(&self, packet: &str) -> usize {
        self.of(packet).count()
    }

    /// Returns the receivers of a party's packet, in the order of sending.
    pub fn receivers(&self, from: Actor, packet: &str) -> Vec<Actor> {
        self.of(packet).filter(|sent| sent.from == from).map(|sent| sent.to).collect()
    }
}
