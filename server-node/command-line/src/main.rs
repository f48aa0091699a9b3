//! `plexus`: one program with the node, its page, and the commands for it.

use std::process::ExitCode;

mod command;
mod report;

fn main() -> ExitCode {
    command::run(std::env::args_os())
}
