//! Plexus in a browser: the light node that a Worker owns, the search that each miner Worker runs, and the laboratory.
//!
//! Three programs are built from this package. The first has the features `node` and `miner`: the light node, and a miner for
//! engines without vectors. The second has `miner` and `simd128`: it is small, and made for speed alone.
//! The third has `laboratory`: the simulator, for a page of its own. What crosses the boundary to
//! JavaScript does so in `bindings`. Everything behind it is Rust; the decisions are core's.
//!
//! | files | what |
//! | --- | --- |
//! | `bindings` | the classes that JavaScript sees, those of the node, that of a miner, and that of the laboratory |
//! | `driver` `shell` | drives the node: facts in, wishes out, one task that waits |
//! | `socket` `database` `clock` `api` `page` | the browser: WebSocket, IndexedDB, time, the node's JSON, the page |
//! | `archive` `recent` | what is remembered of the chain, in the store and in memory |
//! | `identity` `sealed` `keyring` | a person's key, how it is stored, and all of them by name |
//! | `feed` `sent` `board` `form` | what arrived, what was sent, how it is shown |
//! | `verdict` | what a proof file shows |
//! | `effort` `rate` | how much the person lets the miners do, and how fast they are |
//! | `miner` `duty` `gpu` | shares of jobs, when a miner rests, and what a graphics processor searches |

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
