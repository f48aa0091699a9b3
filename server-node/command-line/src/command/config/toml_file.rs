//! The settings in force as a commented TOML file.

use std::fmt::Write as _;

use serde_json::Value;

use super::Setting;

/// The widest line of a comment.
const COLUMNS_MAX: usize = 96;

/// Returns the file. Settings at their default are comments.
pub(super) fn text(settings: &[Setting]) -> String {
    let mut text = String::from(
        "# Settings of a Plexus node. Save this file and name it with `plexus node --config FILE`,\n\
        # or save it as plexus.toml in the data folder.\n",
    );
    for setting in settings.iter().filter(|setting| setting.name != "config") {
        text.push('\n');
        for line in wrapped(&setting.help) {
            let _ = writeln!(text, "# {line}");
        }
        let is_default = setting.source == "default";
        let name = &setting.name;
        let is_empty = setting.value.as_array().is_some_and(Vec::is_empty);
        let _ = if setting.is_secret && !is_default {
            writeln!(text, "# {name} is set, and is a secret: it is not written here")
        } else if setting.value.is_null() || is_empty {
            writeln!(text, "# {name} = {}", toml(&setting.example))
        } else {
            let comment = if is_default { "# " } else { "" };
            writeln!(text, "{comment}{name} = {}", toml(&setting.value))
        };
    }
    text
}

/// Returns a value in TOML. A setting's value is a scalar or a list of scalars.
fn toml(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Array(values) => format!("[{}]", values.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > COLUMNS_MAX {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
