//! The page with all fields of a block or of a message. It scrolls.

use plexus_core::ledger::json::{BlockView, MessageView};
use ratatui::crossterm::event::KeyCode;

use super::cursor;
use crate::command::table;

/// A page of text that is wrapped to the terminal's width.
#[derive(Debug)]
pub(super) struct Details {
    pub(super) title: String,
    paragraphs: Vec<String>,
    /// The paragraphs as lines of `width` columns.
    pub(super) lines: Vec<String>,
    width: u16,
    /// The first line that is shown.
    pub(super) top: usize,
}

impl Details {
    fn new(title: String, paragraphs: Vec<String>) -> Self {
        Self { title, paragraphs, lines: Vec::new(), width: 0, top: 0 }
    }

    /// Creates a page that says why there is nothing to show.
    pub(super) fn failure(title: &str, reason: &str) -> Self {
        Self::new(title.to_owned(), vec![table::one_line(reason)])
    }

    /// Creates the page of a block and all its messages.
    pub(super) fn block(block: &BlockView) -> Self {
        let mut paragraphs = vec![
            field("height", &block.number_of_block.to_string()),
            field("hash", &block.hash.to_string()),
            field("parent", &block.prev_hash.to_string()),
            field("time", &block.time_stamp),
            field("author", &block.author.to_string()),
            field("work", &format!("{} hashes", block.proof_of_work)),
            field("total work", &format!("{} hashes", block.total_work)),
            field("nonce", &block.nonce),
            field("target", &block.bits),
            field("content root", &block.content_root.to_string()),
            field("signature", &block.signature.to_string()),
            field("messages", &block.messages.len().to_string()),
        ];
        for (index, message) in block.messages.iter().enumerate() {
            paragraphs.extend([String::new(), format!("Message {} of {}", index + 1, block.messages.len())]);
            paragraphs.extend(of_message(message));
        }
        Self::new(format!("Block {}", block.number_of_block), paragraphs)
    }

    /// Creates the page of a message. `place` says where it is.
    pub(super) fn message(message: &MessageView, place: &str) -> Self {
        let mut paragraphs = vec![field("place", place)];
        paragraphs.extend(of_message(message));
        Self::new("Message".to_owned(), paragraphs)
    }

    /// Wraps the text to this width, and keeps the last line on a page of this height.
    pub(super) fn fit(&mut self, width: u16, page: usize) {
        if self.width != width {
            self.width = width;
            let options = textwrap::Options::new(usize::from(width.max(1))).subsequent_indent("  ");
            let wrapped = |paragraph: &String| {
                textwrap::wrap(paragraph, &options).into_iter().map(Into::into).collect::<Vec<String>>()
            };
            self.lines = self.paragraphs.iter().flat_map(wrapped).collect();
        }
        self.top = self.top.min(self.lines.len().saturating_sub(page));
    }

    /// Scrolls by a key.
    pub(super) fn scrolled(&mut self, key: KeyCode, page: usize) {
        let last = self.lines.len().saturating_sub(page);
        let leap = page.saturating_sub(1).max(1);
        self.top = cursor::moved(self.top, key, last, leap).unwrap_or(self.top);
    }
}

fn field(name: &str, value: &str) -> String {
    format!("{name:<13}{}", table::one_line(value))
}

fn of_message(message: &MessageView) -> Vec<String> {
    let mut paragraphs = vec![
        field("id", &message.id.to_string()),
        field("from", &message.sender.to_string()),
        field("to", if message.recipient.is_empty() { "(nobody)" } else { &message.recipient }),
        field("time", &message.time_stamp),
        field("stamp", &message.stamp),
        field("signature", &message.signature.to_string()),
        String::new(),
    ];
    paragraphs.extend(message.text.lines().map(|line| table::harmless(&line.replace('\t', "    "))));
    paragraphs
}
