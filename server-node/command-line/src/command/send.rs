//! `plexus send`: signs a message with the key in the data folder, and sends it to a node.

use std::time::Duration;

use anyhow::{bail, ensure};
use clap::{Args, ValueEnum};
use plexus_core::ledger::json::{MessageStatus, Submission};
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::least_stamp::least_stamp_work;
use plexus_core::primitives::message::{Draft, Message, MessageId};
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::stamp::grind_stamp;
use plexus_node::api::view::Accepted;
use plexus_node::keystore::Keystore;

use super::client::{NodeClient, Refused};
use super::passphrase::PassphraseSource;
use super::{client, data_dir, message, progress, table};

/// The most bits of stamp work that may be asked for: hours of work.
const STAMP_BITS_MAX: u8 = 40;
/// The most times that a message's stamp is raised.
const RAISES_MAX: u32 = 8;
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
    /// Amount of work in the message's stamp, which takes the place of a fee. If the node's pool is full,
    /// the stamp shows twice the work that the node asks for
    #[arg(long, value_enum, default_value_t = Priority::Normal)]
    priority: Priority,
    /// The amount of work as a number: 2^BITS hashes, or the least that nodes take if that is more
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
    /// The least work that nodes take
    Low,
    /// Twice the least: milliseconds
    Normal,
    /// 2^22 hashes: about a second
    High,
}

impl Priority {
    /// Returns the work for a message of `size` bytes.
    fn work(self, network: &Network, size: usize) -> Work {
        let least = least_stamp_work(network, size);
        match self {
            Self::Low => least,
            Self::Normal => twice(least),
            Self::High => twice(least).max(Work::from_hashes(1 << 22)),
        }
    }
}

/// A message on its way to a node.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    secret: &'a SecretKey,
    network: &'a Network,
    draft: Draft,
    /// The work that the next stamp has to show.
    work: Work,
    raises_left: u32,
}

impl<'a> Delivery<'a> {
    /// Creates a message of the current time.
    ///
    /// # Errors
    /// The recipient or the text is too long, or the text is empty.
    pub(super) fn new(
        secret: &'a SecretKey,
        network: &'a Network,
        recipient: &str,
        text: String,
        priority: Priority,
    ) -> anyhow::Result<Self> {
        let draft = Draft::new(secret.public(), recipient, text, plexus_node::clock::time())?;
        let work = priority.work(network, draft.size());
        Ok(Self { secret, network, draft, work, raises_left: RAISES_MAX })
    }

    /// Stamps, signs and posts the message. If the node asks for more work, the stamp is raised to twice
    /// that. `moved` is told the number of stamps that were tried, and the expected number.
    ///
    /// Returns the message as it was last posted, and the node's answer.
    pub(super) fn post(
        &mut self,
        client: &NodeClient,
        mut moved: impl FnMut(u64, u64),
    ) -> (Message, anyhow::Result<Accepted>) {
        loop {
            let stamp = grind(&self.draft.id(self.network.id()), self.work, &mut moved);
            let message = self.draft.clone().sign(self.secret, self.network.id(), stamp);
            let answer = client.post::<Accepted>("/api/v1/messages", &submission(&message));
            let refused = answer.as_ref().err().and_then(|error| error.downcast_ref::<Refused>());
            match refused.and_then(|refused| refused.least_stamp_work) {
                Some(least) if self.raise(twice(least)) => {}
                _ => return (message, answer),
            }
        }
    }

