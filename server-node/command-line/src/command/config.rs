//! `plexus config`: the settings in force, and where each one comes from.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command};
use plexus_core::primitives::params::Network;
use serde::Serialize;
use serde_json::Value;

use super::settings::{Completed, Form, Source};
use super::{node, settings, table};

mod toml_file;

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    node: node::NodeArgs,
    /// Print JSON
    #[arg(long, conflicts_with = "toml")]
    json: bool,
    /// Print a TOML file, with comments, that can be saved and used
    #[arg(long)]
    toml: bool,
}

/// A setting in force.
#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    /// `None` if it is not set, or if it is a secret.
    value: Value,
    /// default, file, environment or flag.
    source: &'static str,
    /// The file and line, the variable, or the same as `source`.
    from: String,
    #[serde(skip_serializing_if = "is_false")]
    is_secret: bool,
    #[serde(skip)]
    help: String,
    #[serde(skip)]
    example: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Runs the command. `node` has the flags that are settings.
pub(super) fn run(
    arguments: &ConfigArgs,
    node: &Command,
    matches: &ArgMatches,
    completed: &Completed,
) -> anyhow::Result<()> {
    for warning in &completed.warnings {
        eprintln!("plexus: warning: {warning}");
    }
    let matches = matches.subcommand().map_or(matches, |(_, within)| within);
    let mut all: Vec<_> =
        settings::flags(node).map(|(key, flag)| setting(key, flag, matches, completed)).collect();
    for setting in &mut all {
        match setting.name.as_str() {
            // What is in force without the setting.
            "data" if setting.value.is_null() => setting.value = default_folder(arguments)?.into(),
            "browsers-max" if setting.value.is_null() => setting.value = arguments.node.inbound_max().into(),
            "config" if setting.value.is_null() => setting.value = shown_path(completed.file.as_ref()),
            _ => {}
        }
    }
    if arguments.toml {
        return table::print(&toml_file::text(&all));
    }
    if arguments.json {
        return table::print_json(&all);
    }
    let mut rows = table::headed(&["setting", "value", "from"]);
    for setting in &all {
        rows.add_row([&setting.name, &in_words(setting), &setting.from]);
    }
    table::print(&table::lines(rows))
}

fn default_folder(arguments: &ConfigArgs) -> anyhow::Result<String> {
    let network: &Network = &arguments.node.network;
    Ok(arguments.node.data.folder(network.name())?.display().to_string())
}

fn shown_path(path: Option<&PathBuf>) -> Value {
    path.map_or(Value::Null, |path| path.display().to_string().into())
}

/// Returns a flag's value in force.
fn setting(key: &str, flag: &clap::Arg, matches: &ArgMatches, completed: &Completed) -> Setting {
    let id = flag.get_id().as_str();
    let raw = || matches.get_raw(id).into_iter().flatten();
    let scalar = |text: &std::ffi::OsStr| scalar(flag, &text.to_string_lossy());
    let value = match Form::of(flag) {
        Form::Switch => matches.get_flag(id).into(),
        Form::Optional if !matches.contains_id(id) => false.into(),
        Form::Optional => raw().next().map_or(true.into(), scalar),
        Form::List => raw().map(scalar).collect(),
        Form::Single => raw().next().map_or(Value::Null, scalar),
    };
    let is_secret = settings::is_secret(key);
    let source = completed.sources.get(key).unwrap_or(&Source::Default);
    Setting {
        name: key.to_owned(),
        value: if is_secret { Value::Null } else { value },
        source: source.name(),
        from: source.to_string(),
        is_secret,
        help: flag.get_help().map(ToString::to_string).unwrap_or_default(),
        example: example(flag),
    }
}

fn scalar(flag: &clap::Arg, text: &str) -> Value {
    let number = settings::is_number(flag).then(|| serde_json::from_str(text).ok()).flatten();
    number.filter(Value::is_number).unwrap_or_else(|| text.into())
}

/// Returns a value that shows how a setting without default is written.
fn example(flag: &clap::Arg) -> Value {
    let name = flag.get_value_names().and_then(<[_]>::first).map_or("…", |name| name.as_str());
    match Form::of(flag) {
        Form::Switch | Form::Optional => true.into(),
        Form::List => vec![name].into(),
        Form::Single => name.into(),
    }
}

fn in_words(setting: &Setting) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), table::one_line);
    match &setting.value {
        Value::Null if setting.is_secret && setting.source != "default" => "(hidden)".to_owned(),
        Value::Null => "(not set)".to_owned(),
        Value::Array(values) if values.is_empty() => "(none)".to_owned(),
        Value::Array(values) => values.iter().map(word).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => word(&setting.value),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Arg;

    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let command = Command::new("plexus").arg(Arg::new("key_passphrase").long("key-passphrase"));
        let matches =
            command.clone().try_get_matches_from(["plexus", "--key-passphrase=abracadabra"]).unwrap();
        let source = Source::Environment("PLEXUS_KEY_PASSPHRASE".to_owned());
        let sources = BTreeMap::from([("key-passphrase".to_owned(), source)]);
        let completed = Completed { line: Vec::new(), sources, file: None, warnings: Vec::new() };
        let flag = command.get_arguments().next().unwrap();
        let found = setting("key-passphrase", flag, &matches, &completed);
        assert_eq!(in_words(&found), "(hidden)");
        let json = serde_json::to_string(&found).unwrap();
        let toml = toml_file::text(&[found]);
        assert!(json.contains("\"is_secret\":true") && toml.contains("is a secret"), "{json} {toml}");
        assert!(!json.contains("abracadabra") && !toml.contains("abracadabra"), "{json} {toml}");
        assert!(!settings::is_secret("passphrase-file"), "a file's name is no secret");
    }
}
