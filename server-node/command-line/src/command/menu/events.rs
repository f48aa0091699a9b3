//! The thread that follows the node's events, which come as server-sent events, and opens their
//! stream again when it ends.

use std::io::{self, BufRead};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use plexus_core::ledger::json::{BlockView, MessageView, VerifyStatus};
use plexus_core::primitives::message::MessageId;
use serde::Deserialize;

use super::exchange::{BlockRow, Event, Input, Letter};
use super::worker;
use crate::command::client::NodeClient;
use crate::command::table;

/// The pause before the stream is opened again.
const RETRY: Duration = Duration::from_secs(2);
/// The time after which the stream is opened again in any case. A connection that is cut without a
/// word would otherwise never end.
const STREAM_MAX: Duration = Duration::from_secs(120);
/// The most bytes of a line. A longer one counts as missed. A full block's JSON has up to some 20 MB.
const LINE_BYTES_MAX: usize = 32 << 20;

/// Follows the events until there is no more interest.
pub(super) fn run(client: &NodeClient, inputs: &SyncSender<Input>) {
    loop {
        let ended = match client.follow("/api/v1/events", STREAM_MAX) {
            Ok(stream) => follow(stream, inputs),
            Err(error) => closed(worker::reason(error), inputs),
        };
        match ended {
            Err(Ended) => return,
            // It was cut after its time, and is opened at once.
            Ok(true) => {}
            Ok(false) => std::thread::sleep(RETRY),
        }
    }
}

/// The menu has ended, and nobody is interested any more.
#[derive(Clone, Copy, Debug)]
struct Ended;

fn tell(event: Event, inputs: &SyncSender<Input>) -> Result<(), Ended> {
    inputs.send(Input::Event(event)).map_err(|_| Ended)
}

fn closed(reason: String, inputs: &SyncSender<Input>) -> Result<bool, Ended> {
    tell(Event::Closed(reason), inputs).map(|()| false)
}

/// Reads a stream to its end. Returns true if it was cut because its time was over.
fn follow(mut stream: impl BufRead, inputs: &SyncSender<Input>) -> Result<bool, Ended> {
    tell(Event::Opened, inputs)?;
    let (mut line, mut name) = (Vec::new(), String::new());
    loop {
        let event = match read_line(&mut stream, &mut line, LINE_BYTES_MAX) {
            Err(error) if is_over(&error) => return Ok(true),
            Err(error) => return closed(table::one_line(&error.to_string()), inputs),
            Ok(Line::End) => return closed("the node ended its events".to_owned(), inputs),
            Ok(Line::TooLong) => Some(Event::Lagged),
            Ok(Line::Whole) => {
                let text = String::from_utf8_lossy(&line);
                if let Some(found) = text.strip_prefix("event: ") {
                    found.trim().clone_into(&mut name);
                    None
                } else {
                    text.strip_prefix("data: ").and_then(|data| parse(&name, data))
                }
            }
        };
        if let Some(event) = event {
            tell(event, inputs)?;
        }
    }
}

/// Returns true if an error says that the stream's time is over.
fn is_over(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Whole,
    /// It has more bytes than may be kept, and was passed over.
    TooLong,
    End,
}

/// Reads a line without its end, at most `bytes_max` bytes of it.
fn read_line(stream: &mut impl BufRead, line: &mut Vec<u8>, bytes_max: usize) -> io::Result<Line> {
    line.clear();
    let mut is_long = false;
    loop {
        let chunk = stream.fill_buf()?;
        if chunk.is_empty() {
            return Ok(Line::End);
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(chunk.len());
        is_long |= line.len() + taken > bytes_max;
        if !is_long {
            line.extend_from_slice(&chunk[..taken]);
        }
        stream.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return Ok(if is_long { Line::TooLong } else { Line::Whole });
        }
    }
}

