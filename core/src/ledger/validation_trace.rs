//! The trace of a block's verification: each rule with the expected and the found value, for people
//! to follow.
//!
//! The trace decides nothing: [`crate::ledger::validation`] says which rules are broken, and the
//! caller supplies the data to check against. A trace has at most [`STEPS_MAX`] steps. All message
//! signatures together are one step.

use serde::Serialize;

use crate::ledger::chain::ChainEntry;
use crate::ledger::validation::{self, RuleError};
use crate::primitives::block::{Block, Header, VERSION};
use crate::primitives::hash::Hash;
use crate::primitives::params::Network;
use crate::primitives::time::Timestamp;

/// The most steps of a trace.
pub const STEPS_MAX: usize = 13;

/// The result of checking a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// It is kept.
    Kept,
    /// It is broken.
    Broken,
    /// It cannot be checked, because the data to check against is unknown here.
    Open,
}

/// A rule and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TraceStep {
    /// The name of the check: the field's name if it checks a field.
    pub rule: &'static str,
    /// The expected value.
    pub expected: String,
    /// The value found in the block.
    pub found: String,
    /// The result.
    pub finding: Finding,
}

/// The data to check a block against, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    /// The block below it.
    pub parent: Option<&'a ChainEntry>,
    /// The root over all headers below it.
    pub history_root: Option<&'a Hash>,
    /// The hash by which it was requested, if it was.
    pub hash: Option<&'a Hash>,
    /// The local clock.
    pub clock: Timestamp,
}

/// Returns the result of each rule for a block.
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::ledger::validation_trace::{Against, Finding, trace};
///
/// let (network, clock) = (Network::dev(), Network::dev().genesis().time);
/// let against = Against { parent: None, history_root: None, hash: None, clock };
/// let steps = trace(&network, &network.genesis_block(), against);
/// // Without the parent, some rules stay open.
/// assert!(steps.iter().any(|step| step.finding == Finding::Open));
/// ```
pub fn trace(network: &Network, block: &Block, against: Against<'_>) -> Vec<TraceStep> {
    let (header, hash) = (&block.header, block.header.hash());
    let mut steps = vec![named(against.hash, &hash)];
    let broken = match against.parent {
        Some(parent) => validation::check_header(network, &parent.header, &parent.hash, header, &hash),
        None => validation::check_own_work(network, header, &hash).into_iter().collect(),
    };
    steps.extend(place(network, header, against.parent, &broken));
    let early = validation::check_clock(header, against.clock);
    let latest = against.clock.plus_ms(validation::BLOCK_AHEAD_MS);
    steps.push(step(
        "local clock",
        format!("at most {latest}"),
        header.time.to_string(),
        finding(early.is_none()),
    ));
    steps.push(proof_of_work(network, header, &hash, &broken));
    steps.extend(contents(network, block, against.history_root));
    steps
}

fn step(rule: &'static str, expected: String, found: String, finding: Finding) -> TraceStep {
    TraceStep { rule, expected, found, finding }
}

fn finding(is_kept: bool) -> Finding {
    if is_kept { Finding::Kept } else { Finding::Broken }
}

/// Returns the check that the block is the requested one, by its recomputed hash.
fn named(asked: Option<&Hash>, hash: &Hash) -> TraceStep {
    let expected = asked.map_or_else(|| "the SHA-256 of its header".to_owned(), Hash::to_string);
    step("hash", expected, hash.to_string(), finding(asked.is_none_or(|asked| asked == hash)))
}

/// Returns the checks of rules 1 to 3, which depend on the parent.
fn place(
    network: &Network,
    header: &Header,
    parent: Option<&ChainEntry>,
    broken: &[RuleError],
) -> [TraceStep; 5] {
    let is_open = if parent.is_some() { Finding::Kept } else { Finding::Open };
    let judge =
        |fits: fn(&RuleError) -> bool| if broken.iter().any(fits) { Finding::Broken } else { is_open };
    let unknown = || "what its parent, unknown here, demands".to_owned();
    let demand = |text: &dyn Fn(&ChainEntry) -> String| parent.map_or_else(unknown, text);
    let bits = |parent: &ChainEntry| network.next_bits(&parent.header, header.time);
    let version = if header.version == VERSION { Finding::Kept } else { Finding::Broken };
    [
        step(
            "prev_hash",
            demand(&|parent| parent.hash.to_string()),
            header.prev_hash.to_string(),
            judge(|error| matches!(error, RuleError::Parent { .. })),
        ),
        step(
            "number_of_block",
            demand(&|parent| parent.header.height.saturating_add(1).to_string()),
            header.height.to_string(),
            judge(|error| matches!(error, RuleError::Height { .. })),
        ),
        step("version", VERSION.to_string(), header.version.to_string(), version),
        step(
            "timeStamp",
            demand(&|parent| format!("later than {}", parent.header.time)),
            header.time.to_string(),
            judge(|error| matches!(error, RuleError::Time { .. })),
        ),
        step(
            "bits",
            demand(&|parent| bits(parent).to_string()),
            header.bits.to_string(),
            judge(|error| matches!(error, RuleError::Bits { .. })),
        ),
    ]
}

