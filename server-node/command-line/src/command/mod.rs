//! The command line: one file per subcommand.
//!
//! Results go to standard output, progress and errors to standard error. The exit status is 0 on
//! success, 1 on failure and 2 on wrong use. An error is one line that says what to do.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

mod admin;
mod atomic_file;
mod backup;
mod bench;
mod block;
mod chain;
mod client;
mod config;
mod data_dir;
mod graph;
mod history;
mod import;
mod key;
#[cfg(feature = "menu")]
mod menu;
mod message;
#[cfg(any(test, not(feature = "menu")))]
mod no_menu;
mod node;
mod package;
#[cfg(feature = "packaging")]
mod packaging;
mod page;
mod passphrase;
mod peers;
mod progress;
mod prove;
mod repair;
mod send;
mod settings;
mod simulate;
mod size;
mod status;
mod table;
mod verify;

#[cfg(not(feature = "menu"))]
use no_menu as menu;

/// The exit status of a command that was used wrongly.
const WRONG_USE: u8 = 2;

/// Where settings come from, for the help of the commands that have them.
const SETTINGS: &str = "Each flag --some-flag is also the variable PLEXUS_SOME_FLAG and the key some-flag of the \
    TOML file. A flag comes before a variable, and a variable before the file. A list in a variable is separated \
    by commas. --some-flag=false turns off what a variable or the file turns on.";

/// A proof-of-work ledger of signed messages, in which every participant verifies everything
///
/// Without a subcommand it runs a node: `plexus` is short for `plexus node`.
#[derive(Debug, Parser)]
#[command(name = "plexus", version = plexus_node::version::long(), args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    node: node::NodeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a full node, including its web page and API
    #[command(after_help = SETTINGS)]
    Node(Box<node::NodeArgs>),
    /// Show the settings in force and where each one comes from
    #[command(after_help = SETTINGS)]
    Config(Box<config::ConfigArgs>),
    /// Create, show, restore, encrypt, export or import the key that signs your messages and blocks
    Key(key::KeyArgs),
    /// Sign a message and send it to a node
    Send(send::SendArgs),
    /// Steer a running node: peers, bans, mining, log, stop
    Admin(admin::AdminArgs),
    /// Write the whole chain to a file, also of a running node
    Backup(backup::BackupArgs),
    /// Verify a backup or an exported chain, and store it in a data folder
    Import(import::ImportArgs),
    /// Check a stored chain, and mend what is damaged
    Repair(repair::RepairArgs),
    /// Show the status of a node
    Status(status::StatusArgs),
    /// List, export or verify the chain
    Chain(chain::ChainArgs),
    /// Show a block
    Block(block::BlockArgs),
    /// Show a message and its place in the ledger
    Message(message::MessageArgs),
    /// List the messages that you signed and those written to you
    History(history::HistoryArgs),
    /// Write and read messages and follow the chain in a terminal interface
    Menu(menu::MenuArgs),
    /// Write a proof file that shows, offline, that a message is in the ledger
    Prove(prove::ProveArgs),
    /// Verify a proof file, using only this program
    Verify(verify::VerifyArgs),
    /// List a node's peers
    Peers(peers::PeersArgs),
    /// Show or draw the network as a node sees it
    Graph(graph::GraphArgs),
    /// Write the light client as an npm package, for web pages that embed it
    Package(package::PackageArgs),
    /// List the hashes of the built-in page's files, or compare them with those of a node
    Page(page::PageArgs),
    /// Write the completions of a shell to standard output
    #[cfg(feature = "packaging")]
    Completions(packaging::CompletionsArgs),
    /// Write a man page for each command into a folder
    #[cfg(feature = "packaging")]
    Man(packaging::ManArgs),
    /// Simulate a network of thousands of nodes
    Simulate(Box<simulate::Arguments>),
    /// Measure the speed of this machine
    Bench(bench::BenchArgs),
}

/// A wrong use that is found only when a command runs. Every other error is a failure.
#[derive(Debug)]
struct WrongUse(String);

impl fmt::Display for WrongUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUse {}

