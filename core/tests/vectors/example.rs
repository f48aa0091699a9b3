//! The signed message that the specification works out, from key to bytes.
//!
//! Specified in PROTOCOL.md, "Message: Example".

use std::fs;
use std::path::Path;

use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::least_stamp::least_stamp_work;
use plexus_core::primitives::message::Draft;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::Bits;
use plexus_core::primitives::stamp::stamp_work;
use plexus_core::primitives::time::Timestamp;

/// Returns the values of the example in the page. A value may go on in the next lines.
fn values(page: &str) -> Vec<(String, String)> {
    let example = page.split("### Example\n").nth(1).expect("the page has an example");
    let listing = example.split("```\n").nth(1).expect("the example has a listing");
    let mut values: Vec<(String, String)> = Vec::new();
    for line in listing.lines() {
        match (line.starts_with(' '), values.last_mut()) {
            (true, Some((_, value))) => value.push_str(line.trim()),
            _ => {
                let (name, value) = line.split_once("   ").expect("a name and a value");
                values.push((name.to_owned(), value.trim().to_owned()));
            }
        }
    }
    values
}

#[test]
fn the_message_of_the_page_is_right() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("PROTOCOL.md")).unwrap();
    let network = Network::new(Parameters {
        name: "garden".to_owned(),
        genesis_time: Timestamp::from_unix_ms(1_767_225_600_000),
        spacing_ms: 15_000,
        half_life_ms: 600_000,
        limit_bits: Bits::from_u32(0x1e10_0000),
        block_bytes_max: 1_048_576,
        block_messages_max: 4_096,
    });
    let (network, secret) = (network.unwrap(), Hash::of(b"alice"));
    let key = SecretKey::from_bytes(secret.as_bytes()).unwrap();
    let draft = Draft::new(key.public(), "bob", "hello", Timestamp::from_unix_ms(1_767_225_600_001)).unwrap();
    let message = draft.sign_stamped(&key, &network);
    let id = message.id(network.id());
    let expected = [
        ("network id", network.id().to_string()),
        ("secret key", secret.to_string()),
        ("sender", key.public().to_string()),
        ("id", id.to_string()),
        ("signature", hex::encode(message.signature().as_bytes())),
        ("stamp", message.stamp().to_string()),
        ("stamp work", stamp_work(&id, message.stamp()).to_string()),
        ("least work", least_stamp_work(&network, message.size()).to_string()),
        ("encoding", hex::encode(message.encode())),
    ];
    assert_eq!(values(&page), expected.map(|(name, value)| (name.to_owned(), value)));
}
