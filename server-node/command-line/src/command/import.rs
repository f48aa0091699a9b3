//! `plexus import`: verifies a backup or an exported chain, and stores it in a data folder.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use plexus_node::chain_file::ChainReader;
use plexus_node::chain_file::import::{Imported, import};
use plexus_node::chain_file::key_file::restore_key;
use plexus_node::disk::disk_free;
use plexus_node::store::{Store, StoreError};
use serde_json::json;

use super::data_dir::FolderSource;
use super::{progress, size, table};

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// A backup, or a chain that `plexus chain --export` wrote; - for standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    #[command(flatten)]
    place: FolderSource,
}

/// Runs the command.
pub(super) fn run(arguments: &ImportArgs) -> anyhow::Result<()> {
    let data = arguments.place.folder()?;
    let begun = Instant::now();
    let file = &arguments.file;
    let (imported, keys) = if file.as_os_str() == "-" {
        let bar = progress::spinner("importing");
        let stored =
            store(BufReader::with_capacity(1 << 16, io::stdin().lock()), &data, arguments, |height| {
                if height.is_multiple_of(1_000) {
                    bar.set_message(format!("importing: {height} blocks"));
                }
            });
        bar.finish_and_clear();
        stored?
    } else {
        let cannot_read = || format!("cannot read {}", file.display());
        let opened = File::open(file).with_context(cannot_read)?;
        let length = opened.metadata().with_context(cannot_read)?.len();
        check_room(&data, length)?;
        let bar = progress::bar(length, "importing");
        let stored =
            store(BufReader::with_capacity(1 << 16, bar.wrap_read(opened)), &data, arguments, |_| ());
        bar.finish_and_clear();
        stored.with_context(|| file.display().to_string())?
    };
    let Imported { height, tip, stored, is_best } = imported;
    if arguments.place.json {
        return table::print_json(&json!({
            "data": data.display().to_string(),
            "height": height,
            "tip": tip,
            "stored": stored,
            "is_best": is_best,
            "keys_restored": keys,
        }));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let known = (height + 1).saturating_sub(stored);
    let mut rows = vec![
        ("imported", format!("{stored} blocks, all verified, in {seconds:.1} s; {known} were there")),
        ("data", data.display().to_string()),
        ("height", height.to_string()),
        ("tip", tip.to_string()),
    ];
    if !is_best {
        rows.push((
            "note",
            "the folder's own chain has at least as much work, and stays the best".to_owned(),
        ));
    }
    if !keys.is_empty() {
        rows.push(("keys", format!("{} restored", keys.join(" and "))));
    }
    table::print(&table::pairs(&rows))
}

/// Fails if the disk has less free space than the file has bytes. The store needs at least that.
fn check_room(data: &Path, length: u64) -> anyhow::Result<()> {
    plexus_node::private_file::create_folder(data)
        .with_context(|| format!("cannot make {}", data.display()))?;
    match disk_free(data) {
        Ok(free) if free < length => anyhow::bail!(
            "the file has {}, and the disk of {} has {} free: make room first",
            size::display(length),
            data.display(),
            size::display(free)
        ),
        // Where the system does not tell, a full disk is noticed when it is full.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Stores the chain and the keys. Returns the names of the keys that were restored.
fn store(
    reader: impl BufRead,
    data: &Path,
    arguments: &ImportArgs,
    mut step: impl FnMut(u64),
) -> anyhow::Result<(Imported, Vec<&'static str>)> {
    let mut reader = ChainReader::new(reader)?;
    let store = Store::open(data, &arguments.place.network).map_err(|error| {
        if let StoreError::InUse { data } = &error {
            return anyhow::anyhow!("a node is using {}: stop it, and import then", data.display());
        }
        error.into()
    })?;
    let imported = import(&mut reader, &store, plexus_node::clock::time(), |height| {
        step(height);
        true
    })?;
    let mut restored = Vec::new();
    for key in reader.keys() {
        if restore_key(data, key)? {
            restored.push(key.name);
        } else {
            eprintln!("{} stays as it is: the folder has this key already", data.join(key.name).display());
        }
    }
    Ok((imported, restored))
}
