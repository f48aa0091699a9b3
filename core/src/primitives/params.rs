//! A network is its parameters: nodes with the same parameters share a genesis block, and with it a
//! ledger.
//!
//! Specified in PROTOCOL.md, "Network".

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::primitives::block::{
    BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, BLOCK_MESSAGES_MAX, Block, Header, VERSION,
};
use crate::primitives::encoding::{DecodeError, Reader};
use crate::primitives::hash::{Hash, Tag, tagged};
use crate::primitives::key::{PublicKey, Signature};
use crate::primitives::pow::{Bits, Retarget, Target, Work};
use crate::primitives::time::Timestamp;

/// The most bytes of a network's name. The least is 1.
pub const NAME_BYTES_MAX: usize = 32;

/// A network's parameters as people write them, in TOML or JSON.
///
/// ```
/// use plexus_core::Network;
///
/// let dev = Network::dev();
/// let mut parameters = dev.parameters().clone();
/// parameters.spacing_ms += 1;
/// // Other parameters make another genesis block, and with it another network.
/// assert_ne!(Network::new(parameters.clone()).unwrap().id(), dev.id());
/// parameters.spacing_ms = 0;
/// assert!(Network::new(parameters).unwrap_err().to_string().starts_with("spacing_ms:"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(description = "A network's parameters."))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "name": "plexus", "limit_bits": "0x1e100000" })))]
pub struct Parameters {
    /// 1 to 32 of a–z, 0–9 and `-`.
    pub name: String,
    /// The genesis block's time in unix milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub genesis_time: Timestamp,
    /// The target interval between blocks in milliseconds, at least 1.
    pub spacing_ms: u64,
    /// The delay of a block that halves the difficulty, in milliseconds. 0 keeps it constant.
    pub half_life_ms: u64,
    /// The easiest target, in compact form and in hex.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "bits_as_text", deserialize_with = "bits_from_text")]
    pub limit_bits: Bits,
    /// The most bytes of an encoded block.
    pub block_bytes_max: u32,
    /// The most messages of a block.
    pub block_messages_max: u32,
}

fn bits_as_text<S: Serializer>(bits: &Bits, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(bits)
}

fn bits_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bits, D::Error> {
    let text = String::deserialize(deserializer)?;
    let legal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 8 && digits.bytes().all(legal));
    let bits = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).map(Bits::from_u32);
    bits.ok_or_else(|| {
        serde::de::Error::custom(format_args!(
            "limit_bits: \"{text}\" is not 0x and eight lower-case hex digits"
        ))
    })
}

/// The reason why parameters do not make a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The name is empty, too long, or has other characters.
    #[error("name: \"{found}\" is not 1 to {NAME_BYTES_MAX} of a-z, 0-9 and -")]
    Name {
        /// The name.
        found: String,
    },
    /// The genesis time is larger than every JSON reader can hold exactly.
    #[error("genesis_time: at most {GENESIS_TIME_MAX}, found {}", found.unix_ms())]
    GenesisTime {
        /// The genesis time.
        found: Timestamp,
    },
    /// The spacing is zero or too long.
    #[error("spacing_ms: must be from 1 to {MILLISECONDS_MAX}, found {found}")]
    Spacing {
        /// The spacing, milliseconds.
        found: u64,
    },
    /// The half life is longer than any network lives.
    #[error("half_life_ms: at most {MILLISECONDS_MAX}, found {found}")]
    HalfLife {
        /// The half life, milliseconds.
        found: u64,
    },
    /// The limit is not a target in canonical compact form.
    #[error("limit_bits: {found} is not a target in canonical compact form")]
    Limit {
        /// The bits.
        found: Bits,
    },
    /// The size cap is outside the range that every node can hold.
    #[error("block_bytes_max: must be from {BLOCK_BYTES_MIN} to {BLOCK_BYTES_MAX}, found {found}")]
    BlockBytes {
        /// The cap.
        found: u32,
    },
    /// The message cap is outside the range that every node can hold.
    #[error("block_messages_max: at most {BLOCK_MESSAGES_MAX}, found {found}")]
    BlockMessages {
        /// The cap.
        found: u32,
    },
    /// The name is not that of a built-in network.
    #[error("\"{found}\" is not a built-in network: plexus or dev (or give a TOML file)")]
    Unknown {
        /// The name.
        found: String,
    },
}

/// The latest genesis time, unix milliseconds: the largest integer that every JSON reader holds exactly.
pub const GENESIS_TIME_MAX: u64 = (1 << 53) - 1;
/// A hundred years: the longest interval of a network.
pub const MILLISECONDS_MAX: u64 = 100 * 365 * 86_400_000;

/// A chain with less total work than 2^28 blocks at the limit is young.
const YOUNG_BITS: u32 = 28;

/// The sentence that people read about a young chain.
pub const YOUNG: &str = "young chain: its work counts for less";

/// A network: checked parameters, the genesis header that commits to them, and its hash.
///
/// ```
/// use plexus_core::Network;
///
/// let network: Network = "dev".parse().unwrap();
/// assert_eq!(network.id(), &network.genesis().hash());
/// assert_eq!(network.genesis_block().header.height, 0);
/// assert!("main".parse::<Network>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    parameters: Parameters,
    retarget: Retarget,
    genesis: Header,
    id: Hash,
}

