//! The least stamp: the work below which nodes take no message from others.
//!
//! Specified in PROTOCOL.md, "Message: Stamps".

use crate::primitives::key::SecretKey;
use crate::primitives::message::{Draft, Message};
use crate::primitives::params::Network;
use crate::primitives::pow::Work;
use crate::primitives::stamp::find_stamp;

/// The most hashes that are due for any message, however short.
pub const BASE_HASHES_MAX: u128 = 1 << 16;
/// The bytes for which as many hashes are due again.
pub const BASE_BYTES: u128 = 256;

/// Returns the least stamp work with which nodes take a message of `size` encoded bytes from others.
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::primitives::least_stamp::least_stamp_work;
///
/// assert_eq!(least_stamp_work(&Network::plexus(), 256).hashes(), 2 << 16);
/// // Where any block is easy, spam can be mined, and a dearer stamp would not prevent it.
/// assert_eq!(least_stamp_work(&Network::dev(), 256).hashes(), 2 * 255);
/// ```
pub fn least_stamp_work(network: &Network, size: usize) -> Work {
    let base = network.limit().work().hashes().min(BASE_HASHES_MAX);
    Work::from_hashes(base + base * size as u128 / BASE_BYTES)
}

impl Draft {
    /// Searches for the least stamp that nodes of the network take, and signs the draft. Returns the
    /// message. On the public network that takes milliseconds.
    ///
    /// ```
    /// use plexus_core::primitives::message::Draft;
    /// use plexus_core::primitives::least_stamp::least_stamp_work;
    /// use plexus_core::primitives::stamp::stamp_work;
    /// use plexus_core::primitives::time::Timestamp;
    /// use plexus_core::{Network, SecretKey};
    ///
    /// let (network, alice) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
    /// let draft = Draft::new(alice.public(), "bob", "hello", Timestamp::default()).unwrap();
    /// let message = draft.sign_stamped(&alice, &network);
    /// let work = stamp_work(&message.id(network.id()), message.stamp());
    /// assert!(work >= least_stamp_work(&network, message.size()));
    /// ```
    pub fn sign_stamped(self, secret: &SecretKey, network: &Network) -> Message {
        let stamp = find_stamp(&self.id(network.id()), least_stamp_work(network, self.size()));
        self.sign(secret, network.id(), stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_costs_more_than_its_share() {
        let least = |size| least_stamp_work(&Network::plexus(), size).hashes();
        assert_eq!([least(118), least(4_341)], [95_744, 1_176_832]);
    }
}
