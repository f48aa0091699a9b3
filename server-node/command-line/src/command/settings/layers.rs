//! Layers: a flag, then a variable, then a line of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use plexus_core::primitives::params::Network;

use super::form::{Form, Found};
use super::{Completed, Source, Variables, environment, file, form};
use crate::command::WrongUse;
use crate::command::data_dir::DataFolder;

/// The flags of the other commands that have a variable.
const COMMON: [&str; 3] = ["node", "data", "network"];

/// A setting that was found outside of the command line.
struct Layer {
    source: Source,
    words: Vec<OsString>,
}

/// Completes a command line of a command that runs no node: [`COMMON`] flags have a variable.
pub(super) fn complete_common(
    command: &Command,
    mut line: Vec<OsString>,
    variables: &Variables,
) -> anyhow::Result<Completed> {
    let mut found = Vec::new();
    if let Ok(matches) = command.clone().try_get_matches_from(&line) {
        let (mut matches, mut command, mut at) = (&matches, command, 1);
        while let Some((name, within)) = matches.subcommand() {
            let Some(inner) = command.find_subcommand(name) else { break };
            let Some(place) = line[at..].iter().position(|word| word == name) else { break };
            (matches, command, at) = (within, inner, at + place + 1);
            for (key, flag) in form::flags(command).filter(|(key, _)| COMMON.contains(key)) {
                if is_given(matches, flag.get_id().as_str()) {
                    continue;
                }
                let value = environment::find(key, flag, variables).map_err(WrongUse)?;
                if let Some((source, value)) = value {
                    found.push((at, key.to_owned(), layer(command, key, source, &value)?));
                }
            }
        }
    }
    let mut sources = BTreeMap::new();
    for (at, key, layer) in found.into_iter().rev() {
        line.splice(at..at, layer.words);
        sources.insert(key, layer.source);
    }
    Ok(Completed { line, sources, file: None, warnings: Vec::new() })
}

/// Completes a command line of a node. Its flags begin at the word `at`.
pub(super) fn complete_node(
    command: &Command,
    node: &Command,
    mut line: Vec<OsString>,
    at: usize,
    variables: &Variables,
) -> anyhow::Result<Completed> {
    let mut given = switched_off(node, &mut line);
    // Mistakes on the command line are reported first, by the parser that sees it last.
    let is_parsed = match command.clone().try_get_matches_from(&line) {
        Ok(_) => true,
        Err(error) => form::is_of_several(error.kind()),
    };
    if !is_parsed {
        return Ok(Completed { line, sources: BTreeMap::new(), file: None, warnings: Vec::new() });
    }
    let matches = command.clone().ignore_errors(true).try_get_matches_from(&line)?;
    let matches = matches.subcommand().map_or(&matches, |(_, within)| within);
    given.extend(
        form::flags(node)
            .filter(|(_, flag)| is_given(matches, flag.get_id().as_str()))
            .map(|(key, _)| key.to_owned()),
    );
    let mut layers = BTreeMap::new();
    for (key, flag) in form::flags(node) {
        let value = environment::find(key, flag, variables).map_err(WrongUse)?;
        if let Some((source, value)) = value {
            layers.insert(key.to_owned(), layer(node, key, source, &value)?);
        }
    }
    layers.retain(|key, _| !given.contains(key));
    let (path, is_named) = match settings_file(node, matches, &layers) {
        Some((path, is_named)) => (Some(path), is_named),
        None => (None, false),
    };
    if let Some(path) = &path {
        for (key, layer) in from_file(node, path)? {
            if !given.contains(&key) {
                layers.entry(key).or_insert(layer);
            }
        }
    }
    let mut sources: BTreeMap<_, _> = given.into_iter().map(|key| (key, Source::Flag)).collect();
    let words: Vec<_> = layers.values().flat_map(|layer| layer.words.clone()).collect();
    line.splice(at.min(line.len())..at.min(line.len()), words);
    sources.extend(layers.into_iter().map(|(key, layer)| (key, layer.source)));
    if let Some(path) = path.as_deref().filter(|_| !is_named) {
        refuse_another_folder(command, path, &line, &sources)?;
    }
    let warnings = environment::warnings(command, node, variables);
    Ok(Completed { line, sources, file: path, warnings })
}