impl Network {
    /// Returns the main network, which is the default.
    ///
    /// # Panics
    /// Never: its parameters are tested.
    pub fn plexus() -> Self {
        Self::new(built_in("plexus", 600_000, 0x1e10_0000, 1 << 17, 1_024))
            .expect("the built-in parameters are valid")
    }

    /// Returns the network for tests and demonstrations: always 2^8 expected hashes per block.
    ///
    /// # Panics
    /// Never: its parameters are tested.
    pub fn dev() -> Self {
        Self::new(built_in("dev", 0, 0x2001_0000, 1 << 20, 4_096)).expect("the built-in parameters are valid")
    }

    /// Creates the network with these parameters.
    ///
    /// # Errors
    /// The first parameter outside its limits.
    pub fn new(parameters: Parameters) -> Result<Self, NetworkError> {
        let p = &parameters;
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if p.name.is_empty() || p.name.len() > NAME_BYTES_MAX || !p.name.bytes().all(legal) {
            return Err(NetworkError::Name { found: p.name.chars().take(NAME_BYTES_MAX).collect() });
        }
        if p.genesis_time.unix_ms() > GENESIS_TIME_MAX {
            return Err(NetworkError::GenesisTime { found: p.genesis_time });
        }
        if p.spacing_ms == 0 || p.spacing_ms > MILLISECONDS_MAX {
            return Err(NetworkError::Spacing { found: p.spacing_ms });
        }
        if p.half_life_ms > MILLISECONDS_MAX {
            return Err(NetworkError::HalfLife { found: p.half_life_ms });
        }
        let limit = p.limit_bits.target().ok_or(NetworkError::Limit { found: p.limit_bits })?;
        let bytes = usize::try_from(p.block_bytes_max).unwrap_or(usize::MAX);
        if !(BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&bytes) {
            return Err(NetworkError::BlockBytes { found: p.block_bytes_max });
        }
        if usize::try_from(p.block_messages_max).unwrap_or(usize::MAX) > BLOCK_MESSAGES_MAX {
            return Err(NetworkError::BlockMessages { found: p.block_messages_max });
        }
        let retarget = Retarget { spacing_ms: p.spacing_ms, half_life_ms: p.half_life_ms, limit };
        let genesis = Header {
            prev_hash: Hash::ZERO,
            content_root: tagged(Tag::Network, &[&p.encode()]),
            version: VERSION,
            height: 0,
            time: p.genesis_time,
            bits: p.limit_bits,
            nonce: 0,
        };
        Ok(Self { retarget, genesis, id: genesis.hash(), parameters })
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.parameters.name
    }

    /// Returns the network's id: the genesis header's hash.
    pub fn id(&self) -> &Hash {
        &self.id
    }

    /// Returns the first header of every branch.
    pub fn genesis(&self) -> &Header {
        &self.genesis
    }

    /// Returns the genesis header with the empty body that it is shown with.
    pub fn genesis_block(&self) -> Block {
        Block {
            header: self.genesis,
            extra: 0,
            author: PublicKey::NOBODY,
            signature: Signature::NONE,
            messages: Vec::new(),
        }
    }

    /// Returns the rule for the next target.
    pub fn retarget(&self) -> &Retarget {
        &self.retarget
    }

    /// Returns the bits of a child of `parent` at `time`.
    pub fn next_bits(&self, parent: &Header, time: Timestamp) -> Bits {
        let height = parent.height.saturating_add(1);
        self.retarget.next_bits(height, parent.bits, parent.time, time)
    }

    /// Returns the easiest target.
    pub fn limit(&self) -> Target {
        self.retarget.limit
    }

    /// Returns true if a chain with this total work is young: anybody could have mined it alone.
    ///
    /// ```
    /// use plexus_core::Network;
    /// use plexus_core::primitives::pow::Work;
    ///
    /// let network = Network::plexus();
    /// assert!(network.is_young(Work::from_hashes(1 << 47)));
    /// assert!(!network.is_young(Work::from_hashes(1 << 48)));
    /// ```
    pub fn is_young(&self, total_work: Work) -> bool {
        total_work.hashes() >> YOUNG_BITS < self.limit().work().hashes()
    }

    /// Returns the most bytes of an encoded block.
    pub fn block_bytes_max(&self) -> usize {
        usize::try_from(self.parameters.block_bytes_max).unwrap_or(BLOCK_BYTES_MAX)
    }

    /// Returns the most messages of a block.
    pub fn block_messages_max(&self) -> usize {
        usize::try_from(self.parameters.block_messages_max).unwrap_or(BLOCK_MESSAGES_MAX)
    }
}

fn built_in(name: &str, half_life_ms: u64, limit: u32, bytes_max: u32, messages_max: u32) -> Parameters {
    Parameters {
        name: name.to_owned(),
        genesis_time: Timestamp::from_unix_ms(1_767_225_600_000),
        spacing_ms: 15_000,
        half_life_ms,
        limit_bits: Bits::from_u32(limit),
        block_bytes_max: bytes_max,
        block_messages_max: messages_max,
    }
}

