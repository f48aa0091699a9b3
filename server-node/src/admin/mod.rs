//! The admin socket: a Unix socket in the data folder, by which the operator steers a running node.
//!
//! It speaks HTTP/1.1 with JSON bodies. Only the user that runs the node, and root, may connect: the
//! file has mode 0600, and each connection's user is checked as well. `plexus admin` is its client.
//!
//! | file | contents |
//! | --- | --- |
//! | [`listener`] | the socket's file |
//! | `server` | serves the routes on it |
//! | `routes` | the requests and their effects |
//! | [`view`] | the JSON forms |

pub mod view;

#[cfg(unix)]
pub mod listener;
#[cfg(unix)]
pub(crate) mod routes;
#[cfg(unix)]
pub(crate) mod server;

/// The socket's file in the data folder, unless configured.
pub const SOCKET_FILE: &str = "admin.sock";