/// Takes the words `--flag=false` and `--flag=true` out of the line for flags whose value may be
/// left out, so that a flag can turn off what the environment or the file turns on. Returns the
/// flags that are turned off.
fn switched_off(node: &Command, line: &mut Vec<OsString>) -> BTreeSet<String> {
    let mut off = BTreeSet::new();
    for (key, flag) in form::flags(node) {
        if matches!(Form::of(flag), Form::Switch | Form::Optional) {
            let (on_word, off_word) = (format!("--{key}=true"), format!("--{key}=false"));
            let before = line.len();
            line.retain(|word| word != OsStr::new(&off_word));
            if line.len() < before {
                off.insert(key.to_owned());
            }
            for word in line.iter_mut().filter(|word| *word == OsStr::new(&on_word)) {
                *word = format!("--{key}").into();
            }
        }
    }
    off
}

fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Returns the words for a value, checked.
fn layer(command: &Command, key: &str, source: Source, value: &Found) -> anyhow::Result<Layer> {
    let flag = form::flags(command).find(|(known, _)| *known == key).map(|(_, flag)| flag);
    let words = flag.map_or_else(|| Err(unknown(command, key)), |flag| form::words(key, flag, value));
    let checked = words.and_then(|words| form::check(command, &words).map(|()| words));
    match checked {
        Ok(words) => Ok(Layer { source, words }),
        Err(reason) => Err(WrongUse(format!("{source}: {reason}")).into()),
    }
}

fn unknown(command: &Command, key: &str) -> String {
    let tip = form::similar(command, key).map(|known| format!("; did you mean {known}?"));
    format!("{key} is no setting{}", tip.unwrap_or_default())
}

fn from_file(node: &Command, path: &Path) -> anyhow::Result<BTreeMap<String, Layer>> {
    let mut layers = BTreeMap::new();
    for entry in file::read(path).map_err(WrongUse)? {
        if entry.key == "config" {
            let reason = "a file of settings cannot name another one";
            return Err(WrongUse(file::place(path, entry.line, reason)).into());
        }
        let source = Source::File(path.to_owned(), entry.line);
        let layer = layer(node, &entry.key, source, &entry.found)?;
        layers.insert(entry.key, layer);
    }
    Ok(layers)
}

/// Returns the file to read, and true if a flag or a variable names it. Otherwise it is the one in
/// the data folder, if there is one.
fn settings_file(
    node: &Command,
    matches: &ArgMatches,
    layers: &BTreeMap<String, Layer>,
) -> Option<(PathBuf, bool)> {
    let words = layers.values().flat_map(|layer| &layer.words);
    let within = node.clone().ignore_errors(true).no_binary_name(true).try_get_matches_from(words).ok()?;
    let path = |id: &str| {
        let of = |matches: &ArgMatches| matches.get_one::<PathBuf>(id).cloned();
        of(matches).or_else(|| of(&within))
    };
    if let Some(path) = path("config") {
        return Some((path, true));
    }
    let network = if is_given(matches, "network") { matches } else { &within };
    let network = network.get_one::<Network>("network")?;
    let folder = DataFolder { data: path("data") }.folder(network.name()).ok()?;
    Some((file::default_in(&folder)?, false))
}

/// Refuses a file that was found in a data folder and leads to another one.
fn refuse_another_folder(
    command: &Command,
    path: &Path,
    line: &[OsString],
    sources: &BTreeMap<String, Source>,
) -> anyhow::Result<()> {
    let Ok(matches) = command.clone().try_get_matches_from(line) else { return Ok(()) };
    let matches = matches.subcommand().map_or(&matches, |(_, within)| within);
    let Some(network) = matches.get_one::<Network>("network") else { return Ok(()) };
    let data = matches.get_one::<PathBuf>("data").cloned();
    let folder = DataFolder { data }.folder(network.name())?;
    let same = |a: &Path, b: &Path| match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    };
    if path.parent().is_some_and(|found| same(found, &folder)) {
        return Ok(());
    }
    let line_of = |key: &str| match sources.get(key) {
        Some(Source::File(_, line)) => Some((key.to_owned(), *line)),
        _ => None,
    };
    let (key, line) = line_of("data").or_else(|| line_of("network")).unwrap_or_default();
    let reason = format!(
        "{key} leads to the data folder {}, and this file is of another one: name the file with --config",
        folder.display()
    );
    Err(WrongUse(file::place(path, line, &reason)).into())
}
