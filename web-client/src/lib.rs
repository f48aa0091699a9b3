//! Plexus in a browser: the light node of a Worker, the search of each miner Worker, and the
//! simulator.
//!
//! Three programs are built from this package. The first has the features `node` and `miner`: the
//! light node, and a miner for browsers without SIMD. The second has `miner` and `simd128`: it is
//! small, and made for speed. The third has `laboratory`: the simulator, for a page of its own.
//! Only `bindings` crosses the boundary to JavaScript. All code behind it is Rust, and core makes
//! the decisions.
//!
//! | folder | contents |
//! | --- | --- |
//! | `bindings` | the classes for JavaScript: of the node, of a miner, and of the simulator |
//! | `driver` | drives the node: inputs in, outputs out, one task that waits |
//! | `chain_view` | the stored part of the chain, the newest blocks, reorganisations and sent messages |
//! | `keys` | a user's key, its encrypted form, and all keys by name |
//! | `mining` | shares of jobs for threads and graphics processors, settings, and the hash rate |
//! | `browser` | the WebSocket to a node, requests to its JSON API, IndexedDB, time, the page |
//! | `messages` | the messages to the page |
//!
//! Each folder imports only from rows below its own. The one exception is `browser::clock`, which
//! uses the function that `bindings` names for it.

mod bindings;
#[cfg(feature = "node")]
mod browser;
#[cfg(feature = "node")]
mod chain_view;
#[cfg(feature = "node")]
mod driver;
#[cfg(feature = "node")]
mod keys;
#[cfg(feature = "node")]
mod messages;
#[cfg(any(feature = "miner", feature = "node"))]
mod mining;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
