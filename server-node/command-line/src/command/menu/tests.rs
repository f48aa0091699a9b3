//! The menu by its keys: inputs go in, and the screen that a user would see is compared.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use plexus_core::ledger::json::{BlockView, MessageStatus, MessageView};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::message::Draft;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::time::Timestamp;
use plexus_node::api::view::StatusView;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::app::App;
use super::draw::{Theme, draw};
use super::exchange::{
    Action, Answer, BlockRow, Event, HistoryPage, Identity, Input, Letter, Outgoing, Request,
};
use crate::command::history::search::{Direction, Entry};
use crate::command::send::Priority;

/// The time of all inputs, unix milliseconds.
const NOW: u64 = 1_767_225_660_000;

/// The menu with a scripted user and a scripted node.
struct Script {
    app: App,
    size: (u16, u16),
    actions: Vec<Action>,
    now: u64,
}

impl Script {
    fn new(columns: u16, rows: u16) -> Self {
        let app = App::new("http://127.0.0.1:8333", Some("bob".to_owned()), (columns, rows));
        let mut script = Self { app, size: (columns, rows), actions: Vec::new(), now: NOW };
        script.input(Input::Tick);
        script
    }

    /// Returns a menu whose node has answered with this height.
    fn connected(columns: u16, rows: u16, height: u64) -> Self {
        let mut script = Self::new(columns, rows);
        script.input(Input::Event(Event::Opened));
        script.status(height);
        script
    }

    fn input(&mut self, input: Input) {
        self.app.update(input, self.now);
        self.actions.extend(self.app.take_actions());
    }

    fn status(&mut self, height: u64) {
        let identity = Identity { key: Ok(secret(7).public()), is_encrypted: false };
        self.input(Input::Answer(Answer::Status(Ok(Box::new((status(height), identity))))));
    }

    fn keys(&mut self, keys: &[KeyCode]) {
        for key in keys {
            self.input(Input::Key(KeyEvent::new(*key, KeyModifiers::NONE)));
        }
    }

    fn types(&mut self, text: &str) {
        text.chars().for_each(|char| self.keys(&[KeyCode::Char(char)]));
    }

    fn control(&mut self, char: char) {
        self.input(Input::Key(KeyEvent::new(KeyCode::Char(char), KeyModifiers::CONTROL)));
    }

    /// Returns what was asked for since the last time.
    fn asked(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Answers every request for blocks, as a node with these blocks.
    fn answer_blocks(&mut self) {
        for action in self.asked() {
            if let Action::Ask(Request::Blocks { from, limit }) = action {
                let rows = (from..from + limit).map(|height| BlockRow::new(&block(height, &[])));
                self.input(Input::Answer(Answer::Blocks(Ok(rows.collect()))));
            }
        }
    }

    fn block(&mut self, height: u64, messages: &[MessageView]) {
        let row = BlockRow::new(&block(height, messages));
        self.input(Input::Event(Event::Block(row, messages.iter().map(Letter::new).collect())));
    }

    fn terminal(&self, theme: Theme) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(self.size.0, self.size.1)).unwrap();
        terminal.draw(|frame| draw(frame, &self.app, theme)).unwrap();
        terminal
    }

    /// Returns the screen as text.
    fn screen(&self) -> String {
        self.terminal(Theme::new(true)).backend().to_string()
    }
}

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32]).unwrap()
}

fn message(sender: u8, recipient: &str, text: &str) -> MessageView {
    let (network, sender) = (Network::dev(), secret(sender));
    let draft = Draft::new(sender.public(), recipient, text, Timestamp::from_unix_ms(NOW)).unwrap();
    MessageView::new(&draft.sign(&sender, network.id(), 0), network.id())
}

fn hash(height: u64) -> Hash {
    Hash::of(&height.to_le_bytes())
}

