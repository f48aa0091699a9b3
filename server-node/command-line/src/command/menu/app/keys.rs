//! What a key does: on each page, in the details over it, and before the program is left.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{App, Screen};
use crate::command::menu::compose;
use crate::command::menu::details::Details;
use crate::command::menu::exchange::{Action, Identity, Request};
use crate::command::menu::live::Opens;
use crate::command::menu::sent::Place;

impl App {
    pub(super) fn key(&mut self, key: KeyEvent) {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return self.leave();
        }
        if self.is_leaving {
            return self.confirm_leaving(key.code);
        }
        let page = self.details_page();
        if let Some(details) = &mut self.details {
            if matches!(key.code, KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q')) {
                self.details = None;
            } else {
                details.scrolled(key.code, page);
            }
            return;
        }
        match self.screen {
            Screen::Compose => self.compose_key(key),
            Screen::Home => self.home_key(key.code),
            Screen::History | Screen::Chain | Screen::Live => self.list_key(key.code),
        }
    }

    /// Leaves the program. A message that is not sent is asked about; a second time leaves at once.
    fn leave(&mut self) {
        let is_sending = matches!(self.compose.state, compose::State::Sending(_));
        if self.is_leaving || !(self.compose.is_unsent() || is_sending) {
            self.is_done = true;
        } else {
            self.is_leaving = true;
        }
    }

    fn confirm_leaving(&mut self, key: KeyCode) {
        if matches!(key, KeyCode::Char('y') | KeyCode::Enter) {
            self.is_done = true;
        } else {
            self.is_leaving = false;
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "all other keys do nothing here")]
    fn home_key(&mut self, key: KeyCode) {
        let last = Screen::LISTED.len() - 1;
        match key {
            KeyCode::Char('q') | KeyCode::Esc => self.leave(),
            KeyCode::Up | KeyCode::Char('k') | KeyCode::BackTab => self.home = self.home.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => self.home = (self.home + 1).min(last),
            KeyCode::Enter => self.show(self.home),
            KeyCode::Char(digit @ '1'..='4') => self.show(digit as usize - '1' as usize),
            _ => {}
        }
    }

    fn show(&mut self, index: usize) {
        if let Some((screen, _, _)) = Screen::LISTED.get(index) {
            self.home = index;
            self.screen = *screen;
        }
    }

    fn compose_key(&mut self, key: KeyEvent) {
        match self.compose.key(key) {
            compose::Outcome::Stay if self.compose.state == compose::State::Confirming => {
                if let Some(reason) = self.unable_to_send() {
                    self.compose.edit_again(Some(reason));
                }
            }
            compose::Outcome::Stay => {}
            compose::Outcome::Leave => self.screen = Screen::Home,
            compose::Outcome::Send(outgoing) => self.actions.push(Action::Send(outgoing)),
        }
    }

    /// Returns the reason that nothing can be sent now.
    fn unable_to_send(&self) -> Option<String> {
        match (&self.connection.error, &self.identity) {
            (Some(_), _) | (None, None) => {
                Some("the node does not answer: send the message when it is back".to_owned())
            }
            (None, Some(Identity { key: Err(reason), .. })) => Some(reason.clone()),
            (None, Some(Identity { key: Ok(_), .. })) => None,
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "all other keys do nothing here")]
    fn list_key(&mut self, key: KeyCode) {
        let page = self.page();
        let has_moved = match self.screen {
            Screen::History => self.history.moved(key, page),
            Screen::Chain => self.chain.moved(key, page),
            _ => self.live.moved(key, page),
        };
        match key {
            _ if has_moved => {}
            KeyCode::Esc | KeyCode::Char('q') => self.screen = Screen::Home,
            KeyCode::Enter => self.open(),
            KeyCode::Char('f') if self.screen == Screen::History => self.history.next_filter(),
            KeyCode::Char('r') => self.refresh(),
            _ => {}
        }
    }

    fn refresh(&mut self) {
        match self.screen {
            Screen::History => self.history.refresh(),
            Screen::Chain => self.chain.clear(),
            Screen::Home | Screen::Compose | Screen::Live => {}
        }
        self.asked.status_at = 0;
    }

    /// Opens the page of the selected row.
    fn open(&mut self) {
        match self.screen {
            Screen::History => {
                let shown = self.history.shown();
                let Some(entry) = shown.get(self.history.cursor.selected) else { return };
                let place = match entry.number_of_block {
                    None => Place::Waiting,
                    Some(height) => Place::InBlock(height),
                };
                self.details = Some(Details::message(&entry.message, &place.text(self.tip())));
            }
            Screen::Chain => {
                if let Some(height) = self.chain.height_at(self.chain.cursor.selected) {
                    self.open_block(height.to_string());
                }
            }
            Screen::Live => match self.live.selected().map(|row| row.opens.clone()) {
                Some(Opens::Block(hash)) => self.open_block(hash.to_string()),
                Some(Opens::Message(message)) => {
                    self.details = Some(Details::message(&message, "it entered the mempool"));
                }
                Some(Opens::Nothing) | None => {}
            },
            Screen::Home | Screen::Compose => {}
        }
        self.fit_details();
    }

    fn open_block(&mut self, name: String) {
        if !self.asked.block {
            self.asked.block = true;
            self.is_opening = true;
            self.actions.push(Action::Ask(Request::Block { name }));
        }
    }
}
