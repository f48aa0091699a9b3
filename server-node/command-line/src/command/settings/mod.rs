//! Settings: flags that are completed from the environment and from a TOML file.
//!
//! Each flag `--some-flag` of a node is also the variable `PLEXUS_SOME_FLAG` and the key
//! `some-flag` of the file. A flag comes before the variable, the variable before the file, and the
//! file before the default. This module knows no single flag: it completes the command line with
//! the values that it finds, and clap parses the result.
//!
//! | file | contents |
//! | --- | --- |
//! | [`form`] | how a flag is written in each place |
//! | [`environment`] | the variables |
//! | [`mod@file`] | the file |
//! | [`layers`] | the order of precedence |

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::Command;

mod environment;
mod file;
mod form;
mod layers;
#[cfg(test)]
mod tests;

pub(super) use self::form::{Form, flags, is_number, is_secret};

/// The variables of a process.
pub(super) type Variables = BTreeMap<OsString, OsString>;

/// The place that the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The program.
    Default,
    /// A line of a file, counted from 1.
    File(PathBuf, usize),
    /// A variable of the environment.
    Environment(String),
    /// The command line.
    Flag,
}

impl Source {
    /// Returns the name of the kind, for programs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File(..) => "file",
            Self::Environment(_) => "environment",
            Self::Flag => "flag",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(f, "{}, line {line}", path.display()),
            Self::Environment(variable) => f.write_str(variable),
            Self::Default | Self::Flag => f.write_str(self.name()),
        }
    }
}

/// A command line that is completed from the environment and the file.
#[derive(Debug)]
pub(super) struct Completed {
    /// The command line.
    pub(super) line: Vec<OsString>,
    /// The source of each setting that has a value, by its key.
    pub(super) sources: BTreeMap<String, Source>,
    /// The file that was read.
    pub(super) file: Option<PathBuf>,
    /// What is probably a mistake, but does not keep the program from running.
    pub(super) warnings: Vec<String>,
}

/// Completes a command line. `command` describes the whole program, and `node` the settings of a
/// node.
///
/// # Errors
/// A wrong use: a value in the environment or the file that its flag would refuse, or a file that
/// cannot be read.
pub(super) fn complete(
    command: &Command,
    node: &Command,
    line: Vec<OsString>,
    variables: &Variables,
) -> anyhow::Result<Completed> {
    let subcommand = line.get(1).map(|first| first.to_string_lossy().into_owned());
    let at = match subcommand.as_deref() {
        Some("node" | "config") => 2,
        Some(first) if !first.starts_with('-') => {
            return layers::complete_common(command, line, variables);
        }
        _ => 1,
    };
    layers::complete_node(command, node, line, at, variables)
}
