//! Forms: how a flag is written on the command line, in a variable and in a file.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use crate::command::reason;
use crate::command::table::one_line;

/// The form of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::command) enum Form {
    /// True or false: `--flag`.
    Switch,
    /// A value that may be left out: `--flag` or `--flag=VALUE`.
    Optional,
    /// Any number of values: `--flag A --flag B`.
    List,
    /// One value: `--flag VALUE`.
    Single,
}

impl Form {
    pub(in crate::command) fn of(flag: &Arg) -> Self {
        let values = flag.get_num_args().unwrap_or_default();
        let action = flag.get_action();
        if matches!(action, ArgAction::SetTrue | ArgAction::SetFalse) {
            Self::Switch
        } else if matches!(action, ArgAction::Append) || values.max_values() > 1 {
            Self::List
        } else if flag.get_num_args().is_some() && values.min_values() == 0 {
            Self::Optional
        } else {
            Self::Single
        }
    }

    /// Returns the values that this form takes, in words.
    fn expected(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Optional => "true, false or a value",
            Self::List => "a list like [\"…\", \"…\"]",
            Self::Single => "one value",
        }
    }
}

/// A value as it is found in a variable or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Bool(bool),
    Number(String),
    Text(OsString),
    List(Vec<Self>),
    /// A value of a type that no setting has, by the type's name.
    Other(&'static str),
}

/// Returns true if the values of a flag are numbers.
pub(in crate::command) fn is_number(flag: &Arg) -> bool {
    let found = flag.get_value_parser().type_id();
    [
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
        TypeId::of::<f64>(),
    ]
    .iter()
    .any(|one| found == *one)
}

fn is_path(flag: &Arg) -> bool {
    flag.get_value_parser().type_id() == TypeId::of::<PathBuf>()
}

/// Returns true if the value of a setting must not be shown.
pub(in crate::command) fn is_secret(key: &str) -> bool {
    ["passphrase", "password", "secret", "token"].iter().any(|word| key.contains(word))
        && !key.ends_with("-file")
}

/// Returns the flags that have a name, without help and version.
pub(in crate::command) fn flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let named = command.get_arguments().filter_map(|flag| Some((flag.get_long()?, flag)));
    named.filter(|(key, _)| !matches!(*key, "help" | "version"))
}

/// Returns the words of a command line that give this flag this value.
///
/// # Errors
/// The values that are expected instead.
pub(super) fn words(key: &str, flag: &Arg, found: &Found) -> Result<Vec<OsString>, String> {
    let form = Form::of(flag);
    let wrong = |type_name: &str| Err(format!("{key} must be {}, and not {type_name}", form.expected()));
    let bare = || OsString::from(format!("--{key}"));
    match (form, found) {
        (_, Found::Other(type_name)) => wrong(type_name),
        (Form::Switch | Form::Optional, Found::Bool(is_on)) => Ok(is_on.then(bare).into_iter().collect()),
        (Form::Switch, Found::Number(_)) => wrong("a number"),
        (Form::Switch, Found::Text(_)) => wrong("a string"),
        (Form::List, Found::List(all)) => all.iter().map(|one| word(key, flag, one)).collect(),
        (_, Found::List(_)) => wrong("a list"),
        (Form::Optional | Form::Single | Form::List, one) => Ok(vec![word(key, flag, one)?]),
    }
}

fn is_numeric(text: &OsStr) -> bool {
    text.to_str().is_some_and(|text| text.parse::<f64>().is_ok())
}

/// Returns `--key=value`.
fn word(key: &str, flag: &Arg, found: &Found) -> Result<OsString, String> {
    let wrong =
        |expected: &str, type_name: &str| Err(format!("{key}: {expected} is expected, and not {type_name}"));
    let value: &OsStr = match found {
        Found::Number(_) if is_path(flag) => return wrong("a string", "a number"),
        Found::Number(number) => OsStr::new(number),
        Found::Text(text) if is_number(flag) && !is_numeric(text) => {
            let expected = match Form::of(flag) {
                Form::Optional => "true, false or a number",
                Form::Switch | Form::List | Form::Single => "a number",
            };
            return Err(format!(
                "{key} must be {expected}, and not \"{}\"",
                one_line(&text.to_string_lossy())
            ));
        }
        Found::Text(text) => text,
        Found::Bool(_) if is_number(flag) => return wrong("a number", "a boolean"),
        Found::Bool(_) => return wrong("a string", "a boolean"),
        Found::List(_) => return wrong("a value", "a list"),
        Found::Other(type_name) => return wrong("a value", type_name),
    };
    let mut word = OsString::from(format!("--{key}="));
    word.push(value);
    Ok(word)
}

/// Checks the words of one setting by themselves.
///
/// # Errors
/// The reason that clap gives, on one line. Whether the setting needs another one is not checked.
pub(super) fn check(command: &Command, words: &[OsString]) -> Result<(), String> {
    let parsed = command.clone().no_binary_name(true).try_get_matches_from(words);
    match parsed {
        Ok(_) => Ok(()),
        Err(error) if is_of_several(error.kind()) => Ok(()),
        Err(error) => {
            let text = error.to_string();
            Err(reason(text.split("\n\n").next().unwrap_or_default()))
        }
    }
}

/// Returns true if an error is about several settings together.
pub(super) fn is_of_several(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::MissingRequiredArgument
            | ErrorKind::ArgumentConflict
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::MissingSubcommand
    )
}

/// Returns the key that was probably meant by an unknown one.
pub(super) fn similar(command: &Command, key: &str) -> Option<String> {
    let word = format!("--{}=", key.replace('_', "-"));
    let known = |key: &str| flags(command).any(|(known, _)| known == key);
    if known(&key.replace('_', "-")) {
        return Some(key.replace('_', "-"));
    }
    let error = command.clone().no_binary_name(true).try_get_matches_from([word]).err()?;
    let Some(ContextValue::String(flag)) = error.get(ContextKind::SuggestedArg) else { return None };
    Some(flag.trim_start_matches('-').to_owned())
}
