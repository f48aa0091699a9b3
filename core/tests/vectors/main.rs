//! Tests this implementation against the test vectors in `vectors/`, which the independent
//! implementation in `tests/reference` makes. Every field of every file that the specification
//! lists is checked.
//!
//! Specified in PROTOCOL.md, "Test vectors".

mod example;
mod ledger;
mod proof;
mod receipt;
mod values;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use plexus_core::primitives::pow::Bits;
use plexus_core::primitives::time::Timestamp;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// Bytes in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(&text).map_err(D::Error::custom)?;
        assert_eq!(hex::encode(&bytes), text, "hex is lower case");
        Ok(Self(bytes))
    }
}

/// Bytes of a fixed number in lower-case hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fixed<const N: usize>([u8; N]);

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Hex(bytes) = Hex::deserialize(deserializer)?;
        bytes.try_into().map(Self).map_err(|_| D::Error::custom(format_args!("not {N} bytes")))
    }
}

/// A number in decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dec<T>(T);

impl<'de, T: std::str::FromStr + ToString> Deserialize<'de> for Dec<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number: T = text.parse().map_err(|_| D::Error::custom("not a number"))?;
        assert_eq!(number.to_string(), text, "numbers are written in one way");
        Ok(Self(number))
    }
}

fn bits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bits, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 8);
    let bits = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).map(Bits::from_u32);
    bits.filter(|bits| bits.to_string() == text).ok_or_else(|| D::Error::custom("not bits"))
}

fn time(Dec(ms): Dec<u64>) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    description: String,
    vectors: Vec<T>,
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let text = fs::read_to_string(&path).expect("the file is in the repository");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn each<T: DeserializeOwned>(name: &str, check: impl Fn(T)) {
    let File { description, vectors } = read::<File<T>>(name);
    assert!(!description.is_empty() && !vectors.is_empty());
    vectors.into_iter().for_each(check);
}

#[test]
fn every_file_is_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let names = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.unwrap().file_name());
    let names: BTreeSet<String> = names.map(|name| name.into_string().unwrap()).collect();
    let known = ["block", "chain", "hash", "header", "history", "key", "merkle", "message", "network"];
    let known =
        known.iter().chain(&["proof", "receipt", "rules", "target"]).map(|name| format!("{name}.json"));
    assert_eq!(names, known.collect());
}
