//! The terminal: its screen, its keys, and the signals that end the program. It is left as it was
//! found, also after a panic.

use std::io::{self, IsTerminal, Stdout, stdout};
use std::sync::mpsc::SyncSender;

use anyhow::Context;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use super::exchange::Input;
use crate::command::WrongUse;

/// The status of a process that panicked, as Rust's own.
const PANICKED: i32 = 101;

/// The terminal while the menu is shown. It is restored when this is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// There is no terminal that can show the menu, or it refuses.
    pub(super) fn take() -> anyhow::Result<Self> {
        let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        if !io::stdin().is_terminal() || !stdout().is_terminal() || is_dumb {
            let text = "the menu needs a terminal for its keys and its screen: run it in one, or use `plexus send`, `plexus history` and `plexus chain`";
            return Err(WrongUse(text.to_owned()).into());
        }
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            hook(panic);
            // Also if another thread than the main one panics: without it the menu would stand still.
            std::process::exit(PANICKED);
        }));
        let taken = enable_raw_mode()
            .and_then(|()| execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste))
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match taken {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error).context("the terminal cannot be prepared")
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Leaves the terminal as it was. An error cannot be helped: the terminal is gone.
fn restore() {
    let _ = execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, ratatui::crossterm::cursor::Show);
    let _ = disable_raw_mode();
}

/// Sends keys, pasted text and changes of size until there is no more interest.
pub(super) fn read(inputs: &SyncSender<Input>) {
    loop {
        let input = match event::read() {
            Ok(Event::Key(key)) => Input::Key(key),
            Ok(Event::Paste(text)) => Input::Paste(text),
            Ok(Event::Resize(columns, rows)) => Input::Resized(columns, rows),
            Ok(Event::FocusGained | Event::FocusLost | Event::Mouse(_)) => continue,
            Err(error) => {
                // Nobody listens if the menu has ended.
                let _ = inputs.send(Input::Failed(error));
                return;
            }
        };
        if inputs.send(input).is_err() {
            return;
        }
    }
}

/// Waits for a signal that ends the program, and sends the word to stop.
#[cfg(unix)]
pub(super) fn wait_for_signals(inputs: &SyncSender<Input>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
        // Nobody listens if the menu has ended.
        let _ = inputs.send(Input::Stop);
        Ok(())
    })
}

/// On other systems Ctrl-C is a key, and a process that is ended has no say.
#[cfg(not(unix))]
pub(super) fn wait_for_signals(_: &SyncSender<Input>) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{Read, Write};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use pty_process::blocking::{Command, open};
    use rustix::termios::tcgetattr;

    use super::*;

    /// Set in the process that panics.
    const PANICS: &str = "PLEXUS_TEST_PANICS_IN_THE_MENU";
    /// One word, because the terminal gets no spaces where it has some already.
    const SHOWN: &str = "the-menu-is-shown";
    /// The most time until the terminal shows more.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Takes the terminal, waits for a key, and panics in another thread.
    #[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    fn panic_in_the_menu() {
        let mut screen = Screen::take().unwrap();
        screen.terminal.draw(|frame| frame.render_widget(SHOWN, frame.area())).unwrap();
        let Event::Key(_) = event::read().unwrap() else { panic!("no key came") };
        // The hook ends the process.
        std::thread::spawn(|| panic!("on purpose")).join().unwrap();
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was_and_its_message_readable() {
        if std::env::var_os(PANICS).is_some() {
            return panic_in_the_menu();
        }
        let this =
            concat!(module_path!(), "::a_panic_leaves_the_terminal_as_it_was_and_its_message_readable");
        let (_crate, this) = this.split_once("::").unwrap();
        let (pty, pts) = open().unwrap();
        pty.resize(pty_process::Size::new(20, 60)).unwrap();
        let before = tcgetattr(&pty).unwrap();
        let command = Command::new(std::env::current_exe().unwrap()).env(PANICS, "1").env("TERM", "xterm");
        let command = command.args(["--exact", this, "--nocapture", "--test-threads=2"]);
        let mut child = command.spawn(pts).unwrap();
        let (send, more) = channel();
        let mut reader = std::fs::File::from(rustix::io::dup(&pty).unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            // Fails when the process has ended.
            while let Ok(read) = reader.read(&mut bytes) {
                let sent = send.send(bytes[..read].to_vec());
                if sent.is_err() {
                    return;
                }
            }
        });
        let mut shown = String::new();
        let mut until = |text: &str| {
            while !shown.contains(text) {
                let bytes = more.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {text:?}: {shown:?}"));
                shown.push_str(&String::from_utf8_lossy(&bytes));
            }
            shown.clone()
        };
        until(SHOWN);
        assert_ne!(tcgetattr(&pty).unwrap().local_modes, before.local_modes, "keys come one by one");
        (&pty).write_all(b"x").unwrap();
        let shown = until("on purpose");
        assert_eq!(child.wait().unwrap().code(), Some(PANICKED));
        let (left, said) = (shown.find("\u{1b}[?1049l").unwrap(), shown.find("on purpose").unwrap());
        assert!(left < said, "the message is on the screen that stays: {shown:?}");
        let after = tcgetattr(&pty).unwrap();
        assert_eq!(
            (after.local_modes, after.input_modes, after.output_modes),
            (before.local_modes, before.input_modes, before.output_modes)
        );
    }
}
