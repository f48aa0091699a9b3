//! Packets and their bytes, by type and direction.

use plexus_core::protocol::packet::CAPS;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PacketLabels {
    direction: &'static str,
    packet: &'static str,
}

/// The counters of one packet type in one direction.
#[derive(Debug)]
pub struct Traffic {
    /// The number of packets.
    pub packets: Counter,
    /// The bytes of their frames.
    pub bytes: Counter,
}

/// The traffic of one direction, by packet.
#[derive(Debug)]
pub struct TrafficByPacket([Traffic; CAPS.len()]);

impl TrafficByPacket {
    /// Counts a frame, unless it is not a packet.
    pub fn count(&self, frame: &[u8]) {
        if let Some(traffic) = frame.first().and_then(|&first| self.0.get(usize::from(first))) {
            traffic.packets.inc();
            traffic.bytes.inc_by(frame.len() as u64);
        }
    }

    /// Returns each packet's name and traffic.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Traffic)> {
        CAPS.iter().map(|&(name, _)| name).zip(&self.0)
    }
}

/// Registers the traffic. Returns that received and that sent.
pub(super) fn register(registry: &mut Registry) -> [TrafficByPacket; 2] {
    let (packets, bytes) = (Family::<PacketLabels, Counter>::default(), Family::default());
    registry.register("packets", "Packets by type", packets.clone());
    registry.register_with_unit("packet", "Bytes of packets by type", Unit::Bytes, bytes.clone());
    ["received", "sent"].map(|direction| {
        TrafficByPacket(std::array::from_fn(|place| {
            let (packet, _) = CAPS[place];
            let labels = PacketLabels { direction, packet };
            let bytes: Counter = bytes.get_or_create_owned(&labels);
            Traffic { packets: packets.get_or_create_owned(&labels), bytes }
        }))
    })
}
