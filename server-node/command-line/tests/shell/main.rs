//! The program as people call it from a shell and a terminal.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;
mod keys;
mod page_hashes;
mod terminal;
mod tls;
