//! A terminal in tmux, in which a program is used as a person would: keys go in, and the screen is
//! read. The server of tmux is one of its own, and ends when this is dropped.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;

use crate::wait::within;

/// The most time until a text is on the screen.
const APPEARS: Duration = Duration::from_secs(60);

/// A terminal with one shell.
#[derive(Debug)]
pub struct Tmux {
    socket: PathBuf,
    /// The folder of the socket.
    _folder: TempDir,
}

impl Tmux {
    /// Starts a terminal of this size, whose shell is `sh` with the prompt `ready> `.
    pub fn start(columns: u16, rows: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let terminal = Self { socket: folder.path().join("socket"), _folder: folder };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let shell = "env PS1='ready> ' TERM=screen-256color sh";
        // Without a configuration of the person who runs the tests.
        terminal.succeed(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, shell]);
        terminal.until("ready>");
        terminal
    }

    /// Types text.
    pub fn types(&self, text: &str) {
        self.succeed(&["send-keys", "-l", text]);
    }

    /// Presses keys, by tmux's names: `Enter`, `Escape`, `C-c`, `Down`.
    pub fn press(&self, keys: &[&str]) {
        for key in keys {
            self.succeed(&["send-keys", key]);
        }
    }

    /// Types a command line.
    pub fn run(&self, line: &str) {
        self.types(line);
        self.press(&["Enter"]);
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.succeed(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Returns the screen.
    pub fn screen(&self) -> String {
        String::from_utf8(self.succeed(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// Returns true if a program shows its own screen in place of the shell's.
    pub fn is_alternate(&self) -> bool {
        self.succeed(&["display-message", "-p", "#{alternate_on}"]).stdout.starts_with(b"1")
    }

    /// Waits until the screen contains a text. Returns the screen.
    pub fn until(&self, text: &str) -> String {
        let found = within(APPEARS, || Some(self.screen()).filter(|screen| screen.contains(text)));
        found.unwrap_or_else(|| panic!("\"{text}\" does not appear:\n{}", self.screen()))
    }

    fn succeed(&self, arguments: &[&str]) -> Output {
        let output = Command::new("tmux").arg("-S").arg(&self.socket).args(arguments).output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {output:?}");
        output
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