fn block(height: u64, messages: &[MessageView]) -> BlockView {
    let network = Network::dev();
    let genesis = BlockView::new(&network.genesis_block(), Work::ZERO, network.id());
    BlockView {
        hash: hash(height),
        prev_hash: hash(height.wrapping_sub(1)),
        number_of_block: height,
        time_unix_ms: NOW - 60_000 + height,
        author: secret(9).public(),
        messages: messages.to_vec(),
        ..genesis
    }
}

fn status(height: u64) -> StatusView {
    // From JSON: fields that this test is not about may be added.
    let status = serde_json::json!({
        "network": "dev", "network_id": Network::dev().id(), "version": "1.2.3", "height": height,
        "target": height, "tip": hash(height), "total_work": "1", "difficulty": "1", "peers": 3,
        "agreeing": 3, "pool": 0, "syncing": false, "mining": false,
    });
    serde_json::from_value(status).unwrap()
}

fn entry(height: Option<u64>, direction: Direction, message: MessageView) -> Entry {
    let peer = if direction.is_sent() { message.recipient.clone() } else { message.sender.to_string() };
    Entry { direction, peer, number_of_block: height, confirmations: 0, message }
}

#[test]
fn the_first_page_lists_the_menu_and_the_key() {
    let mut script = Script::connected(60, 20, 41);
    script.block(42, &[message(8, "carol", "hello carol")]);
    insta::assert_snapshot!(script.screen());
}

#[test]
fn the_first_page_says_what_the_node_deleted_and_what_it_lacks() {
    let mut script = Script::connected(60, 20, 900);
    assert!(!script.screen().contains("oldest block") && !script.screen().contains("archive"));
    let identity = Identity { key: Ok(secret(7).public()), is_encrypted: false };
    let pruned = StatusView { pruned: Some(389), lacking: Some(901), ..status(900) };
    script.input(Input::Answer(Answer::Status(Ok(Box::new((pruned, identity))))));
    for part in ["389 is the oldest block whose messages", "lacking block 901: the node needs an archive"] {
        assert!(script.screen().contains(part), "{part}: {}", script.screen());
    }
}

#[test]
fn a_node_that_is_away_is_shown_and_asked_again() {
    let mut script = Script::new(60, 20);
    assert_eq!(script.asked(), [Action::Ask(Request::Status)]);
    script.input(Input::Answer(Answer::Status(Err("no node answers".to_owned()))));
    assert!(script.screen().contains("no node answers at http://127.0.0.1:8333"), "{}", script.screen());
    assert_eq!(script.asked(), [], "it is not asked again at once");
    script.now += 2_000;
    script.input(Input::Tick);
    assert_eq!(script.asked(), [Action::Ask(Request::Status)]);
    script.status(7);
    assert!(script.screen().contains("height 7, 3 peers"), "{}", script.screen());
    script.now += 2_000;
    script.input(Input::Tick);
    script.input(Input::Answer(Answer::Status(Err("gone".to_owned()))));
    assert!(script.screen().contains("is away, height 7 was the last"), "{}", script.screen());
}

