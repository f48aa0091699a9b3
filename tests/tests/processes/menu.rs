//! `plexus menu` in a terminal, against a real node.

use std::path::{Path, PathBuf};
use std::process::Command;

use plexus_tests::api::ApiClient;
use plexus_tests::process::{binary, run};
use plexus_tests::tmux::Tmux;
use plexus_tests::wait::eventually;

use super::{Place, text};

/// Returns the line that starts the menu, writes its process id to a file, and says how it ended.
fn line(url: &str, data: &Path) -> String {
    let (program, data, id) = (binary(), data.display(), id_file(data));
    let menu = format!("exec {} menu --node {url} --data {data}", program.display());
    format!("sh -c 'echo $$ > {}; {menu}'; echo ended with $?", id.display())
}

/// Returns the file of the menu's process id.
fn id_file(data: &Path) -> PathBuf {
    data.with_extension("id")
}

/// Goes back one page, and waits until a text of that page is there. A key that came with Esc at
/// once would be another key.
fn back_to(terminal: &Tmux, text: &str) {
    terminal.press(&["Escape"]);
    terminal.until(text);
}

#[test]
#[cfg_attr(not(feature = "menu"), ignore = "needs --features plexus/menu,plexus-tests/menu")]
#[cfg_attr(no_tmux, ignore = "needs tmux")]
fn a_message_is_sent_from_the_menu_and_followed_into_its_block() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--mine=1"]);
    let address = alice.address().to_owned();
    let terminal = Tmux::start(80, 24);
    terminal.run(&line(&alice.url, &place.data("alice")));
    terminal.until("Create a message");
    terminal.until(", 0 peers, mining");

    terminal.press(&["1"]);
    terminal.types("bob");
    terminal.press(&["Tab"]);
    terminal.types("hello from the menu");
    terminal.press(&["C-s"]);
    terminal.until("Send this message?");
    terminal.press(&["Enter"]);
    terminal.until("in block");
    back_to(&terminal, "1-4 open");

    terminal.resize(60, 20);
    // A key that comes together with the new size may wait for the next key.
    eventually("the menu takes the new size", 30, || {
        let screen = terminal.screen();
        let key = screen.lines().skip_while(|line| !line.contains("your key")).nth(1);
        key.filter(|line| line.trim().len() == 33).map(drop)
    });
    terminal.press(&["2"]);
    let history = terminal.until("to bob");
    assert!(history.contains("hello from"), "{history}");
    back_to(&terminal, "1-4 open");
    terminal.press(&["3", "End"]);
    terminal.until("\n0 ");
    terminal.press(&["Enter"]);
    terminal.until("content root");
    back_to(&terminal, "End genesis");
    back_to(&terminal, "1-4 open");
    terminal.press(&["4"]);
    terminal.until(" block ");

    // The node goes away and comes back at the same address.
    assert!(alice.terminate().success());
    terminal.until("is away");
    let again = place.start_at("alice", &address, &[]);
    terminal.until(", 0 peers");
    let height = ApiClient::new(&again.url).height().unwrap();
    terminal.until(&format!("height {height}"));
    back_to(&terminal, "1-4 open");
    terminal.press(&["q"]);
    terminal.until("ended with 0");
    assert!(!terminal.is_alternate());
}

#[test]
#[cfg_attr(not(feature = "menu"), ignore = "needs --features plexus/menu,plexus-tests/menu")]
#[cfg_attr(no_tmux, ignore = "needs tmux")]
fn the_terminal_is_left_as_it_was_when_the_menu_is_terminated() {
    let place = Place::new(16);
    let terminal = Tmux::start(60, 20);
    let (data, before) = (place.data("alice"), place.data("before"));
    terminal.run(&format!("stty -a > {}", before.display()));
    // No node is there: the menu runs all the same.
    terminal.run(&line("http://127.0.0.1:1", &data));
    terminal.until("no node answers");
    assert!(terminal.is_alternate());
    let id = std::fs::read_to_string(id_file(&data)).unwrap();
    assert!(Command::new("kill").args(["-TERM", id.trim()]).status().unwrap().success());
    terminal.until("ended with 0");
    assert!(!terminal.is_alternate());
    terminal.run(&format!("stty -a | cmp - {} && echo un''changed", before.display()));
    terminal.until("unchanged");
}

#[test]
#[cfg_attr(not(feature = "menu"), ignore = "needs --features plexus/menu,plexus-tests/menu")]
fn without_a_terminal_the_menu_is_wrong_use() {
    let refused = run(["menu"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.lines().count() == 1 && said.contains("needs a terminal"), "{said}");
}
