//! `plexus completions` and `plexus man`: files that a package installs beside the program.
//! Both come from the definition of the command line.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{CommandLine, table};

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The folder to write to. Pages of the same names are replaced
    folder: PathBuf,
}

/// Runs `plexus completions`.
pub(super) fn completions(CompletionsArgs { shell }: &CompletionsArgs) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(*shell, &mut CommandLine::command(), "plexus", &mut text);
    std::io::stdout().lock().write_all(&text)?;
    Ok(())
}

/// Runs `plexus man`.
pub(super) fn man(ManArgs { folder }: &ManArgs) -> anyhow::Result<()> {
    let written = fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(CommandLine::command(), folder))
        .and_then(|()| fs::read_dir(folder));
    let pages = written.with_context(|| format!("the pages cannot be written to {}", folder.display()))?;
    table::print(&format!("{}: {} pages\n", folder.display(), pages.count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        man(&ManArgs { folder: folder.path().to_owned() }).unwrap();
        for command in CommandLine::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let page = folder.path().join(format!("plexus-{}.1", command.get_name()));
            let text = fs::read_to_string(&page).unwrap();
            assert!(text.contains(".SH SYNOPSIS") && text.contains(command.get_name()), "{}", page.display());
        }
    }
}