#[test]
fn a_message_is_written_confirmed_sent_and_followed_into_its_block() {
    let mut script = Script::connected(80, 24, 41);
    script.keys(&[KeyCode::Char('1')]);
    script.types("bob");
    script.keys(&[KeyCode::Tab]);
    script.types("hello bob");
    script.keys(&[KeyCode::Enter]);
    script.input(Input::Paste("a second\r\nand a third line".to_owned()));
    script.keys(&[KeyCode::Tab, KeyCode::Right]);
    insta::assert_snapshot!("form", script.screen());
    script.keys(&[KeyCode::Enter, KeyCode::Enter]);
    insta::assert_snapshot!("question", script.screen());
    assert!(!script.asked().iter().any(|action| matches!(action, Action::Send(_))), "not before the answer");

    script.keys(&[KeyCode::Enter]);
    let text = "hello bob\na second\nand a third line".to_owned();
    let outgoing = Outgoing { recipient: "bob".to_owned(), text, priority: Priority::High, passphrase: None };
    assert_eq!(script.asked(), [Action::Send(outgoing)]);
    script.input(Input::Answer(Answer::Stamping(1 << 20, 1 << 22)));
    assert!(script.screen().contains("Sending: stamping, 25 %"), "{}", script.screen());
    let sent = message(7, "bob", "hello bob");
    script.input(Input::Answer(Answer::Sent(Ok(Box::new(sent.clone())))));
    assert!(script.screen().contains("waiting for a block"), "{}", script.screen());
    assert!(script.screen().contains("Text, 0 of 4096 bytes"), "the form is empty: {}", script.screen());
    script.block(42, &[sent]);
    insta::assert_snapshot!("sent", script.screen());
    script.input(Input::Event(Event::Undone { fork: 41, count: 1 }));
    assert!(script.screen().contains("waiting for a block"), "{}", script.screen());
}

#[test]
fn a_message_that_is_refused_stays_in_the_form_with_the_reason() {
    let mut script = Script::connected(60, 20, 41);
    script.keys(&[KeyCode::Char('1'), KeyCode::Tab]);
    script.control('s');
    assert!(script.screen().contains("the text is empty"), "{}", script.screen());
    script.types("hello");
    script.control('s');
    script.keys(&[KeyCode::Esc]);
    assert!(script.asked().iter().all(|action| !matches!(action, Action::Send(_))), "Esc sends nothing");
    script.control('s');
    script.types("y");
    script.input(Input::Answer(Answer::Sent(Err("the pool is full".to_owned()))));
    let screen = script.screen();
    assert!(screen.contains("the pool is full") && screen.contains("hello"), "{screen}");
}

#[test]
fn nothing_is_sent_without_a_node_or_a_key() {
    let mut script = Script::new(60, 20);
    script.keys(&[KeyCode::Char('1'), KeyCode::Tab, KeyCode::Char('x')]);
    script.control('s');
    assert!(script.screen().contains("the node does not answer"), "{}", script.screen());
    let identity = Identity { key: Err("author.key does not exist".to_owned()), is_encrypted: false };
    script.input(Input::Answer(Answer::Status(Ok(Box::new((status(1), identity))))));
    script.control('s');
    assert!(script.screen().contains("author.key does not exist"), "{}", script.screen());
}