/// Runs a command line. Returns the exit status of the process.
pub(crate) fn run(line: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let mut command = CommandLine::command();
    let line = line.into_iter().map(Into::into).collect();
    let completed = match settings::complete(&command, &node_command(), line, &std::env::vars_os().collect())
    {
        Ok(completed) => completed,
        Err(error) => return fail(&error),
    };
    let parsed = command.try_get_matches_from_mut(&completed.line);
    let parsed =
        parsed.and_then(|matches| CommandLine::from_arg_matches(&matches).map(|line| (line, matches)));
    let (mut line, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return refuse(&error.format(&mut command), &path_of(&command, &completed.line)),
    };
    line.node.warnings.clone_from(&completed.warnings);
    let result = match line.command {
        None => node::run(line.node),
        Some(Command::Node(mut arguments)) => {
            arguments.warnings.clone_from(&completed.warnings);
            node::run(*arguments)
        }
        Some(Command::Config(arguments)) => config::run(&arguments, &node_command(), &matches, &completed),
        Some(Command::Key(arguments)) => key::run(arguments),
        Some(Command::Send(arguments)) => send::run(&arguments),
        Some(Command::Admin(arguments)) => admin::run(&arguments),
        Some(Command::Backup(arguments)) => backup::run(&arguments),
        Some(Command::Import(arguments)) => import::run(&arguments),
        Some(Command::Repair(arguments)) => repair::run(&arguments),
        Some(Command::Status(arguments)) => status::run(&arguments),
        Some(Command::Chain(arguments)) => chain::run(&arguments),
        Some(Command::Block(arguments)) => block::run(&arguments),
        Some(Command::Message(arguments)) => message::run(&arguments),
        Some(Command::History(arguments)) => history::run(&arguments),
        Some(Command::Menu(arguments)) => menu::run(arguments),
        Some(Command::Prove(arguments)) => prove::run(&arguments),
        Some(Command::Verify(arguments)) => verify::run(&arguments),
        Some(Command::Peers(arguments)) => peers::run(&arguments),
        Some(Command::Graph(arguments)) => graph::run(&arguments),
        Some(Command::Package(arguments)) => package::run(&arguments),
        Some(Command::Page(arguments)) => page::run(&arguments),
        #[cfg(feature = "packaging")]
        Some(Command::Completions(arguments)) => packaging::completions(&arguments),
        #[cfg(feature = "packaging")]
        Some(Command::Man(arguments)) => packaging::man(&arguments),
        Some(Command::Simulate(arguments)) => simulate::run(&arguments),
        Some(Command::Bench(arguments)) => bench::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has closed it: `plexus chain | head` succeeds.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Returns the command whose flags are the settings of a node.
fn node_command() -> clap::Command {
    node::NodeArgs::augment_args(clap::Command::new("plexus"))
}

/// Prints an error on one line. Returns the exit status.
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("plexus: {}", table::one_line(&format!("{error:#}")));
    if error.is::<WrongUse>() { ExitCode::from(WRONG_USE) } else { ExitCode::FAILURE }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Returns the names of the command that a line calls, such as `plexus key export`.
fn path_of(command: &clap::Command, line: &[OsString]) -> String {
    let (mut command, mut path, mut is_value) = (command, vec!["plexus"], false);
    for word in line.iter().skip(1).map(|word| word.to_string_lossy()) {
        if std::mem::take(&mut is_value) {
            continue;
        }
        if let Some(name) = word.strip_prefix("--") {
            let flag = command.get_arguments().find(|flag| flag.get_long() == Some(name));
            is_value =
                flag.is_some_and(|flag| flag.get_action().takes_values() && !flag.is_require_equals_set());
        } else if let Some(inner) = command.find_subcommand(word.as_ref()) {
            path.push(inner.get_name());
            command = inner;
        }
    }
    path.join(" ")
}

/// Prints help and version as clap does, and any other error as one line, which names the help of
/// the command with this path. Returns the exit status.
fn refuse(error: &clap::Error, path: &str) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // If this fails, there is nowhere to report it.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    eprintln!("{}", wrong_use_line(&error.to_string(), path));
    ExitCode::from(WRONG_USE)
}

/// Returns the first paragraph of clap's text and its tip, if any, on one line.
fn wrong_use_line(text: &str, path: &str) -> String {
    if let Some(command) = lacking_subcommand(text) {
        return format!("plexus: '{command}' requires a subcommand; see `{path} --help`");
    }
    let mut paragraphs = text.split("\n\n");
    let reason = reason(paragraphs.next().unwrap_or_default());
    let tip = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("tip: "));
    let tip = tip.map(|tip| format!("; {}", table::one_line(tip.lines().next().unwrap_or_default())));
    format!("plexus: {reason}{}; see `{path} --help`", tip.unwrap_or_default())
}

