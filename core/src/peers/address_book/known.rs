//! The stored form of an entry, which survives a restart, and its bytes.
//!
//! The bytes are a version and the entries as
//! [postcard](https://postcard.jamesmunns.com/wire-format) writes a list. They come from our own
//! store. Damaged ones are an error and cost nothing.

use serde::{Deserialize, Serialize};

use crate::primitives::encoding::DecodeError;
use crate::primitives::key::PublicKey;
use crate::primitives::time::Timestamp;
use crate::protocol::address::Address;
use crate::protocol::netgroup::NetGroup;

/// The most bytes of an encoded book. The fullest, with the longest host names, has fewer.
pub const BOOK_BYTES_MAX: usize = 1 << 20;
/// The first byte of an encoded book.
pub const BOOK_VERSION: u8 = 1;

/// The stored state of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The address.
    pub address: Address,
    /// The netgroup of the peer that reported it first.
    pub source: NetGroup,
    /// When it was last reached or, before that, last reported.
    pub last_seen: Timestamp,
    /// True if it is in the tried table.
    pub tried: bool,
    /// The key of the node that was last reached there.
    pub key: Option<PublicKey>,
    /// The least measured round trip, in microseconds.
    pub rtt_us: Option<u32>,
    /// The number of failed attempts since it was last reached.
    pub failures: u8,
    /// True if the node was one of our neighbours at the last run.
    pub anchor: bool,
}

pub(super) fn encode(known: &[Known]) -> Vec<u8> {
    postcard::to_extend(known, vec![BOOK_VERSION]).expect("entries are made of what postcard can write")
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Known>, DecodeError> {
    let (max, found) = (BOOK_BYTES_MAX, bytes.len());
    if found > max {
        return Err(DecodeError::Size { field: "book", min: 1, max, found });
    }
    let Some((&BOOK_VERSION, list)) = bytes.split_first() else {
        return Err(DecodeError::Value { field: "version of the book" });
    };
    match postcard::take_from_bytes(list) {
        Ok((known, [])) => Ok(known),
        Ok((_, rest)) => Err(DecodeError::Trailing { count: rest.len() }),
        Err(_) => Err(DecodeError::Value { field: "book" }),
    }
}
