//! Plexus in a browser: the light node of a Worker, the search of each miner Worker, and the
//! simulator.
//!
//! Three programs are built from this package. The first has the features `node` and `miner`: the
//! light node, and a miner for browsers without SIMD. The second has `miner` and `simd128`: it is
//! small, and made for speed. The third has `laboratory`: the simulator, for a page of its own.
//! Only `bindings` crosses the boundary to JavaScript. All code behind it is Rust, and core makes
//! the decisions.
//!
//! | files | contents |
//! | --- | --- |
//! | `bindings` | the classes for JavaScript: of the node, of a miner, and of the simulator |
//! | `driver` `runtime` | drives the node: inputs in, outputs out, one task that waits |
//! | `socket` `api` | the network, with gloo-net: the WebSocket to a node, and requests to a node's JSON API |
//! | `database` `clock` `callbacks` | the browser: IndexedDB, time, the page |
//! | `chain_store` `block_cache` | the stored part of the chain, and the newest blocks in memory |
//! | `identity` `encrypted_key` `keyring` | a user's key, its encrypted form, and all keys by name |
//! | `feed` `reorg` `sent_messages` `tracked_map` `form` | blocks that arrived and were undone, sent messages, and their forms for the page |
//! | `proof_check` | the verdict on a proof file |
//! | `mining_settings` `rate` | the user's settings for mining, and the hash rate |
//! | `miner` `duty_cycle` `gpu` | shares of jobs, the rest of a miner, and a graphics processor's search |

#[cfg(feature = "node")]
mod api;
mod bindings;
#[cfg(feature = "node")]
mod block_cache;
#[cfg(feature = "node")]
mod bootstrap;
#[cfg(feature = "node")]
mod callbacks;
#[cfg(feature = "node")]
mod chain_store;
#[cfg(feature = "node")]
mod clock;
#[cfg(feature = "node")]
mod database;
#[cfg(feature = "node")]
mod driver;
#[cfg(feature = "miner")]
mod duty_cycle;
#[cfg(feature = "node")]
mod encrypted_key;
#[cfg(feature = "node")]
mod feed;
#[cfg(feature = "node")]
mod form;
#[cfg(feature = "node")]
mod gpu;
#[cfg(feature = "node")]
mod identity;
#[cfg(feature = "node")]
mod keyring;
#[cfg(feature = "miner")]
mod miner;
#[cfg(feature = "node")]
mod mining_settings;
#[cfg(feature = "node")]
mod proof_check;
#[cfg(feature = "node")]
mod rate;
#[cfg(feature = "node")]
mod reorg;
#[cfg(feature = "node")]
mod runtime;
#[cfg(feature = "node")]
mod sent_messages;
#[cfg(feature = "node")]
mod socket;
#[cfg(feature = "node")]
mod tracked_map;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
