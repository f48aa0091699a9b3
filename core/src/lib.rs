//! Plexus without I/O: a proof-of-work ledger of signed messages. Every participant verifies
//! everything itself.
//!
//! A driver feeds a [`node::Node`] with inputs ([`node::Input`]) and carries out its outputs
//! ([`node::Output`]). Nothing here waits, does I/O, reads a clock, has a source of randomness of
//! its own or iterates in random order. So every run can be replayed from a seed and its list of
//! inputs. The formats and rules are specified in `PROTOCOL.md` beside this crate.
//!
//! The module [`node`] shows a driver. The folder `examples` has two programs: a node inside
//! another program, and a verifier of proof files.
//!
//! # Map
//!
//! A folder imports only from the floors below its own. A test reads all imports and checks this.
//!
//! | floor | folder | what is in it |
//! | --- | --- | --- |
//! | 7 | [`sim`] | the simulator |
//! | 6 | [`node`] | the node, its inputs and outputs |
//! | 5 | [`sync`] | requests for headers, blocks and messages, and their relay |
//! | 5 | [`peers`] | addresses, slots, bans, and the latency graph |
//! | 4 | [`protocol`] | packets, their limits, and the named misbehaviors |
//! | 3 | [`proof`] | proofs of a chain and of a message |
//! | 2 | [`ledger`] | rules, chain, and messages that wait for a block |
//! | 2 | [`mining`] | jobs, searches and search kernels |
//! | 1 | [`primitives`] | hashes, keys, blocks, messages, numbers and containers |
//!
//! # Glossary
//!
//! - **block**: a *header* that is mined, and a *body*: the author's signature and the messages.
//! - **tip**: the last block of the best branch whose bodies are validated.
//! - **best header**: the last header of the branch with the most work.
//! - **branch**: a path down to genesis. **reorg**: the change of the best branch. **work**: the
//!   expected number of hashes.
//! - **target**: the largest hash that a block may have. **bits**: its compact form.
//! - **job**: a search for a miner. **solution**: its result.
//! - **node**: ourselves. **peer**: a remote node. **connection**: a socket to a peer.
//! - **misbehavior**: a named offence of a peer. **netgroup**: the part of the internet that an
//!   address lies in.
//! - **chain proof**: evidence of a chain's work without its headers. **tail**: the newest headers,
//!   all of which it shows. **point**: a place in the work whose header it shows.
//! - **inclusion proof**: evidence that a message is in a block of a proven chain, and of the work
//!   that protects it.
//! - **link**: a connection that both ends measured. **link certificate**: its latency, signed by
//!   both ends. **graph**: the certified links that a node holds.
//! - **topology**: the shape that the certified links give the network. **forecast**: predicts
//!   which peers receive a block first from us.
//! - **input**: an event that a driver reports. **output**: a request of the node to its driver.

pub mod ledger;
pub mod mining;
pub mod node;
pub mod peers;
pub mod primitives;
pub mod proof;
pub mod protocol;
pub mod sim;
pub mod sync;

// The types that a driver needs first.
pub use ledger::chain::Chain;
pub use node::event::Event;
pub use node::{Config, Input, Node, Output};
pub use primitives::block::{Block, Header};
pub use primitives::hash::Hash;
pub use primitives::key::{PublicKey, SecretKey, Signature};
pub use primitives::message::{Message, MessageId};
pub use primitives::params::Network;

/// The examples of the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
