//! `plexus repair`: checks a stored chain, names what is damaged, and mends it.
//!
//! A new store is made of all blocks that are sound, so its index, its nodes and its sums are right
//! by construction. The old file is kept beside it. Nothing reads the old file but processes of their
//! own: the database may panic on a damaged page.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use plexus_node::disk::disk_free;
use plexus_node::store::{self, FILE};
use serde_json::{Value, json};

use self::reader::{Part, PartArgs};
use super::data_dir::FolderSource;
use super::{size, table};

mod check;
mod mend;
mod reader;

/// The folder in which the new store is made.
const NEW_FOLDER: &str = "repair.new";
/// The name under which the old file is kept.
const DAMAGED_FILE: &str = "chain.redb.damaged";
/// The most findings that are listed.
const FINDINGS_MAX: usize = 50;

#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    #[command(flatten)]
    place: FolderSource,
    /// Only report: change nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    part: PartArgs,
}

/// Damage that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    part: String,
    height: Option<u64>,
    reason: String,
}

/// The result of a check.
#[derive(Debug, Default)]
struct Findings {
    /// The first [`FINDINGS_MAX`].
    listed: Vec<Finding>,
    count: u64,
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        self.count += 1;
        if self.listed.len() < FINDINGS_MAX {
            self.listed.push(finding);
        }
    }

    fn json(&self) -> Vec<Value> {
        let view = |finding: &Finding| json!({ "part": finding.part, "height": finding.height, "reason": finding.reason });
        self.listed.iter().map(view).collect()
    }

    fn text(&self) -> String {
        let mut rows = table::headed(&["damaged", "height", "reason"]);
        for finding in &self.listed {
            rows.add_row([
                table::one_line(&finding.part),
                finding.height.map_or_else(|| "–".to_owned(), |height| height.to_string()),
                table::one_line(&finding.reason),
            ]);
        }
        let more = self.count.saturating_sub(self.listed.len() as u64);
        let more = if more > 0 { format!("\nand {more} more") } else { String::new() };
        format!("{}{more}", table::lines(rows))
    }
}

/// Runs the command.
pub(super) fn run(arguments: &RepairArgs) -> anyhow::Result<()> {
    let data = arguments.place.folder()?;
    if let Some(part) = arguments.part.read {
        return reader::run(part, &arguments.part, &data);
    }
    let file = data.join(FILE);
    ensure!(
        file.exists(),
        "{} does not exist: there is nothing to repair. Name the folder with --data, the network with --network",
        file.display()
    );
    // No node may use the folder meanwhile.
    let _lock = store::lock(&data)?;
    let (findings, tip) = check::run(&data, &arguments.place.network)?;
    if findings.count == 0 {
        if arguments.place.json {
            return table::print_json(&json!({ "sound": true, "height": tip, "damage": [] }));
        }
        return table::print(&format!(
            "sound: {} blocks, and all that belongs to them",
            tip.unwrap_or(0) + 1
        ));
    }
    if !arguments.place.json {
        table::print(&findings.text())?;
    }
    if arguments.check {
        if arguments.place.json {
            table::print_json(&json!({
                "sound": false,
                "height": tip,
                "damage": findings.json(),
                "damage_count": findings.count,
            }))?;
        }
        anyhow::bail!("{} is damaged: `plexus repair` without --check mends it", file.display());
    }
    let needed = fs::metadata(&file)?.len();
    let free = disk_free(&data).unwrap_or(u64::MAX);
    ensure!(
        free > needed,
        "a repair needs {} beside the old file, and the disk has {}: make room first",
        size::display(needed),
        size::display(free)
    );
    let mended = mend::run(&data, &arguments.place.network).inspect_err(|_| {
        // The next repair removes what is left of it.
        let _ = fs::remove_dir_all(data.join(NEW_FOLDER));
    })?;
    let aside = put_in_place(&data)?;
    if arguments.place.json {
        return table::print_json(&json!({
            "sound": true,
            "damage": findings.json(),
            "damage_count": findings.count,
            "height": mended.height,
            "stopped_by": mended.stopped_by,
            "messages_kept": mended.messages,
            "old_file": aside.display().to_string(),
        }));
    }
    let mut rows = vec![
        (
            "mended",
            format!("blocks 0 to {} are kept; a node fetches the others from its peers", mended.height),
        ),
        ("pooled", format!("{} messages of your own still wait for a block", mended.messages)),
        ("old file", format!("{}: delete it when the node runs well", aside.display())),
    ];
    if let Some(reason) = &mended.stopped_by {
        rows.push(("the first block that is lost", table::one_line(reason)));
    }
    table::print(&table::pairs(&rows))
}

/// Keeps the old file under another name, and puts the new one in its place. Returns the old file's
/// new name.
fn put_in_place(data: &Path) -> anyhow::Result<PathBuf> {
    let (file, new) = (data.join(FILE), data.join(NEW_FOLDER));
    let names = (1u32..).map(|number| format!("{DAMAGED_FILE}.{number}"));
    let names = std::iter::once(DAMAGED_FILE.to_owned()).chain(names).map(|name| data.join(name));
    let aside = names.into_iter().find(|path| !path.exists()).context("no name is free for the old file")?;
    // A second name, not a rename: at no moment the folder looks as if it had no chain.
    let kept = fs::hard_link(&file, &aside).or_else(|_| fs::rename(&file, &aside));
    kept.with_context(|| format!("cannot keep the old file as {}", aside.display()))?;
    fs::rename(new.join(FILE), &file).with_context(|| format!("cannot replace {}", file.display()))?;
    store::sync_directory(data)?;
    fs::remove_dir_all(&new).with_context(|| format!("cannot remove {}", new.display()))?;
    Ok(aside)
}

/// Returns the hidden arguments by which this program reads a part in a process of its own.
fn part_name(part: Part) -> &'static str {
    match part {
        Part::Check => "check",
        Part::Best => "best",
        Part::Following => "following",
        Part::Pooled => "pooled",
        Part::Book => "book",
    }
}
