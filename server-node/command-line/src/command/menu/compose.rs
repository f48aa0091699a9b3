//! The form for a message: recipient, text, stamp, and the question before it is sent.

use plexus_core::primitives::message::{RECIPIENT_BYTES_MAX, TEXT_BYTES_MAX};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Modifier, Style};
use ratatui_textarea::{TextArea, WrapMode};
use zeroize::Zeroizing;

use super::exchange::Outgoing;
use crate::command::send::Priority;

/// The stamps that may be chosen, those with the least work first.
const STAMPS: [(Priority, &str); 3] = [
    (Priority::Low, "low: the least work"),
    (Priority::Normal, "normal: twice the least, instantly"),
    (Priority::High, "high: 2^22 hashes, about a second"),
];
/// The most steps that a field can be undone.
const UNDO_MAX: usize = 100;
/// The most bytes of a passphrase.
const PASSPHRASE_BYTES_MAX: usize = 1_024;

/// The part of the form that has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    Recipient,
    Text,
    Stamp,
    Send,
}

/// The state of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Editing,
    /// It asks if the message shall be sent.
    Confirming,
    /// The message is being signed, stamped and sent. The text says how far that is.
    Sending(String),
}

/// What a key led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Stay,
    /// Back to the menu.
    Leave,
    Send(Outgoing),
}

/// The form.
#[derive(Debug)]
pub(super) struct Compose {
    pub(super) recipient: TextArea<'static>,
    pub(super) text: TextArea<'static>,
    /// The passphrase of the key file, if it is encrypted.
    pub(super) passphrase: TextArea<'static>,
    stamp: usize,
    pub(super) focus: Focus,
    pub(super) state: State,
    /// What went wrong last.
    pub(super) error: Option<String>,
    /// True if sending needs a passphrase.
    pub(super) is_encrypted: bool,
}

impl Compose {
    /// Creates an empty form.
    pub(super) fn new() -> Self {
        let mut form = Self {
            recipient: field(),
            text: field(),
            passphrase: field(),
            stamp: 1,
            focus: Focus::Recipient,
            state: State::Editing,
            error: None,
            is_encrypted: false,
        };
        form.text.set_wrap_mode(WrapMode::WordOrGlyph);
        form.passphrase.set_mask_char('*');
        form.passphrase.set_max_histories(0);
        form.focus(Focus::Recipient);
        form
    }

    /// Returns the recipient and the text as they are sent.
    pub(super) fn draft(&self) -> (String, String) {
        (self.recipient.lines().concat(), self.text.lines().join("\n"))
    }

    /// Returns true if something is written and not sent.
    pub(super) fn is_unsent(&self) -> bool {
        let (recipient, text) = self.draft();
        !recipient.is_empty() || !text.trim().is_empty()
    }

