//! `plexus menu` in a program that was built without it: says how to get it.

use std::ffi::OsString;

use clap::Args;

use super::WrongUse;

#[derive(Debug, Args)]
pub(super) struct MenuArgs {
    /// Anything: this program says how to get the menu.
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    ignored: Vec<OsString>,
}

/// Says how to get the command.
///
/// # Errors
/// Always: the wrong use.
pub(super) fn run(arguments: MenuArgs) -> anyhow::Result<()> {
    drop(arguments.ignored);
    let text = "this program was built without the menu: take one of the releases, or build it with \
                `cargo build --release --features menu`";
    Err(WrongUse(text.to_owned()).into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        menu: MenuArgs,
    }

    #[test]
    fn whatever_the_flags_are_it_says_how_to_get_the_menu() {
        for line in ["menu", "menu --node http://a:1 --data /tmp/x --name bob", "menu frobnicate -x"] {
            let line = Line::try_parse_from(line.split(' ')).unwrap();
            let error = run(line.menu).unwrap_err();
            assert!(error.is::<WrongUse>() && error.to_string().contains("--features menu"), "{error}");
        }
    }
}
