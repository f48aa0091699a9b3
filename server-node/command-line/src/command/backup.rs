//! `plexus backup`: writes the whole chain to a file, of a running node or of a data folder.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;
use plexus_node::chain_file::ChainReader;
use plexus_node::chain_file::backup::{self, Written};
use plexus_node::chain_file::key_file::read_keys;
use plexus_node::store::{self, Store};
use serde_json::json;

use super::admin::AdminClient;
use super::data_dir::FolderSource;
use super::{atomic_file, progress, size, table};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to write, or - for standard output
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    #[command(flatten)]
    place: FolderSource,
    /// The admin socket of the running node [default: admin.sock in the data folder]
    #[arg(long, value_name = "PATH")]
    admin_socket: Option<PathBuf>,
    /// Also write the keys of the data folder. Anybody with the backup then has your keys
    #[arg(long)]
    with_keys: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &BackupArgs) -> anyhow::Result<()> {
    let data = arguments.place.folder()?;
    let chain = data.join(store::FILE);
    anyhow::ensure!(
        chain.exists(),
        "{} does not exist: there is no chain to back up. Name the folder with --data, the network with --network",
        chain.display()
    );
    if arguments.file.as_os_str() == "-" {
        let mut out = io::stdout().lock();
        write(arguments, &data, &mut out)?;
        return Ok(out.flush()?);
    }
    let fill = |out: &mut io::BufWriter<File>| write(arguments, &data, out);
    let written = match arguments.with_keys {
        true => atomic_file::write_private(&arguments.file, fill)?,
        false => atomic_file::write(&arguments.file, fill)?,
    };
    report(arguments, &written)
}

fn report(arguments: &BackupArgs, written: &Written) -> anyhow::Result<()> {
    let Written { height, tip, bytes } = written;
    if arguments.place.json {
        return table::print_json(&json!({
            "file": arguments.file.display().to_string(),
            "height": height,
            "tip": tip,
            "bytes": bytes,
            "keys": arguments.with_keys,
        }));
    }
    let keys = if arguments.with_keys { ", with the keys" } else { ", without the keys" };
    let rows = [
        ("backup", format!("{}, {}{keys}", arguments.file.display(), size::display(*bytes))),
        ("height", height.to_string()),
        ("tip", tip.to_string()),
    ];
    table::print(&table::pairs(&rows))
}

/// Writes the backup: from the running node, or from its folder if none runs.
fn write(arguments: &BackupArgs, data: &Path, out: &mut impl Write) -> anyhow::Result<Written> {
    match Store::open(data, &arguments.place.network) {
        Ok(store) => {
            let keys = if arguments.with_keys { read_keys(data)? } else { Vec::new() };
            let view = store.view()?;
            let bar = progress::bar(view.tip()?.height + 1, "backing up");
            let written = backup::write(&view, &arguments.place.network, &keys, out, |done, _| {
                bar.set_position(done);
                true
            });
            bar.finish_and_clear();
            written
        }
        Err(store::StoreError::InUse { .. }) => {
            let client = AdminClient::new(data, arguments.admin_socket.as_deref())?;
            receive(client.backup(arguments.with_keys)?, out)
        }
        Err(error) => Err(error.into()),
    }
}

/// Copies the backup that a node sends, and checks that it is complete and undamaged.
fn receive(from: impl io::Read, out: &mut impl Write) -> anyhow::Result<Written> {
    let tee = Tee { from, out, bytes: 0, failure: None };
    let mut reader = ChainReader::new(BufReader::with_capacity(1 << 16, tee))?;
    let (height, tip) = reader.tip().context("the node did not send a backup")?;
    let bar: ProgressBar = progress::bar(height + 1, "backing up");
    while reader.block()?.is_some() {
        bar.inc(1);
    }
    bar.finish_and_clear();
    let ChainReader::Backup(reader) = reader else { anyhow::bail!("the node did not send a backup") };
    let tee = reader.into_inner().into_inner();
    match tee.failure {
        Some(error) => Err(error).context("the backup cannot be written"),
        None => Ok(Written { height, tip, bytes: tee.bytes }),
    }
}

/// A reader that writes all that it reads.
struct Tee<'a, R, W> {
    from: R,
    out: &'a mut W,
    bytes: u64,
    failure: Option<io::Error>,
}

impl<R: io::Read, W: Write> io::Read for Tee<'_, R, W> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(bytes)?;
        if let Err(error) = self.out.write_all(bytes.get(..read).unwrap_or_default()) {
            let kind = error.kind();
            self.failure = Some(error);
            return Err(io::Error::new(kind, "the backup cannot be written"));
        }
        self.bytes += read as u64;
        Ok(read)
    }
}
