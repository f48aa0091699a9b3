//! `plexus verify`: the statement that a proof file proves, from only the file and this program.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::ProgressBar;
use plexus_core::ledger::json::{self, BlockView};
use plexus_core::ledger::known_work::KnownWork;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::params::{Network, YOUNG};
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::time::Timestamp;
use plexus_core::proof::inclusion_proof::{Form, MAGIC, RECEIPT_BYTES_MAX, Receipt, Verified};
use plexus_core::proof::verdict::{self, Evidence, Verdict};
use plexus_core::protocol::address::Address;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::client::NodeClient;
use super::{WrongUse, data_dir, progress, table};

/// The most bytes of a proof file in JSON: each byte as two digits, each letter of the texts
/// escaped, and the names.
const FORM_BYTES_MAX: usize = 2 * RECEIPT_BYTES_MAX + (64 << 10);
/// The size in bytes from which on a progress bar is shown while a document is read.
const LARGE_BYTES: u64 = 32 << 20;
/// The prefix of the SHA-256 of a file that a text seals.
const SEAL: &str = "sha256:";

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The proof file, in either form. - reads standard input
    #[arg(value_name = "FILE|-")]
    proof: PathBuf,
    /// The file that the message seals. Its SHA-256 has to be in the message
    #[arg(long, value_name = "DOCUMENT")]
    file: Option<PathBuf>,
    /// The network that the proof has to be of [default: any network, which the verdict names]
    #[arg(long, value_name = "NAME|FILE", value_parser = data_dir::parse_network)]
    network: Option<Network>,
    /// The least work that the whole chain must have, in hashes: a number, or 2^N
    #[arg(long, value_name = "HASHES", value_parser = parse_work)]
    work: Option<Work>,
    /// A node that you trust: its chain must have the block
    #[arg(long, value_name = "URL")]
    node: Option<Address>,
    /// Trust the certificate authorities in this file (PEM) as well as the system's, if the node is
    /// at https://
    #[arg(long, value_name = "FILE", requires = "node")]
    tls_ca: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reads a number of hashes, or a power of two of them.
fn parse_work(text: &str) -> Result<Work, String> {
    let hashes = match text.strip_prefix("2^") {
        Some(power) => power.parse().ok().and_then(|power| 1u128.checked_shl(power)),
        None => text.parse().ok(),
    };
    hashes.map(Work::from_hashes).ok_or_else(|| "neither a number of hashes nor 2^0 to 2^127".to_owned())
}

/// Runs the command.
pub(super) fn run(arguments: &VerifyArgs) -> anyhow::Result<()> {
    let bytes = read(&arguments.proof)?;
    let checked = CheckedProof::of(&bytes, arguments, plexus_node::clock::time());
    let checked = checked.inspect_err(|error| {
        // A document that cannot be read does not make the proof invalid.
        if arguments.json && !error.is::<WrongUse>() {
            // If this fails, the error itself is reported all the same.
            drop(table::print_json(&json!({ "valid": false, "reason": format!("{error:#}") })));
        }
    })?;
    let evidence = Evidence { demanded: arguments.work, in_chain: checked.is_in_chain_of(arguments)? };
    let network = &checked.receipt.network;
    let total_work = checked.verified.proven.total_work();
    let verdict = Verdict::of(total_work, &KnownWork::of(network), evidence);
    if arguments.json {
        table::print_json(&checked.json(verdict, evidence))?;
    } else {
        table::print(&checked.words(verdict, evidence))?;
    }
    match verdict.explanation(total_work).filter(|_| verdict.is_refused()) {
        Some(why) => Err(anyhow!("{verdict}: {why}")),
        None => Ok(()),
    }
}

/// Returns the proof file's bytes. It reads at most one byte more than the larger form may have.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let cap = u64::try_from(FORM_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(cap).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(cap).read_to_end(&mut bytes))
    };
    read.map_err(|error| cannot_read(path, &error))?;
    Ok(bytes)
}

fn cannot_read(path: &Path, error: &io::Error) -> anyhow::Error {
    WrongUse(format!("cannot read {}: {error}", path.display())).into()
}

