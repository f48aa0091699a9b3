//! `plexus send`: signs a message with the key in the data folder, and sends it to a node.

use std::time::Duration;

use anyhow::{bail, ensure};
use clap::{Args, ValueEnum};
use plexus_core::ledger::json::{MessageStatus, Submission};
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::message::{Draft, Message, MessageId, grind_stamp};
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use plexus_node::api::view::Accepted;
use plexus_node::keystore::Keystore;

use super::client::NodeClient;
use super::passphrase::PassphraseSource;
use super::{client, data_dir, message, progress, table};

/// The most bits of stamp work that may be asked for: hours of work.
const STAMP_BITS_MAX: u8 = 40;
/// The number of stamps that are tried between two moves of the bar.
const SLICE_TRIES: u64 = 1 << 14;
/// The time between two requests that ask if the message is in a block.
const WAIT_INTERVAL: Duration = Duration::from_millis(500);
/// The most times in a row that a node may fail to answer before the command fails.
const FAILURES_MAX: u32 = 20;

#[derive(Debug, Args)]
pub(super) struct SendArgs {
    /// The recipient, at most 128 bytes
    #[arg(long, value_name = "RECIPIENT")]
    to: String,
    /// The text, 1 to 4,096 bytes. Several words are joined by spaces
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    #[command(flatten)]
    client: client::NodeSource,
    #[command(flatten)]
    data: data_dir::DataFolder,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// The network that the message is for. The command fails if the node is on another [default:
    /// the node's]
    #[arg(long, value_name = "NAME|FILE", value_parser = data_dir::parse_network)]
    network: Option<Network>,
    /// Amount of work in the message's stamp, which takes the place of a fee
    #[arg(long, value_enum, default_value_t = Priority::Normal)]
    priority: Priority,
    /// The amount of work as a number: 2^BITS hashes
    #[arg(long, value_name = "BITS", conflicts_with = "priority",
        value_parser = clap::value_parser!(u8).range(0..=i64::from(STAMP_BITS_MAX)))]
    stamp_bits: Option<u8>,
    /// Wait until the message is in a block
    #[arg(long)]
    wait: bool,
}

/// Amount of work in a message's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Priority {
    /// No work
    Low,
    /// 2^12 hashes: instantly
    Normal,
    /// 2^22 hashes: about a second
    High,
}

impl Priority {
    /// Returns the work as a number: 2^bits hashes.
    pub(super) const fn bits(self) -> u8 {
        match self {
            Self::Low => 0,
            Self::Normal => 12,
            Self::High => 22,
        }
    }
}

/// Runs the command.
pub(super) fn run(arguments: &SendArgs) -> anyhow::Result<()> {
    let client = arguments.client.client();
    let network = client.network()?;
    if let Some(wanted) = &arguments.network {
        let (found, base) = (&network, client.base());
        ensure!(
            wanted.id() == found.id(),
            "the node at {base} is on the network {found} ({}), not on {wanted}",
            found.id()
        );
    }
    let keystore = Keystore::new(arguments.data.folder(network.name())?);
    let author = arguments.passphrase.author(&keystore)?;
    let bits = arguments.stamp_bits.unwrap_or(arguments.priority.bits());
    let bar = progress::bar(1 << bits, "stamping");
    // The search may take longer than expected. The bar then stays full.
    let moved = |tries: u64| bar.set_position(tries.min(1 << bits));
    let message = sign(author.secret(), &network, &arguments.to, arguments.text.join(" "), bits, moved)?;
    bar.finish_and_clear();
    let submission = submission(&message);
    let accepted: Accepted = client.post("/api/v1/messages", &submission)?;
    let status = if arguments.wait { Some(wait(&client, accepted.id)?) } else { None };
    match (arguments.client.json, &status) {
        (true, None) => table::print_json(&accepted),
        (true, Some(status)) => table::print_json(status),
        (false, Some(status)) => table::print(&message::describe(status)),
        (false, None) => {
            let (id, node) = (accepted.id, arguments.client.flag());
            table::print(&format!("{id}\nFollow it with `plexus message {id}{node}`"))
        }
    }
}

/// Signs a message of the current time, with a stamp of 2^bits hashes. `moved` is told the number of
/// stamps that were tried.
///
/// # Errors
/// The recipient or the text is too long, or the text is empty.
pub(super) fn sign(
    secret: &SecretKey,
    network: &Network,
    recipient: &str,
    text: String,
    bits: u8,
    moved: impl FnMut(u64),
) -> anyhow::Result<Message> {
    let draft = Draft::new(secret.public(), recipient, text, plexus_node::clock::time())?;
    let stamp = if bits == 0 { 0 } else { grind(&draft.id(network.id()), bits, moved) };
    Ok(draft.sign(secret, network.id(), stamp))
}

/// Returns the form in which the API takes a message.
pub(super) fn submission(message: &Message) -> Submission {
    Submission {
        sender: *message.sender(),
        recipient: message.recipient().to_owned(),
        text: message.text().to_owned(),
        time_unix_ms: message.time().unix_ms(),
        stamp: message.stamp().to_string(),
        signature: *message.signature(),
    }
}

/// Searches for a stamp that shows 2^bits hashes of work. Returns its nonce.
fn grind(id: &MessageId, bits: u8, mut moved: impl FnMut(u64)) -> u64 {
    let wanted = Work::from_hashes(1 << bits);
    let mut first = 0;
    loop {
        let (stamp, work) = grind_stamp(id, first, SLICE_TRIES);
        if work >= wanted {
            return stamp;
        }
        first += SLICE_TRIES;
        moved(first);
    }
}

fn wait(client: &NodeClient, id: MessageId) -> anyhow::Result<MessageStatus> {
    let spinner = progress::spinner("waiting for a block");
    let mut failures = 0;
    loop {
        match client.get::<MessageStatus>(&format!("/api/v1/messages/{id}")) {
            Ok(status) if status.number_of_block.is_some() => {
                spinner.finish_and_clear();
                return Ok(status);
            }
            Ok(_) => failures = 0,
            Err(error) if failures == FAILURES_MAX => {
                bail!("message {id} was handed in, but then: {error:#}")
            }
            Err(_) => failures += 1,
        }
        std::thread::sleep(WAIT_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use plexus_core::primitives::hash::Hash;
    use plexus_core::primitives::message::stamp_work;

    use super::*;

    #[test]
    fn a_stamp_shows_the_work_that_was_asked_for() {
        let id = Hash::of(b"id");
        assert!(stamp_work(&id, grind(&id, 10, |_| ())) >= Work::from_hashes(1 << 10));
    }
}