/// Returns the check of the proof of work, which a genesis block need not have.
fn proof_of_work(network: &Network, header: &Header, hash: &Hash, broken: &[RuleError]) -> TraceStep {
    if hash == network.id() {
        let expected = "none: it is the network's genesis".to_owned();
        return step("proof of work", expected, hash.to_string(), Finding::Kept);
    }
    let target = header.bits.target();
    let expected = target.map_or_else(|| "a target".to_owned(), |target| format!("at most {target}"));
    let is_met =
        target.is_some() && !broken.iter().any(|error| matches!(error, RuleError::ProofOfWork { .. }));
    step("proof of work", expected, hash.to_string(), finding(is_met))
}

/// Returns the checks of rules 4 and 5, which concern the contents.
fn contents(network: &Network, block: &Block, history_root: Option<&Hash>) -> [TraceStep; 5] {
    let body_root = block.messages_root();
    let broken = validation::check_contents(network, history_root.unwrap_or(&Hash::ZERO), block);
    let judge = |fits: fn(&RuleError) -> bool| finding(!broken.iter().any(fits));
    let unknown = || "commits to all headers below, unknown here".to_owned();
    let content =
        history_root.map_or(Finding::Open, |_| judge(|error| matches!(error, RuleError::Content { .. })));
    let expected = history_root.map(|history_root| {
        crate::primitives::block::content_root(history_root, &block.body_root(&body_root), block.extra)
            .to_string()
    });
    let author = history_root.map_or(Finding::Open, |history_root| {
        let digest = block.digest(network.id(), history_root, &body_root);
        finding(block.header.hash() == *network.id() || block.author.verifies(&digest, &block.signature))
    });
    let count = block.messages.len();
    let is_signed = |message: &crate::primitives::message::Message| {
        message.sender().verifies(&message.id(network.id()), message.signature())
    };
    let signed = block.messages.iter().filter(|message| is_signed(message)).count();
    let untimely = broken.iter().filter(|error| matches!(error, RuleError::MessageTime { .. })).count();
    let (bytes_max, count_max) = (network.block_bytes_max(), network.block_messages_max());
    let is_small =
        |error: &RuleError| matches!(error, RuleError::Size { .. } | RuleError::MessageCount { .. });
    [
        step(
            "content_root",
            expected.unwrap_or_else(unknown),
            block.header.content_root.to_string(),
            content,
        ),
        step("signature", format!("by the author {}", block.author), block.signature.to_string(), author),
        step(
            "size",
            format!("at most {bytes_max} bytes and {count_max} messages"),
            format!("{} bytes and {count} messages", block.size()),
            judge(is_small),
        ),
        step(
            "messages' signatures",
            format!("{count} by their senders"),
            format!("{signed} hold"),
            finding(signed == count),
        ),
        step(
            "messages' times",
            "within a day before the block and a minute after".to_owned(),
            format!("{} of {count}", count - untimely),
            finding(untimely == 0),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ledger::chain::Chain;
    use crate::mining::search::grind;
    use crate::primitives::key::{SecretKey, Signature};
    use crate::primitives::message::{Draft, Message};
    use crate::primitives::mmr::Mmr;

    /// Returns a valid block on genesis with a message, and the data to check it against.
    fn block() -> (Network, Block, ChainEntry, Hash) {
        let network = Network::dev();
        let parent = Chain::new(network.clone()).tip();
        let root = Mmr::default().append(parent.header.record(parent.hash)).root();
        let time = parent.header.time.plus_ms(100_000);
        let header = Header {
            prev_hash: parent.hash,
            content_root: Hash::ZERO,
            version: VERSION,
            height: 1,
            time,
            bits: network.next_bits(&parent.header, time),
            nonce: 0,
        };
        let secret = SecretKey::from_bytes(&[3; 32]).unwrap();
        let draft = Draft::new(secret.public(), "", "hello", time).unwrap();
        let messages = vec![Arc::new(draft.sign(&secret, network.id(), 0))];
        let mut block =
            Block { header, extra: 0, author: secret.public(), signature: Signature::NONE, messages };
        finish(&network, &mut block, &secret, &root);
        (network, block, parent, root)
    }

    fn finish(network: &Network, block: &mut Block, secret: &SecretKey, root: &Hash) {
        block.seal(secret, network.id(), root);
        block.header.nonce = grind(&block.header, 1 << 20).unwrap();
    }

    fn findings(steps: &[TraceStep], wanted: Finding) -> Vec<&'static str> {
        steps.iter().filter(|step| step.finding == wanted).map(|step| step.rule).collect()
    }

    #[test]
    fn a_valid_block_keeps_every_rule() {
        let (network, block, parent, root) = block();
        let hash = block.header.hash();
        let clock = block.header.time;
        let against = Against { parent: Some(&parent), history_root: Some(&root), hash: Some(&hash), clock };
        let steps = trace(&network, &block, against);
        assert_eq!(findings(&steps, Finding::Kept).len(), STEPS_MAX, "{steps:?}");
        assert_eq!(steps.len(), STEPS_MAX);
        let genesis = trace(
            &network,
            &network.genesis_block(),
            Against { parent: None, history_root: None, hash: None, clock },
        );
        assert!(findings(&genesis, Finding::Broken).is_empty(), "{genesis:?}");
    }

    #[test]
    fn what_is_not_known_is_left_open() {
        let (network, block, ..) = block();
        let against = Against { parent: None, history_root: None, hash: None, clock: block.header.time };
        let steps = trace(&network, &block, against);
        let open = ["prev_hash", "number_of_block", "timeStamp", "bits", "content_root", "signature"];
        assert_eq!(findings(&steps, Finding::Open), open);
        assert!(findings(&steps, Finding::Broken).is_empty());
    }

    #[test]
    fn each_broken_rule_is_named() {
        let (network, good, parent, root) = block();
        let hash = good.header.hash();
        let secret = SecretKey::from_bytes(&[3; 32]).unwrap();
        let broken = |change: &dyn Fn(&mut Block)| {
            let mut block = good.clone();
            change(&mut block);
            let clock = good.header.time;
            let against =
                Against { parent: Some(&parent), history_root: Some(&root), hash: Some(&hash), clock };
            findings(&trace(&network, &block, against), Finding::Broken)
        };
        let mined = |change: &dyn Fn(&mut Block)| {
            broken(&|block| {
                change(block);
                finish(&network, block, &secret, &root);
            })
        };
        assert_eq!(mined(&|block| block.header.prev_hash = Hash::ZERO), ["hash", "prev_hash"]);
        assert_eq!(mined(&|block| block.header.height = 7), ["hash", "number_of_block"]);
        assert_eq!(mined(&|block| block.header.version = 1), ["hash", "version"]);
        assert_eq!(
            mined(&|block| block.header.time = parent.header.time),
            ["hash", "timeStamp", "messages' times"]
        );
        assert_eq!(
            mined(&|block| block.header.time = block.header.time.plus_ms(validation::BLOCK_AHEAD_MS + 1)),
            ["hash", "local clock"]
        );
        assert_eq!(
            mined(&|block| block.header.bits = crate::primitives::pow::Bits::from_u32(0x2000_ffff)),
            ["hash", "bits"]
        );
        let spoilt = broken(&|block| {
            while block.header.bits.target().unwrap().is_met_by(&block.header.hash()) {
                block.header.nonce += 1;
            }
        });
        assert_eq!(spoilt, ["hash", "proof of work"]);
        assert_eq!(broken(&|block| block.messages.clear()), ["content_root", "signature"]);
        assert_eq!(broken(&|block| block.signature = Signature::NONE), ["content_root", "signature"]);
        let forged = mined(&|block| {
            let (sender, time) = (secret.public(), block.header.time);
            let draft = Draft::new(sender, "", "forged", time).unwrap();
            let signature = *block.messages[0].signature();
            block.messages = vec![Arc::new(Message::from_parts(draft, 0, signature))];
        });
        assert_eq!(forged, ["hash", "messages' signatures"]);
    }
}
