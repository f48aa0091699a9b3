//! Keys at a terminal: a process with a pseudo terminal of its own, on which a user types. What is
//! typed in secret must not be shown.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use plexus_core::primitives::identity::Identity;
use pty_process::blocking::{Command, Pty, open};
use rustix::termios::{LocalModes, tcgetattr};

use super::command::{json, one_line_of, plexus, succeed};
use super::keys::with_input;

const PASSPHRASE: &str = "correct horse battery";
/// The most time that a process may take for its next output.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process on a terminal.
struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    /// All that the terminal shows.
    shown: String,
    more: Receiver<Vec<u8>>,
}

impl Terminal {
    fn start(arguments: &[&str]) -> Self {
        let (pty, pts) = open().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_plexus")).args(arguments).spawn(pts).unwrap();
        let pty = Arc::new(pty);
        let (send, more) = channel();
        let reader = pty.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            // Fails when the process has ended.
            while let Ok(read) = (&*reader).read(&mut bytes) {
                if send.send(bytes[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, pty, shown: String::new(), more }
    }

    /// Waits until the terminal shows a text, and forgets everything up to it.
    fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.more.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("{text:?} is not shown ({error}): {}", self.shown),
            }
        }
    }

    fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end. Returns the status, and all that the terminal showed since the last
    /// expected text.
    fn end(mut self) -> (Option<i32>, String) {
        while let Ok(bytes) = self.more.recv_timeout(PATIENCE) {
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        let modes = tcgetattr(&*self.pty).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON), "the terminal is as it was");
        (self.child.wait().unwrap().code(), self.shown)
    }
}

/// Stores a key whose words are in none of our messages. Returns its data folder and its words.
fn key(folder: &Path) -> (PathBuf, String) {
    let words = Identity::from_entropy(&[9; 32]).unwrap().words().to_string();
    let data = folder.join("data");
    let restored = with_input(&["key", "restore", "--data", data.to_str().unwrap()], &words);
    assert!(restored.status.success(), "{restored:?}");
    (data, words)
}

#[test]
fn a_typed_passphrase_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (data, words) = key(folder.path());
    let data = data.to_str().unwrap();

    let mut encrypting = Terminal::start(&["key", "encrypt", "--data", data]);
    let mut shown = encrypting.expect("New passphrase, at least 10 characters: ");
    encrypting.press(&format!("{PASSPHRASE}\r"));
    shown += &encrypting.expect("Repeat the passphrase: ");
    encrypting.press(&format!("{PASSPHRASE}\r"));
    let (status, rest) = encrypting.end();
    shown += &rest;
    assert_eq!(status, Some(0), "{shown}");
    for part in ["correct", "horse", "battery", words.split(' ').next().unwrap()] {
        assert!(!shown.contains(part), "{part}: {shown}");
    }

    let mut showing = Terminal::start(&["key", "show", "--data", data]);
    showing.expect("author.key: ");
    // A typing error, and its correction.
    showing.press(&format!("x\u{7f}{PASSPHRASE}\r"));
    let (status, shown) = showing.end();
    let first = words.split(' ').take(6).collect::<Vec<_>>().join(" ");
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.contains(&first) && !shown.contains("horse"), "{shown}");

    let mut wrong = Terminal::start(&["key", "show", "--data", data]);
    wrong.expect("author.key: ");
    wrong.press("another horse\r");
    let (status, shown) = wrong.end();
    assert_eq!(status, Some(1));
    assert!(shown.trim().starts_with("plexus: ") && shown.contains("the passphrase is wrong"), "{shown}");
    assert_eq!(shown.trim().lines().count(), 1, "{shown}");
}

#[test]
fn passphrases_that_differ_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, words) = key(folder.path());
    let data = data.to_str().unwrap();
    let mut encrypting = Terminal::start(&["key", "encrypt", "--data", data]);
    encrypting.expect("characters: ");
    encrypting.press(&format!("{PASSPHRASE}\r"));
    encrypting.expect("Repeat the passphrase: ");
    encrypting.press("correct horse batterz\r");
    let (status, shown) = encrypting.end();
    assert_eq!(status, Some(1));
    assert!(shown.contains("differ"), "{shown}");
    assert_eq!(json(&["key", "show", "--data", data, "--json"])["words"], words);
}

#[test]
fn words_are_typed_or_pasted_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let (_, words) = key(folder.path());
    let listed: Vec<_> = words.split(' ').collect();
    let lines: Vec<_> = listed.iter().enumerate().map(|(at, word)| format!("{}. {word}\r", at + 1)).collect();
    let two = format!("{}\r  {}\r", listed[..12].join(" "), listed[12..].join("   "));
    for (name, keys) in
        [("one line", format!("{words}\r")), ("two lines", two), ("a numbered list", lines.concat())]
    {
        let data = folder.path().join(name);
        let mut restoring = Terminal::start(&["key", "restore", "--data", data.to_str().unwrap()]);
        restoring.expect("not shown: ");
        // At once, as a paste arrives.
        restoring.press(&keys);
        let (status, shown) = restoring.end();
        assert_eq!(status, Some(0), "{name}: {shown}");
        for word in &listed {
            assert!(!shown.split_whitespace().any(|shown| shown == *word), "{name}: {word}: {shown}");
        }
        let restored = json(&["key", "show", "--data", data.to_str().unwrap(), "--json"]);
        assert_eq!(restored["words"], words, "{name}");
    }
}

#[test]
fn a_wrong_word_is_named_by_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let (_, words) = key(folder.path());
    let mut listed: Vec<_> = words.split(' ').collect();
    listed[16] = "plexus";
    let data = folder.path().join("restored");
    for (keys, part) in [(listed.join(" ") + "\r", "word 17"), ("abandon\r\r".to_owned(), "this one has 1")] {
        let mut restoring = Terminal::start(&["key", "restore", "--data", data.to_str().unwrap()]);
        restoring.expect("not shown: ");
        restoring.press(&keys);
        let (status, shown) = restoring.end();
        assert_eq!(status, Some(1), "{shown}");
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn without_a_terminal_the_error_names_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = key(folder.path());
    // In a session without a terminal.
    let mut command = std::process::Command::new("setsid");
    command.args(["--wait"]).arg(plexus().get_program()).args(["key", "encrypt", "--data"]).arg(&data);
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    let error = one_line_of(&output, 1);
    assert!(error.contains("--passphrase-file"), "{error}");
    assert!(succeed(&["key", "show", "--data", data.to_str().unwrap()]).contains("not encrypted"));
}