    /// Returns the stamp's name and work.
    pub(super) fn stamp(&self) -> &'static str {
        STAMPS.get(self.stamp).map_or("", |(_, text)| text)
    }

    fn priority(&self) -> Priority {
        STAMPS.get(self.stamp).map_or(Priority::Normal, |(priority, _)| *priority)
    }

    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Outcome {
        match self.state {
            State::Sending(_) if key.code == KeyCode::Esc => Outcome::Leave,
            State::Sending(_) => Outcome::Stay,
            State::Confirming => self.confirm(key),
            State::Editing => self.edit(key),
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "all other keys go to the field")]
    fn edit(&mut self, key: KeyEvent) -> Outcome {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (key.code, self.focus) {
            (KeyCode::Esc, _) => return Outcome::Leave,
            (KeyCode::Char('s'), _) if is_control => self.ask(),
            (KeyCode::Tab, _) => self.focus(next(self.focus, 1)),
            (KeyCode::BackTab, _) => self.focus(next(self.focus, 3)),
            (KeyCode::Enter | KeyCode::Down, Focus::Recipient) => self.focus(Focus::Text),
            (_, Focus::Recipient) => bounded(&mut self.recipient, RECIPIENT_BYTES_MAX, |field| {
                field.input(key);
            }),
            (_, Focus::Text) => bounded(&mut self.text, TEXT_BYTES_MAX, |field| {
                field.input(key);
            }),
            (KeyCode::Left, Focus::Stamp) => self.stamp = self.stamp.saturating_sub(1),
            (KeyCode::Right, Focus::Stamp) => self.stamp = (self.stamp + 1).min(STAMPS.len() - 1),
            (KeyCode::Char(' '), Focus::Stamp) => self.stamp = (self.stamp + 1) % STAMPS.len(),
            (KeyCode::Enter, Focus::Stamp) => self.focus(Focus::Send),
            (KeyCode::Enter | KeyCode::Char(' '), Focus::Send) => self.ask(),
            (KeyCode::Up, Focus::Stamp | Focus::Send) => self.focus(next(self.focus, 3)),
            (KeyCode::Down, Focus::Stamp) => self.focus(Focus::Send),
            _ => {}
        }
        Outcome::Stay
    }

    /// Takes pasted text. Text that does not fit is left out as a whole.
    pub(super) fn paste(&mut self, pasted: &str) {
        let is_kept = |char: &char| !char.is_control() || *char == '\n' || *char == '\t';
        let pasted = pasted.replace("\r\n", "\n").replace('\r', "\n");
        let pasted: String = pasted.chars().filter(is_kept).collect();
        let line = || pasted.split_whitespace().collect::<Vec<_>>().join(" ");
        let (field, max, text) = match (&self.state, self.focus) {
            (State::Confirming, _) if self.is_encrypted => {
                (&mut self.passphrase, PASSPHRASE_BYTES_MAX, pasted.replace('\n', ""))
            }
            (State::Editing, Focus::Recipient) => (&mut self.recipient, RECIPIENT_BYTES_MAX, line()),
            (State::Editing, Focus::Text) => (&mut self.text, TEXT_BYTES_MAX, pasted),
            _ => return,
        };
        if bytes(field) + text.len() > max {
            self.error = Some(format!("the pasted text does not fit: at most {max} bytes are allowed here"));
        } else {
            field.insert_str(text);
        }
    }

    /// Asks if the message shall be sent, if it can be.
    fn ask(&mut self) {
        let (_, text) = self.draft();
        self.error = text.trim().is_empty().then(|| "the text is empty: write one first".to_owned());
        if self.error.is_some() {
            self.focus(Focus::Text);
        } else {
            self.state = State::Confirming;
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "all other keys are for the passphrase")]
    fn confirm(&mut self, key: KeyEvent) -> Outcome {
        match key.code {
            KeyCode::Esc => self.edit_again(None),
            KeyCode::Char('n') if !self.is_encrypted => self.edit_again(None),
            KeyCode::Enter => return Outcome::Send(self.outgoing()),
            KeyCode::Char('y') if !self.is_encrypted => return Outcome::Send(self.outgoing()),
            _ if self.is_encrypted => bounded(&mut self.passphrase, PASSPHRASE_BYTES_MAX, |field| {
                field.input_without_shortcuts(key);
            }),
            _ => {}
        }
        Outcome::Stay
    }

    fn outgoing(&mut self) -> Outgoing {
        let (recipient, text) = self.draft();
        let passphrase = self.is_encrypted.then(|| Zeroizing::new(self.passphrase.lines().concat()));
        self.clear_passphrase();
        self.error = None;
        self.state = State::Sending("signing".to_owned());
        Outgoing { recipient, text, priority: self.priority(), passphrase }
    }

    fn clear_passphrase(&mut self) {
        let passphrase = std::mem::replace(&mut self.passphrase, field());
        passphrase.into_lines().into_iter().for_each(|line| drop(Zeroizing::new(line)));
        self.passphrase.set_mask_char('*');
        self.passphrase.set_max_histories(0);
    }

    /// Returns to the form, which keeps what is written.
    pub(super) fn edit_again(&mut self, error: Option<String>) {
        self.clear_passphrase();
        self.error = error;
        self.state = State::Editing;
    }

    /// Empties the form after its message was sent. The stamp stays.
    pub(super) fn sent(&mut self) {
        *self = Self { stamp: self.stamp, is_encrypted: self.is_encrypted, ..Self::new() };
    }

    /// Notes how far the stamp is.
    pub(super) fn stamping(&mut self, tries: u64, expected: u64) {
        if matches!(self.state, State::Sending(_)) {
            let percent = tries.saturating_mul(100) / expected.max(1);
            self.state = State::Sending(match percent {
                0..100 => format!("stamping, {percent} %"),
                _ => "stamping, almost there".to_owned(),
            });
        }
    }

    /// Gives the keys to a part of the form. Only a field that has them shows its cursor.
    fn focus(&mut self, focus: Focus) {
        self.focus = focus;
        let style = |has_keys| {
            if has_keys { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() }
        };
        self.recipient.set_cursor_style(style(focus == Focus::Recipient));
        self.text.set_cursor_style(style(focus == Focus::Text));
    }
}

fn field() -> TextArea<'static> {
    let mut field = TextArea::default();
    field.set_cursor_line_style(Style::new());
    field.set_max_histories(UNDO_MAX);
    field
}

/// Returns the bytes of a field, with its line breaks.
pub(super) fn bytes(field: &TextArea<'_>) -> usize {
    field.lines().iter().map(|line| line.len() + 1).sum::<usize>().saturating_sub(1)
}

/// Changes a field. If it then has over `max` bytes, the change is undone.
fn bounded(field: &mut TextArea<'static>, max: usize, change: impl FnOnce(&mut TextArea<'static>)) {
    let before = field.clone();
    change(field);
    if bytes(field) > max && bytes(field) > bytes(&before) {
        *field = before;
    }
}

const fn next(focus: Focus, steps: usize) -> Focus {
    const ORDER: [Focus; 4] = [Focus::Recipient, Focus::Text, Focus::Stamp, Focus::Send];
    ORDER[(focus as usize + steps) % ORDER.len()]
}
