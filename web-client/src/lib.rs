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
//! | `driver` `shell` | drives the node: inputs in, outputs out, one task that waits |
//! | `socket` `api` | the network, with gloo-net: the WebSocket to a node, and requests to a node's JSON API |
//! | `database` `clock` `page` | the browser: IndexedDB, time, the page |
//! | `archive` `recent` | the stored part of the chain, and the newest blocks in memory |
//! | `identity` `sealed` `keyring` | a user's key, its encrypted form, and all keys by name |
//! | `feed` `reorg` `sent` `board` `form` | blocks that arrived and were undone, sent messages, and their forms for the page |
//! | `verdict` | the verdict on a proof file |
//! | `effort` `rate` | the user's settings for mining, and the hash rate |
//! | `miner` `duty` `gpu` | shares of jobs, the rest of a miner, and a graphics processor's search |

#[cfg(feature = "node")]
mod api;
#[cfg(feature = "node")]
mod archive;
mod bindings;
#[cfg(feature = "node")]
mod board;
#[cfg(feature = "node")]
mod clock;
#[cfg(feature = "node")]
mod database;
#[cfg(feature = "node")]
mod driver;
#[cfg(feature = "miner")]
mod duty;
#[cfg(feature = "node")]
mod effort;
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
mod page;
#[cfg(feature = "node")]
mod rate;
#[cfg(feature = "node")]
mod recent;
#[cfg(feature = "node")]
mod reorg;
#[cfg(feature = "node")]
mod sealed;
#[cfg(feature = "node")]
mod sent;
#[cfg(feature = "node")]
mod shell;
#[cfg(feature = "node")]
mod socket;
#[cfg(feature = "node")]
mod start;
#[cfg(feature = "node")]
mod verdict;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
