//! Variables of the environment: `PLEXUS_SOME_FLAG` is `--some-flag`.

use std::ffi::OsStr;

use clap::{Arg, Command};

use super::form::{self, Form, Found};
use super::{Source, Variables};

/// The beginning of every variable that is a setting.
const PREFIX: &str = "PLEXUS_";
/// The variables with this beginning that are no settings: the tools of the tests, and what
/// packagers give a build.
const OTHERS: [&str; 5] =
    ["PLEXUS_BIN", "PLEXUS_NPM", "PLEXUS_PYTHON", "PLEXUS_COMMIT", "PLEXUS_BUILD_COMMIT"];

/// Returns the name of a flag's variable.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('-', "_").to_uppercase())
}

/// Returns the value of a flag's variable. An empty variable is none.
///
/// # Errors
/// The variable, and the values that are expected in it.
pub(super) fn find(key: &str, flag: &Arg, variables: &Variables) -> Result<Option<(Source, Found)>, String> {
    let variable = variable_of(key);
    let Some(text) = variables.get(OsStr::new(&variable)).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let found = read(Form::of(flag), text).map_err(|expected| format!("{variable}: {expected}"))?;
    Ok(Some((Source::Environment(variable), found)))
}

fn read(form: Form, text: &OsStr) -> Result<Found, String> {
    let word = text.to_str().map(str::trim);
    match form {
        Form::Switch => match word {
            Some("1" | "true" | "yes" | "on") => Ok(Found::Bool(true)),
            Some("0" | "false" | "no" | "off") => Ok(Found::Bool(false)),
            _ => Err(format!("true or false is expected, and not {}", text.display())),
        },
        Form::Optional => match word {
            Some("true" | "yes" | "on") => Ok(Found::Bool(true)),
            Some("false" | "no" | "off") => Ok(Found::Bool(false)),
            _ => Ok(Found::Text(text.to_owned())),
        },
        Form::List => match word {
            Some(list) => {
                let values = list.split(',').map(str::trim).filter(|value| !value.is_empty());
                Ok(Found::List(values.map(|value| Found::Text(value.into())).collect()))
            }
            None => Err("a list is expected, its values separated by commas".to_owned()),
        },
        Form::Single => Ok(Found::Text(text.to_owned())),
    }
}

/// Returns a warning for each variable that looks like a setting and is none. `command` describes
/// the whole program, and `node` the settings of a node.
pub(super) fn warnings(command: &Command, node: &Command, variables: &Variables) -> Vec<String> {
    let names = variables.keys().filter_map(|name| name.to_str());
    let unknown = names.filter(|name| {
        let Some(key) = name.strip_prefix(PREFIX) else { return false };
        let key = key.replace('_', "-").to_lowercase();
        !OTHERS.contains(name) && !form::is_secret(&key) && !is_flag(command, &key) && !is_flag(node, &key)
    });
    let warning = |name: &str| {
        let key = name.trim_start_matches(PREFIX).replace('_', "-").to_lowercase();
        let tip = form::similar(node, &key).map(|key| format!("; did you mean {}?", variable_of(&key)));
        format!("the variable {name} is no setting{}", tip.unwrap_or_default())
    };
    unknown.map(warning).collect()
}

/// Returns true if the command or one of its subcommands has this flag.
fn is_flag(command: &Command, key: &str) -> bool {
    form::flags(command).any(|(known, _)| known == key)
        || command.get_subcommands().any(|command| is_flag(command, key))
}