/// Returns the first paragraph of clap's text on one line, in words that everybody knows.
fn reason(paragraph: &str) -> String {
    let line = table::one_line(paragraph);
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    // The standard library's words for a number that is none.
    line.replace("invalid digit found in string", "a whole number is expected")
}

/// Returns the command whose subcommand is missing. In place of an error clap then shows its help.
fn lacking_subcommand(text: &str) -> Option<String> {
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "))?;
    let names = usage.split(' ').take_while(|word| !word.starts_with(['[', '<']));
    (!text.starts_with("error: ")).then(|| names.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CommandLine, String> {
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        let path = path_of(&CommandLine::command(), &words);
        CommandLine::try_parse_from(&words).map_err(|error| wrong_use_line(&error.to_string(), &path))
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn plexus_is_plexus_node() {
        assert!(parse("plexus").unwrap().command.is_none());
        let line = parse("plexus --mine --network dev --listen 127.0.0.1:0").unwrap();
        assert_eq!(line.node.network.to_string(), "dev");
        assert!(matches!(parse("plexus node --mine=2").unwrap().command, Some(Command::Node(_))));
    }

    #[test]
    fn every_subcommand_parses() {
        let id = "0".repeat(64);
        for line in [
            "plexus node --connect ws://a:1 --connect b:2 --data /tmp/x --network dev --mine=3",
            "plexus node --tls-cert cert.pem --tls-key key.pem",
            "plexus node --inbound-max 64",
            "plexus node --config settings.toml",
            "plexus config --mine=2 --json",
            "plexus config --toml",
            "plexus key new --data /tmp/x",
            "plexus key show --json",
            "plexus key restore --network dev",
            "plexus key new --encrypt --passphrase-file secret",
            "plexus key passphrase --passphrase-file old --new-passphrase-file new",
            "plexus key encrypt",
            "plexus key decrypt --passphrase-file secret",
            "plexus key export --file key.json",
            "plexus key import - --force",
            "plexus node --passphrase-file secret",
            "plexus send --to bob hello there",
            "plexus send --to bob --stamp-bits 20 --wait --json hello",
            "plexus send --to bob --priority high hello",
            "plexus status --node http://127.0.0.1:1 --json",
            "plexus admin status --data /tmp/x --json",
            "plexus admin peers",
            "plexus admin peers add ws://a:1",
            "plexus admin peers drop 7 --network dev",
            "plexus admin peers ban 192.0.2.1 --for 12h",
            "plexus admin peers unban 192.0.2.1",
            "plexus admin mining on 2",
            "plexus admin mining off",
            "plexus admin log",
            "plexus admin log warn,plexus_node=debug",
            "plexus admin stop --admin-socket /tmp/x",
            "plexus backup chain.plexus --with-keys",
            "plexus backup - --data /tmp/x --network dev",
            "plexus import chain.plexus --data /tmp/x",
            "plexus import - --json",
            "plexus repair --data /tmp/x",
            "plexus repair --check --json --network dev",
            "plexus node --disk-reserve 10GB --no-admin",
            "plexus chain --from 3 --limit 10",
            "plexus chain --export -",
            "plexus chain --verify",
            "plexus chain --verify=chain.txt",
            "plexus block 7",
            &format!("plexus message {id}"),
            "plexus history --sent --limit 5 --data /tmp/x --json",
            &format!("plexus history --key 02{} --name bob --received", "11".repeat(32)),
            &format!("plexus prove {id}"),
            "plexus verify -",
            "plexus verify proof.plexus --file report.pdf --network dev --json",
            "plexus verify proof.plexus --work 2^70 --node https://node.example --tls-ca own.pem",
            "plexus peers --json",
            "plexus graph --node a:1 --svg network.svg",
            "plexus graph --dot",
            "plexus package light",
            "plexus page --hashes",
            "plexus page --hashes --node https://node.example --json",
            "plexus status --healthy",
            "plexus simulate --nodes 100 --compare random,nearest --faults silent=5%,stalling=1% --report r.html",
            "plexus simulate --latency sphere --seeds 5 --json",
            "plexus bench mine --json",
            "plexus bench sync",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[test]
    fn wrong_use_is_one_line_that_says_what_to_do() {
        for (line, part) in [
            ("plexus frobnicate", "frobnicate"),
            ("plexus send hello", "--to"),
            ("plexus send --to bob", "TEXT"),
            ("plexus node --connect ftp://x", "not a node's address"),
            ("plexus node --network nowhere", "nowhere"),
            ("plexus node --tls-cert cert.pem", "--tls-key"),
            ("plexus node --mine=many", "many"),
            ("plexus node --disk-reserve much", "512MiB"),
            ("plexus node --no-admin --admin-socket x", "--no-admin"),
            ("plexus admin", "requires a subcommand"),
            ("plexus admin peers ban 192.0.2.1 --for 5", "12h"),
            ("plexus admin mining maybe", "maybe"),
            ("plexus admin log loud", "loud"),
            ("plexus backup", "FILE"),
            ("plexus import", "FILE"),
            ("plexus block zz", "zz"),
            ("plexus graph --svg", "--svg"),
            ("plexus graph --svg - --dot", "--dot"),
            ("plexus graph --dot --json", "--json"),
            ("plexus simulate --topology star", "star"),
            ("plexus simulate --faults silent", "silent=5%"),
            ("plexus simulate --latency nowhere.csv", "regions, sphere, or a file"),
            ("plexus message 12", "64 hex digits"),
            ("plexus prove 12", "64 hex digits"),
            ("plexus history --key 12", "66 hex digits"),
            ("plexus history --sent --received", "--received"),
            ("plexus history --limit 0", "--limit"),
            (&format!("plexus history --name {}", "b".repeat(129)), "128 bytes"),
            ("plexus verify", "FILE"),
            ("plexus package", "FOLDER"),
            ("plexus page", "--hashes"),
            ("plexus verify - --network nowhere", "nowhere"),
            ("plexus verify - --work much", "neither a number of hashes"),
            ("plexus send --to bob --stamp-bits 99 x", "99"),
            ("plexus send --to bob --stamp-bits 9 --priority low x", "--priority"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(part) && !error.contains('\n'), "{line}: {error}");
            assert!(error.starts_with("plexus: ") && error.contains("see `plexus"), "{line}: {error}");
        }
    }

    #[test]
    fn wrong_use_leads_to_the_help_of_the_command_that_was_called() {
        for (line, path) in [
            ("plexus --mine=many", "plexus"),
            ("plexus frobnicate", "plexus"),
            ("plexus send hello", "plexus send"),
            ("plexus send --to status", "plexus send"),
            ("plexus node --mine=many", "plexus node"),
            ("plexus key export --frobnicate", "plexus key export"),
            ("plexus admin --data peers", "plexus admin"),
            ("plexus admin peers ban 192.0.2.1 --for 5", "plexus admin peers ban"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.ends_with(&format!("see `{path} --help`")), "{line}: {error}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_said_in_plain_words() {
        let error = parse("plexus node --mine=lots").unwrap_err();
        assert!(error.contains("'lots'") && error.contains("a whole number is expected"), "{error}");
    }

    #[test]
    fn failures_and_wrong_uses_differ_in_their_status() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        assert_eq!(run(["plexus", "key", "show", "--data", data]), ExitCode::FAILURE);
        assert_eq!(run(["plexus", "key", "lose"]), ExitCode::from(WRONG_USE));
        assert_eq!(run(["plexus", "simulate", "--nodes", "1"]), ExitCode::from(WRONG_USE));
        assert_eq!(run(["plexus", "--version"]), ExitCode::SUCCESS);
    }
}