impl Parameters {
    /// Returns the canonical encoding, which the genesis header commits to.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![u8::try_from(self.name.len()).unwrap_or(u8::MAX)];
        out.extend_from_slice(self.name.as_bytes());
        for number in [self.genesis_time.unix_ms(), self.spacing_ms, self.half_life_ms] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for number in [self.limit_bits.to_u32(), self.block_bytes_max, self.block_messages_max] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out
    }

    /// Reads the canonical encoding at the reader's position. The parameters are not yet checked.
    ///
    /// # Errors
    /// Too few bytes, or a name that is too long or not UTF-8.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let field = "network name";
        let [length] = reader.array(field)?;
        let (max, found) = (NAME_BYTES_MAX, usize::from(length));
        if found > max {
            return Err(DecodeError::Size { field, min: 1, max, found });
        }
        let name = core::str::from_utf8(reader.take(field, found)?);
        Ok(Self {
            name: name.map_err(|_| DecodeError::Utf8 { field })?.to_owned(),
            genesis_time: Timestamp::from_unix_ms(reader.u64("network genesis_time")?),
            spacing_ms: reader.u64("network spacing_ms")?,
            half_life_ms: reader.u64("network half_life_ms")?,
            limit_bits: Bits::from_u32(reader.u32("network limit_bits")?),
            block_bytes_max: reader.u32("network block_bytes_max")?,
            block_messages_max: reader.u32("network block_messages_max")?,
        })
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Returns a built-in network by its name.
    fn from_str(name: &str) -> Result<Self, NetworkError> {
        match name {
            "plexus" => Ok(Self::plexus()),
            "dev" => Ok(Self::dev()),
            _ => Err(NetworkError::Unknown { found: name.chars().take(NAME_BYTES_MAX).collect() }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_round_trip_as_json_and_change_the_id() {
        let network = Network::plexus();
        let json = serde_json::to_string(network.parameters()).unwrap();
        assert!(json.contains(r#""limit_bits":"0x1e100000""#));
        let mut parameters: Parameters = serde_json::from_str(&json).unwrap();
        assert_eq!(Network::new(parameters.clone()).unwrap(), network);
        parameters.genesis_time = parameters.genesis_time.plus_ms(1);
        assert_ne!(Network::new(parameters).unwrap().id(), network.id());
        assert_ne!(Network::dev().id(), network.id());
    }

    #[test]
    fn the_encoding_round_trips_and_no_prefix_decodes() {
        for network in [Network::plexus(), Network::dev()] {
            let bytes = network.parameters().encode();
            assert_eq!(Parameters::read(&mut Reader::new(&bytes)).as_ref(), Ok(network.parameters()));
            for end in 0..bytes.len() {
                assert!(Parameters::read(&mut Reader::new(&bytes[..end])).is_err());
            }
        }
        let mut bytes = Network::dev().parameters().encode();
        bytes[0] = 33;
        let found = Parameters::read(&mut Reader::new(&bytes));
        assert!(matches!(found, Err(DecodeError::Size { field: "network name", found: 33, .. })));
        (bytes[0], bytes[1]) = (3, 0xff);
        let found = Parameters::read(&mut Reader::new(&bytes));
        assert_eq!(found, Err(DecodeError::Utf8 { field: "network name" }));
    }

    #[test]
    fn the_limit_is_written_in_one_way_only() {
        let json = serde_json::to_string(Network::dev().parameters()).unwrap();
        for wrong in ["20010000", "0x+2001000", "0x02001000f", "0x2001000", "0x2001000A", "0X20010000", ""] {
            let json = json.replace("0x20010000", wrong);
            let error = serde_json::from_str::<Parameters>(&json).unwrap_err().to_string();
            assert!(error.starts_with("limit_bits:"), "{error}");
        }
    }

    #[test]
    fn each_parameter_outside_its_limits_is_named() {
        let with = |change: fn(&mut Parameters)| {
            let mut parameters = Network::dev().parameters().clone();
            change(&mut parameters);
            Network::new(parameters).unwrap_err().to_string()
        };
        assert!(with(|p| p.name = "Has Space".to_owned()).starts_with("name:"));
        assert!(with(|p| p.name.clear()).starts_with("name:"));
        assert!(with(|p| p.genesis_time = Timestamp::from_unix_ms(1 << 53)).starts_with("genesis_time:"));
        assert!(with(|p| p.spacing_ms = 0).starts_with("spacing_ms:"));
        assert!(with(|p| p.half_life_ms = u64::MAX).starts_with("half_life_ms:"));
        assert!(with(|p| p.limit_bits = Bits::from_u32(0)).starts_with("limit_bits:"));
        assert!(with(|p| p.block_bytes_max = 10).starts_with("block_bytes_max:"));
        assert!(with(|p| p.block_messages_max = 4_097).starts_with("block_messages_max:"));
        assert!("main".parse::<Network>().unwrap_err().to_string().contains("plexus or dev"));
    }
}
