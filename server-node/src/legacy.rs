//! The two routes for clients of the older system, which use them unchanged.
//!
//! `/`: a WebSocket client sends the text `ping`, is listed as a node, and from then on receives
//! each new block as one JSON text. The client parses every text as a block, so the node sends
//! nothing but blocks. It measures the round trip by WebSocket ping and pong. Any other request for
//! `/` is for the page.
//!
//! `/get-blockchaindata`: one JSON text with the node's key, the nodes, and the chain. The chain is
//! genesis and the newest blocks that fit into [`ANSWER_BYTES_MAX`]. With `?all`, it is every
//! block.
//!
//! The client appends a block whose number is one above its last, whatever its parent is. A lower
//! number makes it fetch the chain again. So after a reorganisation the node sends the genesis
//! block once, whose number is lower than any other, and then nothing until the fetch (`hold`
//! says how the two routes stay in step).
//!
//! Bounds: at most [`NODES_MAX`] clients and [`PEERS_MAX`] peers are listed. At most [`CHAINS_MAX`]
//! answers are under way, [`CHAINS_PER_IP_MAX`] of them for one address, and [`WHOLE_CHAINS_MAX`]
//! of them with `?all`. Each holds one piece of [`PIECE_BYTES`] and one block in memory. A client
//! that does not read is disconnected. A text from a client has at most [`TEXT_BYTES_MAX`].

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::http::state::{AppState, Remote};
use crate::http::web;

pub(crate) mod chain;
mod client;
mod form;
mod hold;
mod nodes;
pub(crate) mod shared;
mod tail;

use self::client::Client;
pub use self::form::{BLOCK_JSON_BYTES_MAX, MESSAGE_BYTES_MAX};
pub use self::hold::{HOLD_MAX, SHARE_MAX};
pub use self::nodes::{LegacyNode, NODES_MAX, Nodes, PEERS_MAX};
pub use self::tail::{TAIL_BYTES_MAX, TAIL_FRAMES_MAX};

/// The most answers with a chain that are under way at once. A further request waits for its turn.
pub const CHAINS_MAX: usize = 8;
/// The most of them for one address, so that one address leaves room for others.
pub const CHAINS_PER_IP_MAX: usize = 4;
/// The most answers with every block that are under way at once, for they may take minutes.
pub const WHOLE_CHAINS_MAX: usize = 2;
/// The most bytes of an answer without `?all`: the client refuses a message over 1,048,576 bytes.
pub const ANSWER_BYTES_MAX: usize = 1_000_000;
/// An answer is read from the store in pieces: a piece ends with the block that takes it over this
/// size.
pub const PIECE_BYTES: usize = 128 << 10;
/// The most bytes of a message from a client. A longer one ends its connection.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// The most time that a client may take to read a frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// The interval of the measurements of a client's round trip. A client that did not answer the last
/// ping is disconnected.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// The size of a client socket's buffers. The default ones cost 130 KiB a client and four times the
/// work.
const BUFFER_BYTES: usize = 4_096;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Returns the address that a request came from, an IPv4 address also if it came in IPv6 form.
fn origin(remote: Option<SocketAddr>) -> Option<IpAddr> {
    remote.map(|remote| remote.ip().to_canonical())
}

/// Returns the page, or serves a client of the older system.
pub(crate) async fn root(
    State(app): State<AppState>,
    remote: Option<Extension<Remote>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    let ip = origin(remote.map(|Extension(remote)| remote.0));
    let response = match upgrade {
        Ok(upgrade) => upgrade
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_message_size(TEXT_BYTES_MAX)
            .max_frame_size(TEXT_BYTES_MAX)
            .on_upgrade(move |socket| Client::new(app, socket, ip).serve()),
        Err(_) => web::index(&headers),
    };
    std::future::ready(response).await
}
