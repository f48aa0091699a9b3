//! `plexus history`: the messages that a key signed, and those written to it or to a name.

use clap::Args;
use plexus_core::primitives::key::PublicKey;
use plexus_node::keystore::{Keystore, KeystoreError};
use serde::Serialize;

use super::{client, data_dir, progress, table};

pub(super) mod search;

use search::{Entry, Search};

/// The most messages that may be asked for.
const LIMIT_MAX: u64 = 10_000;
/// The columns of a peer and of a text, in characters.
const PEER_CHARS: usize = 20;
const TEXT_CHARS: usize = 48;

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// The public key whose messages to list, 66 hex digits [default: that of the key in --data, or
    /// no key if there is none and --name is given]
    #[arg(long, value_name = "PUBLIC", value_parser = search::parse_key)]
    key: Option<PublicKey>,
    /// Also list the messages to this recipient, at most 128 bytes
    #[arg(long, value_name = "RECIPIENT", value_parser = search::parse_recipient)]
    name: Option<String>,
    /// List only messages that the key signed
    #[arg(long, conflicts_with = "received")]
    sent: bool,
    /// List only messages to the key or to --name
    #[arg(long)]
    received: bool,
    /// Number of messages to list, the newest ones
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=LIMIT_MAX))]
    limit: u64,
    #[command(flatten)]
    client: client::NodeSource,
    #[command(flatten)]
    data: data_dir::DataFolder,
}

/// The answer in JSON.
#[derive(Debug, Serialize)]
struct History<'a> {
    key: Option<PublicKey>,
    recipient: Option<&'a str>,
    /// The height of the tip.
    height: u64,
    /// The lowest block that was searched.
    searched_from: u64,
    /// True if every block was searched.
    complete: bool,
    /// True if the node deleted the older blocks.
    pruned: bool,
    messages: &'a [Entry],
}

/// Runs the command.
pub(super) fn run(arguments: &HistoryArgs) -> anyhow::Result<()> {
    let client = arguments.client.client();
    let key = match arguments.key {
        Some(key) => Some(key),
        None => {
            let keystore = Keystore::new(arguments.data.folder(client.network()?.name())?);
            match author_public(&keystore) {
                Ok(key) => Some(key),
                // A name is enough, but nobody signs with a name.
                Err(KeystoreError::Missing { .. }) if arguments.name.is_some() && !arguments.sent => None,
                Err(error) => return Err(anyhow::Error::new(error).context("no --key is given")),
            }
        }
    };
    let mut search = Search::new(key, arguments.name.clone());
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let entries = collect(&mut search, &client, limit, |entry| {
        (!arguments.sent || entry.direction.is_sent())
            && (!arguments.received || entry.direction.is_received())
    })?;
    if arguments.client.json {
        return table::print_json(&History {
            key,
            recipient: arguments.name.as_deref(),
            height: search.tip(),
            searched_from: search.lowest(),
            complete: search.is_complete(),
            pruned: search.is_pruned(),
            messages: &entries,
        });
    }
    if !entries.is_empty() {
        table::print(&rows(&entries))?;
    }
    eprintln!("{}", summary(&search, entries.len(), limit));
    Ok(())
}

/// Returns the author's public key.
///
/// # Errors
/// The key is missing or cannot be read.
pub(super) fn author_public(keystore: &Keystore) -> Result<PublicKey, KeystoreError> {
    Ok(keystore.existing_author()?.public())
}

/// Searches until there are `limit` messages that are wanted, or no block is left.
fn collect(
    search: &mut Search,
    client: &client::NodeClient,
    limit: usize,
    is_wanted: impl Fn(&Entry) -> bool,
) -> anyhow::Result<Vec<Entry>> {
    let bar = progress::bar(0, "searching blocks");
    let mut entries = Vec::new();
    while entries.len() < limit && !search.is_over() {
        entries.extend(search.next(client)?.into_iter().filter(&is_wanted));
        bar.set_length(search.tip());
        bar.set_position((search.tip() + 1).saturating_sub(search.lowest()));
    }
    bar.finish_and_clear();
    entries.truncate(limit);
    Ok(entries)
}

fn rows(entries: &[Entry]) -> String {
    let mut rows = table::headed(&["time", "block", "confirmations", "", "peer", "text"]);
    for entry in entries {
        rows.add_row([
            table::one_line(&entry.message.time_stamp),
            entry.number_of_block.map_or_else(|| "pending".to_owned(), |height| height.to_string()),
            entry.confirmations.to_string(),
            heading(entry).to_owned(),
            peer(entry, PEER_CHARS),
            first_line(&entry.message.text, TEXT_CHARS),
        ]);
    }
    table::lines(rows)
}

/// Returns the word before the peer.
pub(super) const fn heading(entry: &Entry) -> &'static str {
    if entry.direction.is_sent() { "to" } else { "from" }
}

/// Returns the peer's beginning.
pub(super) fn peer(entry: &Entry, chars_max: usize) -> String {
    if entry.peer.is_empty() { "(nobody)".to_owned() } else { table::brief(&entry.peer, chars_max) }
}

/// Returns the beginning of a text's first line, with a mark where it is cut.
pub(super) fn first_line(text: &str, chars_max: usize) -> String {
    let mut lines = text.trim_start().lines();
    let first = table::brief(lines.next().unwrap_or_default(), chars_max);
    let is_cut = first.ends_with('…') || lines.all(|line| line.trim().is_empty());
    if is_cut { first } else { table::brief(&format!("{first} …"), chars_max) }
}

/// Returns the sentence that says how far the search went.
fn summary(search: &Search, found: usize, limit: usize) -> String {
    let (tip, lowest) = (search.tip(), search.lowest());
    let messages = table::counted(u64::try_from(found).unwrap_or(u64::MAX), "message");
    match (search.is_complete(), found < limit) {
        (true, true) => format!("{messages} in all {tip} blocks and the mempool"),
        (false, true) if search.is_pruned() => {
            format!(
                "{messages} in blocks {lowest} to {tip} and the mempool; the node has deleted older blocks"
            )
        }
        (true, false) => format!("the newest {messages}; --limit COUNT shows more"),
        (false, _) => format!(
            "the newest {messages}, found in blocks {lowest} to {tip}; older blocks were not searched: --limit COUNT goes further"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_texts_first_line_is_shown_harmless_and_cut() {
        for (text, chars, shown) in [
            ("hello", 10, "hello"),
            ("hello\nbob", 10, "hello …"),
            ("\n  hello\n\n", 10, "hello"),
            ("hello\nbob", 6, "hello…"),
            ("hello bob", 6, "hello…"),
            ("a\u{1b}[2Jb", 10, "a\u{fffd}[2Jb"),
            ("", 10, ""),
        ] {
            assert_eq!(first_line(text, chars), shown, "{text:?}");
        }
    }
}
