//! Plexus without I/O: a proof-of-work ledger of signed messages. Every participant verifies
//! everything itself.
//!
//! A driver feeds a [`node::Node`] with inputs ([`node::Input`]) and carries out its outputs
//! ([`node::Output`]). Nothing here waits, does I/O, reads a clock, has a source of randomness of
//! its own or iterates in random order. So every run can be replayed from a seed and its list of
//! inputs. The formats and rules are specified in `PROTOCOL.md` beside this crate.
//!
//! # Map
//!
//! | layer | files |
//! | --- | --- |
//! | values | [`layout`] [`sorted`] [`ordered`] [`time`] [`hash`] [`key`] [`message`] [`merkle`] [`history`] [`pow`] [`block`] [`network`] |
//! | speed | [`kernel`] |
//! | chain | [`rules`] [`check`] [`chain`] `trail` [`pool`] [`mine`] [`pace`] [`journal`] [`shelf`] |
//! | protocol | [`chance`] [`address`] [`group`] [`book`] [`ban`] [`inbound`] [`wire`] [`fault`] `connection` [`event`] `outbox` [`handshake`] [`ping`] [`link`] [`graph`] [`slot`] `plan` `vouching` [`peer`] [`dial`] [`sync`] [`fetch`] [`compact`] [`relay`] [`gossip`] [`agreement`] [`node`] |
//! | light | [`proof`] [`receipt`] |
//! | simulator | [`sim`] |
//! | interfaces | [`view`] [`trace`] [`drawing`] |
//!
//! # Glossary
//!
//! - **block**: a *header* that is mined and a body of *messages*.
//! - **tip**: the last block of the best branch whose bodies are verified.
//! - **best header** (`leader`): the last header of the branch with most work.
//! - **branch**: a path down to genesis. **reorg**: the change of the best branch. **work**: the
//!   expected number of hashes.
//! - **target**: the number that a hash must not exceed. **bits**: its compact form.
//! - **job**: a search for a miner. **solution**: its result.
//! - **node**: us. **peer**: a remote node. **link**: a connection to one.
//! - **fault**: a peer's offence. **netgroup** (`group`): the network that an address is in.
//! - **proof**: shows a chain's work without its headers. **tail**: the newest headers, all of
//!   which it shows.
//! - **point**: a place in the chain's work whose header the proof shows. **stakes**: the worth of
//!   the parts of a chain.
//! - **receipt**: shows that a message is in a block below a proven tip, and how much work protects
//!   it.
//! - **certificate**: a statement about a link's latency that both its ends sign. **graph**: the
//!   certified links that a node holds.
//! - **topology**: the shape that the certified links give the network. **forecast**: predicts
//!   which peers hear of a block first from us.
//! - **input**: an event that a driver reports. **output**: a request of the node to its driver.

pub mod address;
pub mod agreement;
pub mod ban;
pub mod block;
pub mod book;
pub mod chain;
pub mod chance;
pub mod check;
pub mod compact;
mod connection;
pub mod dial;
pub mod drawing;
pub mod event;
pub mod fault;
pub mod fetch;
pub mod gossip;
pub mod graph;
pub mod group;
pub mod handshake;
pub mod hash;
pub mod history;
pub mod inbound;
pub mod journal;
pub mod kernel;
pub mod key;
pub mod layout;
pub mod link;
pub mod merkle;
pub mod message;
pub mod mine;
pub mod network;
pub mod node;
pub mod ordered;
mod outbox;
pub mod pace;
pub mod peer;
pub mod ping;
mod plan;
pub mod pool;
pub mod pow;
pub mod proof;
pub mod receipt;
mod recent;
pub mod relay;
pub mod rules;
pub mod shelf;
pub mod sim;
pub mod slot;
pub mod sorted;
pub mod sync;
pub mod time;
pub mod trace;
mod trail;
pub mod view;
mod vouching;
pub mod wire;
