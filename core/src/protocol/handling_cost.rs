//! Handling costs: the time that a frame of a peer takes the node to handle, for drivers that slow
//! down a peer which causes too much.
//!
//! Packets that answer a request cost nothing here: the node decides how many there are, and an
//! answer without a request ends the connection.

use core::time::Duration;

use crate::protocol::packet::CAPS;

/// Returns an estimate of the time that a frame takes to handle, on one core of 2.5 GHz. It is meant to
/// err on the high side.
///
/// ```
/// use plexus_core::protocol::handling_cost::handling_cost;
/// use plexus_core::protocol::packet::Packet;
///
/// // An announcement of many messages costs more than a ping.
/// assert!(handling_cost(&[11; 33_000]) > 100 * handling_cost(&Packet::Ping([1; 16]).encode()));
/// // An answer costs nothing, because it was asked for.
/// assert!(handling_cost(&Packet::Pong([1; 16]).encode()).is_zero());
/// ```
pub fn handling_cost(frame: &[u8]) -> Duration {
    let name = frame.first().and_then(|first| CAPS.get(usize::from(*first))).map(|(name, _)| *name);
    let (fixed_us, byte_ns) = match name {
        // They are verified, and then there is no second one.
        Some("hello" | "answer") => (200, 0),
        Some("ping" | "held") => (3, 0),
        Some("announce" | "get-addresses") => (10, 0),
        Some("have" | "get-messages") => (5, 60),
        Some("compact") => (20, 10),
        Some("get-parts") => (100, 10),
        Some("get-bodies") => (30, 10),
        Some("get-headers" | "get-links") => (250, 0),
        Some("half") => (100, 0),
        Some("get-proof") => (20_000, 0),
        // Answers, the end of a connection, and packets that end it.
        _ => (0, 0),
    };
    Duration::from_nanos(1_000 * fixed_us + byte_ns * frame.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_and_farewells_are_free() {
        let free = (0..).zip(CAPS).filter(|(first, _)| handling_cost(&[*first]).is_zero());
        let names: Vec<_> = free.map(|(_, (name, _))| *name).collect();
        let answers = [
            "pong",
            "headers",
            "body",
            "missing",
            "messages",
            "farewell",
            "parts",
            "addresses",
            "links",
            "proof",
        ];
        assert_eq!(names, answers);
        assert!(handling_cost(&[]).is_zero() && handling_cost(&[200]).is_zero());
    }
}
