//! The search for the messages of a key, page by page through the node's API.
//!
//! The node has no index by key, so each answer covers a range of blocks. The search begins at the
//! tip, goes down to block 1, and can stop after any answer.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use plexus_core::ledger::json::MessageView;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::message::MessageId;
use plexus_node::api::view::Traces;
use serde::Serialize;

use crate::command::client::{NodeClient, Refused};

/// The pause before a request that the node refused as busy is repeated.
const BUSY_PAUSE: Duration = Duration::from_millis(500);
/// The most times in a row that the node may be busy.
const BUSY_MAX: u32 = 40;

/// Whether a message was written by the key or to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    /// The key signed it.
    Sent,
    /// Its recipient is the key or the name.
    Received,
    /// Both: a message to oneself.
    Both,
}

impl Direction {
    /// Returns true if the key signed it.
    pub(crate) const fn is_sent(self) -> bool {
        matches!(self, Self::Sent | Self::Both)
    }

    /// Returns true if it was written to the key or the name.
    pub(crate) const fn is_received(self) -> bool {
        matches!(self, Self::Received | Self::Both)
    }
}

/// A message that the key signed or that was written to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// Whether it was sent or received.
    pub(crate) direction: Direction,
    /// The recipient if it was sent, otherwise the sender's key.
    pub(crate) peer: String,
    /// The height of its block. Missing while it waits in the mempool.
    pub(crate) number_of_block: Option<u64>,
    /// The number of blocks that confirm it: its own and those above, 0 while it waits.
    pub(crate) confirmations: u64,
    /// The message.
    #[serde(flatten)]
    pub(crate) message: MessageView,
}

/// A search from the tip downwards.
#[derive(Debug)]
pub(crate) struct Search {
    /// `None` if only messages to the name are searched.
    key: Option<PublicKey>,
    recipient: Option<String>,
    /// The heights that were searched, the first and the lowest. `None` before the first answer.
    searched: Option<(u64, u64)>,
    /// True if the node deleted the blocks below the lowest that was searched.
    is_pruned: bool,
    /// The messages that were found. A reorganisation or a new block between two answers may bring
    /// one again.
    found: HashSet<MessageId>,
}

impl Search {
    /// Starts a search for the messages of a key, and of those to a name. One of the two is enough.
    pub(crate) fn new(key: Option<PublicKey>, recipient: Option<String>) -> Self {
        Self { key, recipient, searched: None, is_pruned: false, found: HashSet::new() }
    }

    /// Returns the height of the tip when the search began. 0 before the first answer.
    pub(crate) fn tip(&self) -> u64 {
        self.searched.map_or(0, |(tip, _)| tip)
    }

    /// Returns the lowest height that was searched.
    pub(crate) fn lowest(&self) -> u64 {
        self.searched.map_or(0, |(_, lowest)| lowest)
    }

    /// Returns true if every block was searched. The genesis block has no messages.
    pub(crate) fn is_complete(&self) -> bool {
        self.searched.is_some_and(|(_, lowest)| lowest <= 1)
    }

    /// Returns true if the node deleted the older blocks, so that they cannot be searched.
    pub(crate) fn is_pruned(&self) -> bool {
        self.is_pruned
    }

    /// Returns true if there is nothing more to search.
    pub(crate) fn is_over(&self) -> bool {
        self.is_complete() || self.is_pruned
    }

