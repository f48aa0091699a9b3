//! Verifies a whole chain by every rule, using only its blocks.
//!
//! Specified in PROTOCOL.md, "Exported chain".
//!
//! Memory does not grow with the chain. It holds the MMR peaks, the ids of the last day's messages,
//! and one round of signatures.

use std::collections::{HashSet, VecDeque};
use std::io::BufRead;

use anyhow::{anyhow, ensure};
use plexus_core::ledger::signature_batch::SignatureCheck;
use plexus_core::ledger::validation::{self, RuleError};
use plexus_core::primitives::block::{Block, Header, VERSION, content_root};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Timestamp;
use rayon::prelude::*;

use super::ChainReader;

/// The number of signatures that are gathered before they are verified on all cores.
pub const ROUND_CHECKS: usize = 4_096;

/// Reads and verifies a whole chain. Calls `step` after each block. Returns the verifier at its end.
///
/// # Errors
/// The file is damaged, or a block breaks a rule. The error names the block.
pub fn verify(
    mut reader: ChainReader<impl BufRead>,
    local: Timestamp,
    mut step: impl FnMut(),
) -> anyhow::Result<ChainVerifier> {
    let mut verifier = ChainVerifier::begin(&mut reader)?;
    while let Some(block) = reader.block()? {
        verifier.push(&block, local, true)?;
        if verifier.is_round_full() {
            verifier.verify_signatures()?;
        }
        step();
    }
    verifier.verify_signatures()?;
    Ok(verifier)
}

/// A chain that is verified block by block.
#[derive(Debug)]
pub struct ChainVerifier {
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
    /// Creates the verifier of a chain that so far has its genesis block.
    pub fn new(network: Network) -> Self {
        let (tip, tip_hash) = (*network.genesis(), *network.id());
        let history = Mmr::default().append(tip.record(tip_hash));
        let (recent, known) = (VecDeque::new(), HashSet::new());
        Self { network, tip, tip_hash, history, blocks: 1, messages: 0, recent, known, checks: Vec::new() }
    }

    /// Creates the verifier of the chain in a file, and reads its genesis block.
    ///
    /// # Errors
    /// The file does not begin with the genesis block of its network.
    pub fn begin(reader: &mut ChainReader<impl BufRead>) -> anyhow::Result<Self> {
        let genesis = reader.block()?;
        let network = reader.network().clone();
        let version = genesis.as_ref().map_or(VERSION, |genesis| genesis.header.version);
        ensure!(
            version == VERSION,
            "block 0: a chain of protocol version {version}, this program verifies version {VERSION}: nothing is converted"
        );
        ensure!(
            genesis == Some(network.genesis_block()),
            "block 0 is not the genesis block of the network that the file names"
        );
        Ok(Self::new(network))
    }

    /// Checks the next block, except for its signatures. These are gathered for
    /// [`Self::verify_signatures`] if `has_new_signatures` is set. It is not set for a block that is
    /// known to have valid ones. Returns the block's hash and the ids of its messages.
    ///
    /// # Errors
    /// The rules that the block breaks. The error names its height.
    pub fn push(
        &mut self,
        block: &Block,
        local: Timestamp,
        has_new_signatures: bool,
    ) -> anyhow::Result<(Hash, Vec<MessageId>)> {
        let (header, hash) = (block.header, block.header.hash());
        let history_root = self.history.root();
        let ids: Vec<_> = block.messages.iter().map(|message| message.id(self.network.id())).collect();
        self.forget(header.time);
        let mut failures = validation::check_header(&self.network, &self.tip, &self.tip_hash, &header, &hash);
        failures.extend(validation::check_clock(&header, local));
        failures.extend(validation::check_contents(&self.network, &history_root, block));
        failures.extend(validation::check_repeats(&ids, |_, id| self.known.contains(id)));
        ensure!(failures.is_empty(), "block {} ({hash}) is invalid: {}", self.blocks, list(&failures));
        if has_new_signatures {
            let digest = block.digest(self.network.id(), &history_root, &block.messages_root());
            let check = SignatureCheck { digest, key: block.author, signature: block.signature };
            self.checks.push((header.height, check));
        }
        for (message, id) in block.messages.iter().zip(&ids) {
            if has_new_signatures {
                let (key, signature) = (*message.sender(), *message.signature());
                self.checks.push((header.height, SignatureCheck { digest: *id, key, signature }));
            }
            self.known.insert(*id);
            self.recent.push_back((header.time, *id));
        }
        self.history = self.history.append(header.record(hash));
        (self.tip, self.tip_hash) = (header, hash);
        self.blocks += 1;
        self.messages += block.messages.len() as u64;
        Ok((hash, ids))
    }

    /// Checks the next block by its header and the two values that stay of it when its body is deleted.
    /// Returns the block's hash. The messages of later blocks are not compared with those of this one.
    ///
    /// # Errors
    /// The rules that the header breaks, or its values contradict it. The error names its height.
    pub fn push_pruned(&mut self, header: Header, body_root: &Hash, extra: u64) -> anyhow::Result<Hash> {
        let hash = header.hash();
        let failures = validation::check_header(&self.network, &self.tip, &self.tip_hash, &header, &hash);
        ensure!(failures.is_empty(), "block {} ({hash}) is invalid: {}", self.blocks, list(&failures));
        let found = content_root(&self.history.root(), body_root, extra);
        ensure!(
            found == header.content_root,
            "block {} ({hash}): the content root is {found}, expected {}",
            self.blocks,
            header.content_root
        );
        self.history = self.history.append(header.record(hash));
        (self.tip, self.tip_hash) = (header, hash);
        self.blocks += 1;
        Ok(hash)
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

    /// Returns true if enough signatures are gathered to be verified on all cores.
    pub fn is_round_full(&self) -> bool {
        self.checks.len() >= ROUND_CHECKS
    }

    /// Verifies the signatures that were gathered.
    ///
    /// # Errors
    /// A signature is invalid. The error names the height of its block.
    pub fn verify_signatures(&mut self) -> anyhow::Result<()> {
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

    /// Returns the network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the last block's header and hash.
    pub fn tip(&self) -> (Header, Hash) {
        (self.tip, self.tip_hash)
    }

    /// Returns the history up to the last block and including it.
    pub fn history(&self) -> &Mmr {
        &self.history
    }

    /// Returns the number of blocks, with the genesis block.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Returns the number of messages.
    pub fn messages(&self) -> u64 {
        self.messages
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
            verifier.push(&block, time, false).unwrap();
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
        ChainReader::new(text.as_bytes())
            .and_then(|reader| verify(reader, local, || ()))
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
        assert!(error.starts_with("block 0: a chain of protocol version 1"), "{error}");
        assert!(error.contains("nothing is converted") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn a_text_that_is_no_chain_is_named_by_its_line() {
        let (network, blocks) = chain(2);
        let text = text(&network, &blocks);
        let lines: Vec<_> = text.lines().collect();
        assert!(verdict("").unwrap_err().contains("neither a backup"));
        assert!(verdict("{}\n").unwrap_err().contains("line 1"));
        assert!(verdict(&format!("{}\n", lines[0])).unwrap_err().contains("line 2"));
        assert!(verdict(&format!("{}\nzz\n", lines[0])).unwrap_err().contains("line 2: not hex"));
        assert!(verdict(&format!("{}\n00\n", lines[0])).unwrap_err().contains("line 2: not a block"));
        assert!(verdict(&text[..text.len() - 1]).unwrap_err().contains("line 4: cut off"));
    }
}