    /// Raises the work of the stamp. Returns false if it was raised too often, or too much is asked for.
    fn raise(&mut self, work: Work) -> bool {
        let is_possible = self.raises_left > 0 && work <= Work::from_hashes(1 << STAMP_BITS_MAX);
        if is_possible {
            self.raises_left -= 1;
            self.work = self.work.max(work);
        }
        is_possible
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
    let text = arguments.text.join(" ");
    let mut delivery = Delivery::new(author.secret(), &network, &arguments.to, text, arguments.priority)?;
    if let Some(bits) = arguments.stamp_bits {
        let least = least_stamp_work(&network, delivery.draft.size());
        delivery.work = Work::from_hashes(1 << bits).max(least);
    }
    let bar = progress::bar(1, "stamping");
    // The search may take longer than expected. The bar then stays full.
    let mut moved = |tries: u64, expected: u64| {
        bar.set_length(expected);
        bar.set_position(tries.min(expected));
    };
    let (accepted, status) = loop {
        let accepted = delivery.post(&client, &mut moved).1?;
        if !arguments.wait {
            break (accepted, None);
        }
        match wait(&client, accepted.id)? {
            Some(status) => break (accepted, Some(status)),
            None if delivery.raise(twice(delivery.work)) => {}
            None => bail!("message {} was dropped, because the pool is full: raise its stamp", accepted.id),
        }
    };
    bar.finish_and_clear();
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

/// Returns the form in which the API takes a message.
fn submission(message: &Message) -> Submission {
    Submission {
        sender: *message.sender(),
        recipient: message.recipient().to_owned(),
        text: message.text().to_owned(),
        time_unix_ms: message.time().unix_ms(),
        stamp: message.stamp().to_string(),
        signature: *message.signature(),
    }
}

/// Searches for a stamp that shows this work. Returns its nonce.
fn grind(id: &MessageId, wanted: Work, mut moved: impl FnMut(u64, u64)) -> u64 {
    let expected = u64::try_from(wanted.hashes()).unwrap_or(u64::MAX);
    let mut first = 0;
    loop {
        let (stamp, work) = grind_stamp(id, first, SLICE_TRIES);
        if work >= wanted {
            return stamp;
        }
        first += SLICE_TRIES;
        moved(first, expected);
    }
}

fn twice(work: Work) -> Work {
    work.plus(work)
}

/// Waits until a message is in a block. Returns its place, or `None` if the node dropped the message.
fn wait(client: &NodeClient, id: MessageId) -> anyhow::Result<Option<MessageStatus>> {
    let spinner = progress::spinner("waiting for a block");
    let mut failures = 0;
    loop {
        match client.get::<MessageStatus>(&format!("/api/v1/messages/{id}")) {
            Ok(status) if status.number_of_block.is_some() => {
                spinner.finish_and_clear();
                return Ok(Some(status));
            }
            Ok(_) => failures = 0,
            Err(error)
                if error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == "dropped") =>
            {
                spinner.finish_and_clear();
                return Ok(None);
            }
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
    use plexus_core::primitives::stamp::stamp_work;

    use super::*;

    #[test]
    fn a_stamp_shows_the_work_that_was_asked_for() {
        let (id, wanted) = (Hash::of(b"id"), Work::from_hashes(1 << 15));
        let mut tries = Vec::new();
        let stamp = grind(&id, wanted, |tried, expected| tries.push((tried, expected)));
        assert!(stamp_work(&id, stamp) >= wanted);
        assert!(tries.iter().all(|(_, expected)| *expected == 1 << 15));
    }

    #[test]
    fn a_stamp_is_raised_a_few_times_and_not_without_end() {
        let (network, secret) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
        let text = "t".repeat(4_096);
        let mut delivery = Delivery::new(&secret, &network, "", text, Priority::Low).unwrap();
        assert_eq!(delivery.work, least_stamp_work(&network, delivery.draft.size()));
        assert!(!delivery.raise(Work::from_hashes((1 << STAMP_BITS_MAX) + 1)), "hours of work");
        for raise in 1..=u128::from(RAISES_MAX) {
            assert!(delivery.raise(Work::from_hashes(raise << 20)));
            assert_eq!(delivery.work, Work::from_hashes(raise << 20));
        }
        assert!(!delivery.raise(Work::from_hashes(1 << 30)));
    }

    #[test]
    fn no_priority_is_below_the_least_and_each_has_more_work() {
        for network in [Network::plexus(), Network::dev()] {
            for size in [118, 4_341] {
                let [low, normal, high] = [Priority::Low, Priority::Normal, Priority::High]
                    .map(|priority| priority.work(&network, size));
                assert!(least_stamp_work(&network, size) <= low && low < normal && normal < high);
            }
        }
    }
}