    /// Asks for the next range of blocks. Returns the messages found there, the newest first.
    ///
    /// # Errors
    /// The node does not answer, stays busy, or answers with another range than the next.
    pub(crate) fn next(&mut self, client: &NodeClient) -> anyhow::Result<Vec<Entry>> {
        let to = self.searched.map(|(_, lowest)| lowest.saturating_sub(1));
        match self.ask(client, to) {
            Ok(traces) => self.add(traces, to),
            Err(error) if to.is_some() && is_refused(&error, "pruned") => {
                self.is_pruned = true;
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    fn ask(&self, client: &NodeClient, to: Option<u64>) -> anyhow::Result<Traces> {
        let mut query: Vec<_> = to.map(|to| ("to", to.to_string())).into_iter().collect();
        query.extend(self.recipient.clone().map(|name| ("recipient", name)));
        // Nobody signs with this key.
        let key = self.key.unwrap_or(PublicKey::NOBODY);
        let mut busy = 0;
        loop {
            match client.get_with(&format!("/api/v1/keys/{key}"), &query) {
                Err(error) if busy < BUSY_MAX && is_refused(&error, "busy") => busy += 1,
                answer => return answer,
            }
            std::thread::sleep(BUSY_PAUSE);
        }
    }

    /// Takes an answer. Returns its new messages, those that wait first, then from the newest block
    /// downwards.
    fn add(&mut self, traces: Traces, to: Option<u64>) -> anyhow::Result<Vec<Entry>> {
        let Traces { from, to: top, pending, messages, .. } = traces;
        // An answer that covers nothing new would be asked for again without end.
        let goes_down = from <= top && to.is_none_or(|to| top <= to);
        ensure!(goes_down, "the node searched blocks {from} to {top}, which were not asked for");
        let tip = self.searched.map_or(top, |(tip, _)| tip);
        self.searched = Some((tip, from));
        let pending = pending.into_iter().map(|message| (message, None));
        let placed = messages.into_iter().map(|status| (status.message, status.number_of_block));
        let mut entries = Vec::new();
        for (message, height) in pending.chain(placed) {
            if self.found.insert(message.id) {
                entries.extend(self.entry(message, height, tip));
            }
        }
        entries.sort_by_key(|entry| {
            let height = entry.number_of_block.unwrap_or(u64::MAX);
            std::cmp::Reverse((height, entry.message.time_unix_ms))
        });
        Ok(entries)
    }

    /// Returns the entry of a message. Returns `None` if the message has to do with neither the key nor
    /// the name.
    fn entry(&self, message: MessageView, height: Option<u64>, tip: u64) -> Option<Entry> {
        let is_sent = self.key == Some(message.sender);
        let is_to_key = self.key.is_some_and(|key| message.recipient == key.to_string());
        let direction = match (is_sent, is_to_key || self.recipient.as_ref() == Some(&message.recipient)) {
            (true, true) => Direction::Both,
            (true, false) => Direction::Sent,
            (false, true) => Direction::Received,
            (false, false) => return None,
        };
        let peer = if is_sent { message.recipient.clone() } else { message.sender.to_string() };
        let confirmations = height.map_or(0, |height| (tip + 1).saturating_sub(height));
        Some(Entry { direction, peer, number_of_block: height, confirmations, message })
    }
}

fn is_refused(error: &anyhow::Error, code: &str) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == code)
}

/// Returns a recipient's name, or the reason that it is not one.
///
/// # Errors
/// It is too long.
pub(crate) fn parse_recipient(text: &str) -> anyhow::Result<String> {
    let max = plexus_core::primitives::message::RECIPIENT_BYTES_MAX;
    ensure!(text.len() <= max, "a recipient has at most {max} bytes, this one has {}", text.len());
    Ok(text.to_owned())
}

/// Returns the key whose 66 hex digits a text has.
///
/// # Errors
/// It is not a public key.
pub(crate) fn parse_key(text: &str) -> anyhow::Result<PublicKey> {
    text.parse()
        .with_context(|| "a public key of 66 hex digits is expected, as `plexus key show --public` prints it")
}

#[cfg(test)]
mod tests {
    use plexus_core::ledger::json::MessageStatus;
    use plexus_core::primitives::key::SecretKey;
    use plexus_core::primitives::message::Draft;
    use plexus_core::primitives::params::Network;
    use plexus_core::primitives::time::Timestamp;

    use super::*;

    fn secret(seed: u8) -> SecretKey {
        SecretKey::from_bytes(&[seed; 32]).unwrap()
    }

    fn view(sender: u8, recipient: &str, text: &str, time: u64) -> MessageView {
        let (network, sender) = (Network::dev(), secret(sender));
        let draft = Draft::new(sender.public(), recipient, text, Timestamp::from_unix_ms(time)).unwrap();
        MessageView::new(&draft.sign(&sender, network.id(), 0), network.id())
    }

    fn placed(message: MessageView, height: u64) -> MessageStatus {
        MessageStatus {
            message,
            pending: false,
            number_of_block: Some(height),
            block: None,
            work_above: None,
        }
    }

