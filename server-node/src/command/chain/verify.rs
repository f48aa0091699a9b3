//! Verifies a whole chain by every rule, using only its text.
//!
//! Specified in PROTOCOL.md, "Exported chain".
//!
//! Memory does not grow with the chain. It holds the MMR peaks, the ids of the last day's messages,
//! and one round of signatures.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use plexus_core::ledger::signature_batch::SignatureCheck;
use plexus_core::ledger::validation::{self, RuleError};
use plexus_core::primitives::block::{Block, Header, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Timestamp;
use plexus_node::api::view::StatusView;
use rayon::prelude::*;
use serde_json::json;

use super::super::client::NodeClient;
use super::super::{progress, table};
use super::export::Lines;

/// The number of signatures that are gathered before they are verified on all cores.
const ROUND_CHECKS: usize = 4_096;

/// Verifies a file or a node's chain, and prints the result.
pub(super) fn run(client: &NodeClient, file: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let local = plexus_node::clock::time();
    let verifier = if let Some(path) = file {
        let cannot_read = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(cannot_read)?;
        let bytes = file.metadata().with_context(cannot_read)?.len();
        let bar = progress::bar(bytes, "verifying");
        let reader = BufReader::new(bar.wrap_read(file));
        let verified = verify(reader, local, || ());
        bar.finish_and_clear();
        verified?
    } else {
        let status: StatusView = client.get("/api/v1/status")?;
        let bar = progress::bar(status.height + 1, "verifying");
        let verified = verify(client.stream("/api/v1/export")?, local, || bar.inc(1));
        bar.finish_and_clear();
        verified?
    };
    let (tip, work) = (verifier.tip_hash, verifier.history.work());
    if json {
        return table::print_json(&json!({
            "valid": true,
            "network": verifier.network.name(),
            "network_id": verifier.network.id(),
            "blocks": verifier.blocks,
            "messages": verifier.messages,
            "tip": tip,
            "total_work": work.to_string(),
        }));
    }
    let rows = [
        ("valid", "every block keeps every rule".to_owned()),
        ("network", verifier.network.name().to_owned()),
        ("blocks", verifier.blocks.to_string()),
        ("messages", verifier.messages.to_string()),
        ("tip", tip.to_string()),
        ("total work", work.to_string()),
    ];
    table::print(&table::pairs(&rows))
}

/// Reads and verifies a whole text. Calls `step` after each block. Returns the verifier at its end.
fn verify(reader: impl BufRead, local: Timestamp, mut step: impl FnMut()) -> anyhow::Result<ChainVerifier> {
    let mut lines = Lines::new(reader);
    let network = lines.network()?;
    let genesis = lines.block()?.ok_or_else(|| anyhow!("line 2: the genesis block is missing"))?;
    let version = genesis.header.version;
    ensure!(
        version == VERSION,
        "line 2: a chain of protocol version {version}, this program verifies version {VERSION}: nothing is converted"
    );
    ensure!(genesis == network.genesis_block(), "line 2: not the genesis block of the network on line 1");
    let mut verifier = ChainVerifier::new(network);
    while let Some(block) = lines.block()? {
        verifier.push(&block, local)?;
        step();
    }
    verifier.verify_signatures()?;
    Ok(verifier)
}

/// A chain that is verified block by block.
struct ChainVerifier {
    network: Network,
    tip: Header,
    tip_hash: Hash,
    history: Mmr,
    blocks: u64,
    messages: u64,
    /// The ids of the messages that a later block might repeat, with the time of the block that
    /// holds each.
    recent: VecDeque<(Timestamp, MessageId)>,
    known: HashSet<MessageId>,
    /// Signatures that are not verified yet, each with the height of its block.
    checks: Vec<(u64, SignatureCheck)>,
}

impl ChainVerifier {
    fn new(network: Network) -> Self {
        let (tip, tip_hash) = (*network.genesis(), *network.id());
        let history = Mmr::default().append(tip.record(tip_hash));
        let (recent, known) = (VecDeque::new(), HashSet::new());
        Self { network, tip, tip_hash, history, blocks: 1, messages: 0, recent, known, checks: Vec::new() }
    }

    /// Checks the next block. Its signatures are verified together with those of the whole round.
    fn push(&mut self, block: &Block, local: Timestamp) -> anyhow::Result<()> {
        let (header, hash) = (block.header, block.header.hash());
        let history_root = self.history.root();
        let ids: Vec<_> = block.messages.iter().map(|message| message.id(self.network.id())).collect();
        self.forget(header.time);
        let mut failures = validation::check_header(&self.network, &self.tip, &self.tip_hash, &header, &hash);
        failures.extend(validation::check_clock(&header, local));
        failures.extend(validation::check_contents(&self.network, &history_root, block));
        failures.extend(validation::check_repeats(&ids, |_, id| self.known.contains(id)));
        ensure!(failures.is_empty(), "block {} ({hash}) is invalid: {}", self.blocks, list(&failures));
        let digest = block.digest(self.network.id(), &history_root, &block.messages_root());
        self.checks
            .push((header.height, SignatureCheck { digest, key: block.author, signature: block.signature }));
        for (message, id) in block.messages.iter().zip(ids) {
            let check =
                SignatureCheck { digest: id, key: *message.sender(), signature: *message.signature() };
            self.checks.push((header.height, check));
            self.known.insert(id);
            self.recent.push_back((header.time, id));
        }
        self.history = self.history.append(header.record(hash));
        (self.tip, self.tip_hash) = (header, hash);
        self.blocks += 1;
        self.messages += block.messages.len() as u64;
        if self.checks.len() >= ROUND_CHECKS { self.verify_signatures() } else { Ok(()) }
    }

    /// Removes ids that no block from `time` on may repeat, because their messages are too old for
    /// such a block.
    fn forget(&mut self, time: Timestamp) {
        // A message is at most a minute newer than its block.
        let oldest = time.minus_ms(validation::MESSAGE_AGE_MS + validation::MESSAGE_AHEAD_MS);
        while let Some((_, id)) = self.recent.pop_front_if(|(block, _)| *block < oldest) {
            self.known.remove(&id);
        }
    }

    fn verify_signatures(&mut self) -> anyhow::Result<()> {
        let broken = self.checks.par_iter().find_first(|(_, check)| !check.holds());
        if let Some((height, check)) = broken {
            let flag = "InvalidSignature";
            return Err(anyhow!(
                "block {height} is invalid: {flag}: {} is not {}'s",
                check.signature,
                check.key
            ));
        }
        self.checks.clear();
        Ok(())
    }
}

fn list(failures: &[RuleError]) -> String {
    let texts: Vec<_> = failures.iter().map(|failure| format!("{}: {failure}", failure.flag())).collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plexus_core::mining::search::grind;
    use plexus_core::primitives::key::{PublicKey, SecretKey, Signature};
    use plexus_core::primitives::message::Draft;

    use super::*;

    fn chain(blocks: u64) -> (Network, Vec<Block>) {
        let network = Network::dev();
        let author = SecretKey::from_bytes(&[1; 32]).unwrap();
        let mut verifier = ChainVerifier::new(network.clone());
        let mut chain = vec![network.genesis_block()];
        for height in 1..=blocks {
            let time = verifier.tip.time.plus_ms(15_000);
            let draft = Draft::new(author.public(), "bob", format!("message {height}"), time).unwrap();
            let message = Arc::new(draft.sign(&author, network.id(), 0));
            let header = Header {
                prev_hash: verifier.tip_hash,
                content_root: Hash::ZERO,
                version: VERSION,
                height,
                time,
                bits: verifier.tip.bits,
                nonce: 0,
            };
            let (nobody, signature) = (PublicKey::NOBODY, Signature::NONE);
            let mut block = Block { header, extra: 0, author: nobody, signature, messages: vec![message] };
            block.seal(&author, network.id(), &verifier.history.root());
            solve(&mut block);
            verifier.push(&block, time).unwrap();
            chain.push(block);
        }
        (network, chain)
    }

    fn solve(block: &mut Block) {
        block.header.nonce = grind(&block.header, 1 << 20).unwrap();
    }

    fn text(network: &Network, blocks: &[Block]) -> String {
        let lines = blocks.iter().map(|block| hex::encode(block.encode()) + "\n").collect::<String>();
        serde_json::to_string(network.parameters()).unwrap() + "\n" + &lines
    }

    fn verdict(text: &str) -> Result<u64, String> {
        let local = Timestamp::from_unix_ms(4_000_000_000_000);
        verify(text.as_bytes(), local, || ())
            .map(|verifier| verifier.blocks)
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_valid_chain_is_valid() {
        let (network, blocks) = chain(20);
        assert_eq!(verdict(&text(&network, &blocks)), Ok(21));
        assert_eq!(verdict(&text(&network, &blocks[..1])), Ok(1));
    }

    #[test]
    fn every_way_to_break_it_is_named() {
        let (network, blocks) = chain(3);
        let broken = |change: &dyn Fn(&mut Vec<Block>)| {
            let mut blocks = blocks.clone();
            change(&mut blocks);
            verdict(&text(&network, &blocks)).unwrap_err()
        };
        assert!(broken(&|blocks| drop(blocks.remove(2))).contains("PreviousHashBlockError"));
        assert!(broken(&|blocks| blocks[3].header.nonce += 1).contains("InvalidBlockHash"));
        assert!(broken(&|blocks| blocks[3].extra += 1).contains("InvalidContentRoot"));
        assert!(broken(&|blocks| drop(blocks.remove(0))).contains("genesis"));
        let repeated = broken(&|blocks| {
            let message = blocks[2].messages[0].clone();
            blocks[3].messages = vec![message];
            let author = SecretKey::from_bytes(&[1; 32]).unwrap();
            let history = blocks[..3].iter().fold(Mmr::default(), |history, block| {
                history.append(block.header.record(block.header.hash()))
            });
            blocks[3].seal(&author, network.id(), &history.root());
            solve(&mut blocks[3]);
        });
        assert!(repeated.contains("DuplicateMessage"), "{repeated}");
        let forged = broken(&|blocks| {
            let other = SecretKey::from_bytes(&[2; 32]).unwrap();
            let history = blocks[..3].iter().fold(Mmr::default(), |history, block| {
                history.append(block.header.record(block.header.hash()))
            });
            blocks[3].seal(&other, network.id(), &Hash::ZERO);
            let signature = blocks[3].signature;
            let body_root = blocks[3].body_root(&blocks[3].messages_root());
            blocks[3].header.content_root =
                plexus_core::primitives::block::content_root(&history.root(), &body_root, 0);
            assert_eq!(blocks[3].signature, signature);
            solve(&mut blocks[3]);
        });
        assert!(forged.contains("block 3 is invalid: InvalidSignature"), "{forged}");
    }

    #[test]
    fn a_chain_of_another_protocol_version_is_told_so() {
        let (network, mut blocks) = chain(1);
        blocks[0].header.version = 1;
        let error = verdict(&text(&network, &blocks)).unwrap_err();
        assert!(error.starts_with("line 2: a chain of protocol version 1"), "{error}");
        assert!(error.contains("nothing is converted") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn a_text_that_is_no_chain_is_named_by_its_line() {
        let (network, blocks) = chain(2);
        let text = text(&network, &blocks);
        let lines: Vec<_> = text.lines().collect();
        assert!(verdict("").unwrap_err().contains("line 1"));
        assert!(verdict("{}\n").unwrap_err().contains("line 1"));
        assert!(verdict(&format!("{}\n", lines[0])).unwrap_err().contains("line 2"));
        assert!(verdict(&format!("{}\nzz\n", lines[0])).unwrap_err().contains("line 2: not hex"));
        assert!(verdict(&format!("{}\n00\n", lines[0])).unwrap_err().contains("line 2: not a block"));
        assert!(verdict(&text[..text.len() - 1]).unwrap_err().contains("line 4: cut off"));
    }
}
