//! The page in a real headless Chromium, as people use it: one scenario per file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at the one variant that they are about")]

mod flood;
mod forged;
mod fork;
mod gone;
mod hostile;
mod key_files;
mod keyboard;
mod keys;
mod laboratory;
mod layout;
mod message;
mod mining;
mod network;
mod package;
mod page;
mod quality;
mod replaced;
mod sealing;
mod sending;
mod speed;
mod stage;
mod tabs;
