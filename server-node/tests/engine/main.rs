//! The engine from outside: its store against the meaning of a store, against crashes and against damage; its sockets;
//! whole nodes on loopback.

mod crash;
mod damage;
mod forge;
mod model;
mod nodes;
mod sockets;
