//! `plexus`: one program that is a node, its page, and the commands that speak to it.

use std::process::ExitCode;

mod command;

fn main() -> ExitCode {
    command::run(std::env::args_os())
}
