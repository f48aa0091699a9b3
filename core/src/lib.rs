//! Plexus without I/O: a proof-of-work ledger of signed messages, whose every participant verifies everything itself.
//!
//! A driver tells a [`node::Node`] facts ([`node::Input`]) and carries out its wishes ([`node::Output`]). Nothing here waits,
//! does I/O, reads a clock, draws chance or iterates in random order, so every run can be replayed from a seed and its
//! list of facts. The formats and rules are specified in `PROTOCOL.md` beside this crate.
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
//! | laboratory | [`sim`] |
//! | faces | [`view`] [`trace`] [`drawing`] |
//!
//! # Glossary
//!
//! - **block**: a *header* that is mined and a body of *messages*; **tip**: the last block of the best branch whose bodies
//!   are verified; **leader**: the last header of the branch with most work.
//! - **branch**: a path down to genesis; **reorg**: the change of the best branch; **work**: expected number of hashes.
//! - **target**: what a hash must not exceed; **bits**: its compact form; **job**: what a miner searches; **solution**: what
//!   it finds.
//! - **node**: us; **peer**: a remote node; **link**: a connection to one; **fault**: a peer's offence;
//!   **group**: the network that an address is in.
//! - **proof**: what shows a chain's work without its headers; **tail**: the newest headers, which it shows all; **point**: a place in the
//!   chain's work whose header it shows; **stakes**: what the parts of a chain are worth;
//!   **receipt**: what shows that a message is in a block below a proven tip, and so how much work protects it.
//! - **certificate**: what both ends of a link sign about its latency; **graph**: the certified links that a node holds;
//!   **topology**: the shape that they give the network; **forecast**: who is expected to hear of a block first from us.
//! - **fact**: what a driver reports; **wish**: what the node asks of it.

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