#[test]
fn a_passphrase_is_asked_for_hidden_and_handed_on_once() {
    let mut script = Script::new(60, 20);
    let identity = Identity { key: Ok(secret(7).public()), is_encrypted: true };
    script.input(Input::Answer(Answer::Status(Ok(Box::new((status(1), identity))))));
    script.keys(&[KeyCode::Char('1'), KeyCode::Tab, KeyCode::Char('x')]);
    script.control('s');
    script.types("yes n");
    let screen = script.screen();
    assert!(screen.contains("*****") && !screen.contains("yes n"), "{screen}");
    script.asked();
    script.keys(&[KeyCode::Enter]);
    let actions = script.asked();
    let [Action::Send(outgoing)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(outgoing.passphrase.as_deref().map(String::as_str), Some("yes n"));
    script.input(Input::Answer(Answer::Sent(Err("wrong passphrase".to_owned()))));
    script.control('s');
    assert!(!script.screen().contains('*'), "it is not kept: {}", script.screen());
}

#[test]
fn fields_take_no_more_than_the_rules_allow() {
    let mut script = Script::connected(60, 20, 1);
    script.keys(&[KeyCode::Char('1')]);
    script.input(Input::Paste("r".repeat(127)));
    script.types("é");
    assert!(script.screen().contains("Recipient, 127 of 128 bytes"), "{}", script.screen());
    script.types("e");
    script.keys(&[KeyCode::Tab]);
    script.input(Input::Paste("t".repeat(4_097)));
    assert!(script.screen().contains("does not fit: at most 4096 bytes"), "{}", script.screen());
    script.input(Input::Paste("\u{1b}[31mred".to_owned()));
    assert_eq!(script.app.compose.draft(), ("r".repeat(127) + "e", "[31mred".to_owned()));
}

#[test]
fn the_history_is_searched_part_by_part_and_filtered() {
    let mut script = Script::connected(80, 24, 30);
    script.asked();
    script.keys(&[KeyCode::Char('2')]);
    assert_eq!(script.asked(), [Action::Ask(Request::History { restart: true })]);
    let sent = entry(None, Direction::Sent, message(7, "carol", "still\nwaiting"));
    let received = entry(Some(28), Direction::Received, message(8, "bob", "\u{1b}[2J to bob"));
    let page = |is_first, entries, lowest| HistoryPage {
        is_first,
        entries,
        tip: 30,
        lowest,
        is_complete: lowest == 1,
        is_over: lowest == 1,
    };
    script.input(Input::Answer(Answer::History(Ok(page(true, vec![sent, received], 20)))));
    assert_eq!(script.asked(), [Action::Ask(Request::History { restart: false })]);
    insta::assert_snapshot!("history", script.screen());
    let old = entry(Some(2), Direction::Sent, message(7, "dave", "old"));
    script.input(Input::Answer(Answer::History(Ok(page(false, vec![old], 1)))));
    assert_eq!(script.asked(), [], "every block was searched");
    script.types("ff");
    let screen = script.screen();
    assert!(
        screen.contains("to bob") && !screen.contains("dave") && screen.contains("all 1 that were received")
    );

    script.block(31, &[message(8, "carol", "not for us")]);
    assert_eq!(script.asked(), []);
    script.block(32, &[message(8, "bob", "for us")]);
    assert_eq!(script.asked(), [Action::Ask(Request::History { restart: true })]);
}

#[test]
fn the_chain_is_paged_to_genesis_and_a_block_opened() {
    let mut script = Script::connected(60, 20, 1_234);
    script.keys(&[KeyCode::Char('3')]);
    script.answer_blocks();
    insta::assert_snapshot!("chain", script.screen());
    script.keys(&[KeyCode::End]);
    assert!(script.screen().contains('…'), "blocks that are not there yet are marked");
    script.answer_blocks();
    script.keys(&[KeyCode::Up, KeyCode::Enter]);
    assert_eq!(script.asked(), [Action::Ask(Request::Block { name: "1".to_owned() })]);
    assert!(script.screen().contains("opening a block"), "{}", script.screen());
    let block = block(1, &[message(8, "bob", &"long words ".repeat(20))]);
    script.input(Input::Answer(Answer::Block(Ok(Box::new(block)))));
    insta::assert_snapshot!("block", script.screen());
    script.keys(&[KeyCode::End]);
    let end = script.screen();
    assert!(end.contains("words") && end != script_top(&mut script), "{end}");
    script.keys(&[KeyCode::Esc]);
    assert!(script.screen().contains("height"), "back in the table: {}", script.screen());
}

fn script_top(script: &mut Script) -> String {
    script.keys(&[KeyCode::Home]);
    script.screen()
}

#[test]
fn live_shows_what_arrives_and_opens_it() {
    let mut script = Script::connected(80, 24, 41);
    script.keys(&[KeyCode::Char('4')]);
    assert!(script.screen().contains("Nothing has arrived yet"), "{}", script.screen());
    let text = message(8, "bob", "hello bob");
    script.input(Input::Event(Event::Message(Box::new(text.clone()))));
    script.block(42, &[text]);
    script.input(Input::Event(Event::Note("peer 3 has gone".to_owned())));
    script.input(Input::Event(Event::Closed("the node ended its events".to_owned())));
    insta::assert_snapshot!("live", script.screen());
    script.asked();
    script.keys(&[KeyCode::Down, KeyCode::Down, KeyCode::Enter]);
    assert_eq!(script.asked(), [Action::Ask(Request::Block { name: hash(42).to_string() })]);
    script.input(Input::Answer(Answer::Block(Err("block is not known here".to_owned()))));
    assert!(script.screen().contains("not known here"), "{}", script.screen());
    script.keys(&[KeyCode::Esc, KeyCode::Down, KeyCode::Enter]);
    assert!(script.screen().contains("it entered the mempool"), "{}", script.screen());
}

#[test]
fn leaving_asks_only_if_a_message_is_not_sent() {
    let mut script = Script::connected(60, 20, 1);
    script.keys(&[KeyCode::Char('q')]);
    assert!(script.app.is_done);
    let mut script = Script::connected(60, 20, 1);
    script.keys(&[KeyCode::Char('1'), KeyCode::Char('x')]);
    script.control('c');
    assert!(!script.app.is_done && script.screen().contains("Leave all the same?"), "{}", script.screen());
    script.keys(&[KeyCode::Char('n'), KeyCode::Esc, KeyCode::Char('q'), KeyCode::Char('y')]);
    assert!(script.app.is_done);
    let mut script = Script::connected(60, 20, 1);
    script.input(Input::Stop);
    assert!(script.app.is_done, "a signal is not asked about");
}

#[test]
fn every_page_is_drawn_in_any_size() {
    for (columns, rows) in [(1, 1), (39, 9), (40, 10), (60, 20), (61, 21), (200, 60), (300, 5)] {
        let mut script = Script::connected(60, 20, 1_000_000);
        script.input(Input::Answer(Answer::Sent(Ok(Box::new(message(7, "", "x"))))));
        for page in ['1', '2', '3', '4'] {
            script.keys(&[KeyCode::Char(page)]);
            script.size = (columns, rows);
            script.input(Input::Resized(columns, rows));
            script.answer_blocks();
            assert!(!script.screen().is_empty());
            script.keys(&[KeyCode::PageDown, KeyCode::PageUp]);
            script.keys(&[KeyCode::Esc]);
        }
    }
}

#[test]
fn without_colors_no_cell_has_one() {
    let mut script = Script::connected(60, 20, 3);
    script.block(4, &[]);
    for page in ['1', '2', '3', '4'] {
        script.keys(&[KeyCode::Char(page)]);
        let terminal = script.terminal(Theme::new(false));
        let cells = terminal.backend().buffer().content();
        assert!(cells.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)), "{page}");
        script.keys(&[KeyCode::Esc]);
    }
    let terminal = script.terminal(Theme::new(true));
    let is_basic = |color| !matches!(color, Color::Rgb(..) | Color::Indexed(_));
    assert!(terminal.backend().buffer().content().iter().all(|cell| is_basic(cell.fg) && is_basic(cell.bg)));
}

#[test]
fn a_message_that_the_node_lost_is_shown_as_gone() {
    let mut script = Script::connected(80, 24, 41);
    let sent = message(7, "bob", "hello");
    script.input(Input::Answer(Answer::Sent(Ok(Box::new(sent.clone())))));
    script.asked();
    script.now += 5_000;
    script.input(Input::Tick);
    assert!(script.asked().contains(&Action::Ask(Request::Messages { ids: vec![sent.id] })));
    script.input(Input::Answer(Answer::Messages(Ok(vec![(sent.id, None)]))));
    assert!(script.screen().contains("gone: unknown to the node"), "{}", script.screen());
    script.now += 5_000;
    script.input(Input::Tick);
    let status = MessageStatus {
        message: sent.clone(),
        pending: false,
        number_of_block: Some(40),
        block: None,
        work_above: None,
    };
    script.input(Input::Answer(Answer::Messages(Ok(vec![(sent.id, Some(status))]))));
    assert!(script.screen().contains("in block 40, 2 conf."), "{}", script.screen());
}