    fn traces(from: u64, to: u64, pending: Vec<MessageView>, messages: Vec<MessageStatus>) -> Traces {
        let key = secret(7).public().to_string();
        Traces { key, from, to, pool_searched: pending.len(), pending, messages, blocks: Vec::new() }
    }

    #[test]
    fn messages_come_newest_first_and_each_of_them_once() {
        let me = secret(7).public();
        let mut search = Search::new(Some(me), Some("bob".to_owned()));
        let (old, new) = (view(7, "carol", "old", 1), view(8, "bob", "new", 3));
        let (mine, own) = (view(8, &me.to_string(), "mine", 2), view(7, "bob", "own", 9));
        let first =
            traces(11, 20, vec![own.clone()], vec![placed(mine.clone(), 15), placed(new.clone(), 15)]);
        let entries = search.add(first, None).unwrap();
        let texts: Vec<_> = entries.iter().map(|entry| entry.message.text.as_str()).collect();
        assert_eq!(texts, ["own", "new", "mine"]);
        let shown: Vec<_> = entries.iter().map(|entry| (entry.direction, entry.confirmations)).collect();
        assert_eq!(shown, [(Direction::Both, 0), (Direction::Received, 6), (Direction::Received, 6)]);
        assert_eq!((search.tip(), search.lowest(), search.is_complete()), (20, 11, false));

        let second = traces(1, 10, Vec::new(), vec![placed(mine, 10), placed(old, 4)]);
        let entries = search.add(second, Some(10)).unwrap();
        assert_eq!(entries.len(), 1, "a message that came before is not repeated");
        assert_eq!((entries[0].peer.as_str(), entries[0].confirmations), ("carol", 17));
        assert!(search.is_complete());
    }

    #[test]
    fn messages_to_a_name_are_found_without_a_key() {
        let mut search = Search::new(None, Some("bob".to_owned()));
        let to_nobody = view(8, &PublicKey::NOBODY.to_string(), "to no key", 2);
        let messages = vec![placed(view(8, "bob", "to bob", 3), 15), placed(to_nobody, 15)];
        let entries = search.add(traces(1, 20, Vec::new(), messages), None).unwrap();
        let shown: Vec<_> =
            entries.iter().map(|entry| (entry.direction, entry.message.text.as_str())).collect();
        assert_eq!(shown, [(Direction::Received, "to bob")]);
    }

    #[test]
    fn an_answer_about_other_blocks_ends_the_search() {
        let mut search = Search::new(Some(secret(7).public()), None);
        search.add(traces(11, 20, Vec::new(), Vec::new()), None).unwrap();
        let error = search.add(traces(5, 15, Vec::new(), Vec::new()), Some(10)).unwrap_err();
        assert!(error.to_string().contains("5 to 15"), "{error}");
        assert!(search.add(traces(9, 8, Vec::new(), Vec::new()), Some(10)).is_err());
    }

    #[test]
    fn a_search_ends_at_the_blocks_that_the_node_deleted() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let node = listener.local_addr().unwrap().to_string().parse().unwrap();
        let server = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut socket, _) = listener.accept().unwrap();
            let asked = socket.read(&mut [0; 4_096]).unwrap();
            let body = r#"{"error":{"code":"pruned","message":"deleted here"}}"#;
            let head = format!("HTTP/1.1 410 Gone\r\nContent-Length: {}\r\n\r\n", body.len());
            socket.write_all((head + body).as_bytes()).unwrap();
            asked
        });
        let mut search = Search::new(Some(secret(7).public()), None);
        search.add(traces(11, 20, Vec::new(), Vec::new()), None).unwrap();
        assert_eq!(search.next(&NodeClient::new(&node)).unwrap(), []);
        assert!(search.is_over() && search.is_pruned() && !search.is_complete());
        assert_eq!(search.lowest(), 11);
        assert!(server.join().unwrap() > 0);
    }

    #[test]
    fn a_chain_of_genesis_alone_is_searched_at_once() {
        let mut search = Search::new(Some(secret(7).public()), None);
        assert!(!search.is_complete());
        search.add(traces(0, 0, Vec::new(), Vec::new()), None).unwrap();
        assert!(search.is_complete());
    }
}