/// Decodes a proof file from bytes or JSON.
fn decode(bytes: &[u8]) -> anyhow::Result<Receipt> {
    if bytes.starts_with(&MAGIC) {
        return Ok(Receipt::decode(bytes)?);
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return Err(anyhow!("not a proof file: `plexus prove` writes one"));
    }
    if bytes.len() > FORM_BYTES_MAX {
        return Err(anyhow!("not a proof file: over {FORM_BYTES_MAX} bytes"));
    }
    let form: Form = serde_json::from_slice(bytes).map_err(|error| anyhow!("not a proof file: {error}"))?;
    Ok(Receipt::try_from(&form)?)
}

/// A file that the message seals, and its digest.
struct Document {
    path: PathBuf,
    digest: String,
}

impl Document {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let digest = digest(path).map_err(|error| cannot_read(path, &error))?;
        Ok(Self { path: path.to_owned(), digest })
    }
}

/// Returns a file's SHA-256, in hex.
fn digest(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let bar = if length < LARGE_BYTES { ProgressBar::hidden() } else { progress::bar(length, "reading") };
    let (mut hasher, mut reader, mut piece) = (Sha256::new(), bar.wrap_read(file), vec![0; 1 << 16]);
    loop {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => hasher.update(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bar.finish_and_clear();
    Ok(hex::encode(hasher.finalize()))
}

/// Returns the digests that a text seals. Each is `sha256:` and 64 hex digits that stand apart from
/// letters, digits and `_`.
fn seals(text: &str) -> impl Iterator<Item = &str> {
    let joins = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.match_indices(SEAL).filter_map(move |(at, _)| {
        let (before, rest) = (text.get(..at)?, text.get(at + SEAL.len()..)?);
        let digest = rest
            .get(..64)
            .filter(|digest| digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))?;
        let apart = !before.ends_with(joins) && !rest.get(64..)?.starts_with(joins);
        apart.then_some(digest)
    })
}

/// A proof file whose parts fit together.
struct CheckedProof {
    receipt: Receipt,
    verified: Verified,
    document: Option<Document>,
    /// True if the caller named the network that the proof has to be of.
    demanded: bool,
    /// The local clock.
    now: Timestamp,
}

impl CheckedProof {
    fn of(bytes: &[u8], arguments: &VerifyArgs, now: Timestamp) -> anyhow::Result<Self> {
        let receipt = decode(bytes)?;
        let found = &receipt.network;
        if let Some(wanted) = arguments.network.as_ref().filter(|wanted| wanted.id() != found.id()) {
            return Err(anyhow!("the proof is of the network {found} ({}), not of {wanted}", found.id()));
        }
        let verified = receipt.verify()?;
        verified.check_clock(now)?;
        let document = arguments.file.as_deref().map(Document::read).transpose()?;
        if let Some(Document { path, digest }) = &document
            && !seals(receipt.message.text()).any(|sealed| sealed == digest)
        {
            let path = path.display();
            return Err(anyhow!("the message does not seal {path}: its text has no {SEAL}{digest}"));
        }
        Ok(Self { receipt, verified, document, demanded: arguments.network.is_some(), now })
    }

    /// Returns true if the chain of the node that the caller trusts has the block, false if it has
    /// another one at that height. Returns `None` if the caller names no node.
    fn is_in_chain_of(&self, arguments: &VerifyArgs) -> anyhow::Result<Option<bool>> {
        let Some(node) = &arguments.node else { return Ok(None) };
        let client = NodeClient::new(node).trusting(arguments.tls_ca.clone());
        let (wanted, found) = (&self.receipt.network, client.network()?);
        if found.id() != wanted.id() {
            let (node, id) = (client.base(), found.id());
            return Err(anyhow!("the node at {node} is on the network {found} ({id}), not on {wanted}"));
        }
        let height = self.receipt.header.height;
        let block: BlockView = client
            .get(&format!("/api/v1/blocks/{height}"))
            .with_context(|| format!("the node at {} cannot be compared", client.base()))?;
        Ok(Some(block.hash == self.verified.block))
    }

    fn is_built_in(&self) -> bool {
        let network = &self.receipt.network;
        [Network::plexus(), Network::dev()].iter().any(|known| known.id() == network.id())
    }

    fn total_work(&self) -> Work {
        self.verified.proven.total_work()
    }

    /// Returns true if nobody but the maker of the chain need have mined it.
    fn is_solitary(&self) -> bool {
        verdict::is_solitary(&self.receipt.network, self.total_work(), self.verified.proven.header.height)
    }

    fn json(&self, verdict: Verdict, evidence: Evidence) -> serde_json::Value {
        let (network, header, verified) = (&self.receipt.network, &self.receipt.header, &self.verified);
        let file = self.document.as_ref().map(
            |document| json!({ "name": document.path.display().to_string(), "sha256": document.digest }),
        );
        json!({
            "valid": verdict.is_valid(),
            "compared": verdict.is_compared(),
            "verdict": verdict.to_string(),
            "reason": verdict.explanation(self.total_work()),
            "message": json::MessageView::new(&self.receipt.message, network.id()),
            "file": file,
            "block": verified.block,
            "number_of_block": header.height,
            "timeStamp": header.time.to_string(),
            "time_unix_ms": header.time.unix_ms(),
            "parent_time_unix_ms": verified.parent_time.unix_ms(),
            "clock_unix_ms": self.now.unix_ms(),
            "author": self.receipt.author,
            "blocks": verified.blocks,
            "work": verified.work.to_string(),
            "tip": verified.proven.hash,
            "height": verified.proven.header.height,
            "tip_time_unix_ms": verified.proven.header.time.unix_ms(),
            "total_work": self.total_work().to_string(),
            "young": network.is_young(self.total_work()),
            "solitary": self.is_solitary(),
            "network": network.name(),
            "network_id": network.id(),
            "built_in": self.is_built_in(),
            "assumed": self.assumptions(evidence),
        })
    }

    /// Returns the verdict for people.
    fn words(&self, verdict: Verdict, evidence: Evidence) -> String {
        let (message, header, verified) = (&self.receipt.message, &self.receipt.header, &self.verified);
        let mut rows = vec![("sealed", self.sealed()), ("signed by", message.sender().to_string())];
        if !message.recipient().is_empty() {
            rows.push(("written to", table::one_line(message.recipient())));
        }
        let (tip, parent_time) = (&verified.proven.header, verified.parent_time);
        rows.extend([
            ("message", verified.id.to_string()),
            (
                "mined between",
                format!("{parent_time}, the time of the block below, and {}, this clock", self.now),
            ),
            ("its miner says", header.time.to_string()),
            ("in block", format!("{}, {}", header.height, verified.block)),
            ("mined by", who(&self.receipt.author, message.sender())),
            ("protected by", protection(verified)),
            ("whole chain", whole_chain(&self.receipt.network, tip.height, self.total_work())),
            ("network", self.network()),
        ]);
        let solitary = "Its blocks took on average under four times the least work, so nobody but its maker need have \
                        mined this chain.";
        let why = [verdict.explanation(self.total_work()), self.is_solitary().then(|| solitary.to_owned())];
        let why: String = why.into_iter().flatten().map(|text| format!("{text}\n")).collect();
        let assumed: Vec<_> = self.assumptions(evidence).iter().map(|text| format!("- {text}\n")).collect();
        format!(
            "{verdict}\n{why}{}\n\n{}\n\nThis holds if\n{}",
            table::pairs(&rows),
            table::harmless(message.text()),
            assumed.concat()
        )
    }

    fn sealed(&self) -> String {
        match &self.document {
            Some(Document { path, digest }) => {
                format!("the file {}, SHA-256 {digest}", table::one_line(&path.display().to_string()))
            }
            None if seals(self.receipt.message.text()).next().is_some() => {
                "the text below, which names a file by its SHA-256: add --file to see whether it is yours"
                    .to_owned()
            }
            None => "the text below".to_owned(),
        }
    }

    fn network(&self) -> String {
        let network = &self.receipt.network;
        let kind = if self.is_built_in() { "built in" } else { "so it calls itself" };
        format!("{network} ({kind}), {}", network.id())
    }

    /// Returns the assumptions that a proof file cannot prove by itself.
    fn assumptions(&self, evidence: Evidence) -> Vec<String> {
        let height = self.receipt.header.height;
        let network = match (self.demanded, self.is_built_in()) {
            (true, _) => None,
            (false, true) => Some(format!(
                "the network that you mean is {}, which is built into this program",
                self.receipt.network
            )),
            (false, false) => Some(
                "the network is the one that you mean: anybody can start one, under any name, and do all its work alone. \
                 Compare the id, or demand yours with --network FILE"
                    .to_owned(),
            ),
        };
        let chain = evidence.in_chain.is_none().then(|| {
            "no chain of this network has more work and lacks this block: --node URL compares it with a node that you trust"
                .to_owned()
        });
        let others = [
            "nobody works against the honest miners with much of their power: at a third of it, each attempt to forge a chain gets \
             past this check with a probability of about 2^-41, at half of it 2^-18"
                .to_owned(),
            format!(
                "the time is the miner's word: that of block {height} may be any time after that of the block below, and nodes \
                 only refuse blocks that are over a minute ahead of their clocks. When the text was written is its sender's word \
                 alone"
            ),
        ];
        network.into_iter().chain(chain).chain(others).collect()
    }
}

fn who(author: &PublicKey, sender: &PublicKey) -> String {
    if author == sender { format!("{author}, the sender") } else { author.to_string() }
}

fn protection(verified: &Verified) -> String {
    let blocks = match verified.blocks {
        1 => "1 block, its own".to_owned(),
        blocks => format!("{blocks} blocks, its own and those above"),
    };
    let (hashes, time) = (hashes(verified.work), verdict::duration(verified.work));
    format!("{hashes}, {time} of one graphics processor, in {blocks}")
}

fn whole_chain(network: &Network, height: u64, work: Work) -> String {
    let young = if network.is_young(work) { format!(", {YOUNG}") } else { String::new() };
    format!("{} in {height} blocks{young}", hashes(work))
}

fn hashes(work: Work) -> String {
    format!("{work} hashes ({})", verdict::power(work))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_what_the_page_takes_for_one() {
        let digest = "0123456789abcdef".repeat(4);
        for text in [
            format!("sha256:{digest}"),
            format!("My file: (sha256:{digest}), final"),
            format!("ä sha256:{digest}é"),
        ] {
            assert_eq!(seals(&text).collect::<Vec<_>>(), [digest.as_str()], "{text}");
        }
        let longer = format!("sha256:{digest}0");
        let within = format!("xsha256:{digest}");
        let upper = format!("sha256:{}", digest.to_uppercase());
        for text in
            ["", "sha256:", "sha256:0123", &longer, &within, &upper, &format!("sha256:{}é", &digest[1..])]
        {
            assert_eq!(seals(text).next(), None, "{text}");
        }
        let two = format!("sha256:{} sha256:{digest}", "f".repeat(64));
        assert_eq!(seals(&two).nth(1), Some(digest.as_str()));
        // One that is none does not hide the next.
        let after = format!("sha256:{} sha256:sha256:{digest}\nsha256:{digest}", "0".repeat(63));
        assert_eq!(seals(&after).collect::<Vec<_>>(), [digest.as_str(); 2]);
    }

    #[test]
    fn work_is_read_as_a_number_or_a_power_of_two() {
        for (text, hashes) in [("0", 0), ("510", 510), ("2^0", 1), ("2^70", 1 << 70), ("2^127", 1 << 127)] {
            assert_eq!(parse_work(text), Ok(Work::from_hashes(hashes)), "{text}");
        }
        for text in ["", "2^", "2^128", "-1", "1e9", "2^-1", "2 ^ 3"] {
            assert!(parse_work(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_is_read_to_its_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(
            digest(&path).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(Document::read(&folder.path().join("none")).err().unwrap().is::<WrongUse>());
    }
}