#[derive(Deserialize)]
struct Undone {
    fork: u64,
    hashes: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct PeerUp {
    id: u64,
    role: Option<String>,
}

#[derive(Deserialize)]
struct Dropped {
    id: MessageId,
}

#[derive(Deserialize)]
struct Peer {
    id: u64,
}

#[derive(Deserialize)]
struct Fault {
    id: u64,
    reason: String,
}

/// Returns the event of a name and its JSON. Events of other names, also later ones, are passed over.
fn parse(name: &str, data: &str) -> Option<Event> {
    let event = match name {
        "block" => serde_json::from_str::<BlockView>(data).map(|block| {
            Event::Block(BlockRow::new(&block), block.messages.iter().map(Letter::new).collect())
        }),
        "message" => {
            serde_json::from_str::<MessageView>(data).map(|message| Event::Message(Box::new(message)))
        }
        "dropped" => serde_json::from_str::<Dropped>(data).map(|dropped| Event::Dropped(dropped.id)),
        "undone" => serde_json::from_str::<Undone>(data)
            .map(|undone| Event::Undone { fork: undone.fork, count: undone.hashes.len() }),
        "refused" => serde_json::from_str::<VerifyStatus>(data).map(|status| {
            let flags: Vec<_> = status.failures.iter().map(|failure| failure.flag.as_str()).collect();
            let flags = table::one_line(&flags.join(", "));
            Event::Note(format!("block {} is refused: {flags}", status.number_of_block))
        }),
        "peer_up" => serde_json::from_str::<PeerUp>(data).map(|peer| {
            let role = table::brief(peer.role.as_deref().unwrap_or_default(), 8).to_lowercase();
            Event::Note(format!("peer {} has connected, a {role} node", peer.id))
        }),
        "peer_down" => {
            serde_json::from_str::<Peer>(data).map(|peer| Event::Note(format!("peer {} has gone", peer.id)))
        }
        "fault" => serde_json::from_str::<Fault>(data).map(|fault| {
            let reason = table::brief(&fault.reason, 120);
            Event::Note(format!("peer {} broke a rule: {reason}", fault.id))
        }),
        "lagged" => return Some(Event::Lagged),
        _ => return None,
    };
    // An event that cannot be read is one that was missed.
    Some(event.unwrap_or(Event::Lagged))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    /// Returns the events of a stream, as their debug form.
    fn events(stream: &str) -> Vec<String> {
        let (sender, receiver): (_, Receiver<Input>) = sync_channel(16);
        assert!(matches!(follow(stream.as_bytes(), &sender), Ok(false)));
        drop(sender);
        receiver.iter().map(|input| format!("{input:?}")).collect()
    }

    #[test]
    fn a_stream_becomes_events_and_its_end_is_told() {
        let stream = ": open\n\nevent: undone\ndata: {\"fork\":7,\"hashes\":[\"a\",\"b\"]}\n\n: quiet\n\n\
                      event: new in a later version\ndata: {}\n\nevent: peer_down\ndata: {\"id\":3}\n\n\
                      event: block\ndata: {}\n\nevent: lagged\ndata: {\"missed\":9}\n\n";
        let told = events(stream);
        let parts =
            ["Opened", "Undone { fork: 7, count: 2 }", "peer 3 has gone", "Lagged", "Lagged", "Closed"];
        assert_eq!(told.len(), parts.len(), "{told:?}");
        assert!(told.iter().zip(parts).all(|(event, part)| event.contains(part)), "{told:?}");
    }

    #[test]
    fn a_line_over_the_cap_is_passed_over_and_the_next_one_read() {
        let mut stream = "short\nmuch too long\nlast\nno end".as_bytes();
        let mut line = Vec::new();
        for (read, text) in
            [(Line::Whole, "short"), (Line::TooLong, ""), (Line::Whole, "last"), (Line::End, "")]
        {
            assert_eq!(read_line(&mut stream, &mut line, 5).unwrap(), read);
            if read == Line::Whole {
                assert_eq!(line, text.as_bytes());
            }
        }
    }
}
