//! `plexus verify`: the statement that a proof file proves, from only the file and this program.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use indicatif::ProgressBar;
use plexus_core::ledger::json;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use plexus_core::proof::inclusion_proof::{Form, MAGIC, RECEIPT_BYTES_MAX, Receipt, Verified};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{WrongUse, data_dir, progress, table};

/// The most bytes of a proof file in JSON: each byte as two digits, each letter of the texts
/// escaped, and the names.
const FORM_BYTES_MAX: usize = 2 * RECEIPT_BYTES_MAX + (64 << 10);
/// The size in bytes from which on a progress bar is shown while a document is read.
const LARGE_BYTES: u64 = 32 << 20;
/// The prefix of the SHA-256 of a file that a text seals.
const SEAL: &str = "sha256:";
/// The rate that the work is compared with, in hashes per second: that of a graphics processor.
const RATE: u128 = 1_000_000_000;

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
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &VerifyArgs) -> anyhow::Result<()> {
    let bytes = read(&arguments.proof)?;
    let verdict = ProofVerdict::of(&bytes, arguments);
    match (verdict, arguments.json) {
        (Ok(verdict), true) => table::print_json(&verdict.json()),
        (Ok(verdict), false) => table::print(&verdict.words()),
        (Err(error), json) => {
            // A document that cannot be read does not make the proof invalid.
            if json && !error.is::<WrongUse>() {
                table::print_json(&json!({ "valid": false, "reason": format!("{error:#}") }))?;
            }
            Err(error)
        }
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

/// The result for a valid proof file.
struct ProofVerdict {
    receipt: Receipt,
    verified: Verified,
    document: Option<Document>,
    /// True if the caller named the network that the proof has to be of.
    demanded: bool,
}

impl ProofVerdict {
    fn of(bytes: &[u8], arguments: &VerifyArgs) -> anyhow::Result<Self> {
        let receipt = decode(bytes)?;
        let found = &receipt.network;
        if let Some(wanted) = arguments.network.as_ref().filter(|wanted| wanted.id() != found.id()) {
            return Err(anyhow!("the proof is of the network {found} ({}), not of {wanted}", found.id()));
        }
        let verified = receipt.verify()?;
        let document = arguments.file.as_deref().map(Document::read).transpose()?;
        if let Some(Document { path, digest }) = &document
            && !seals(receipt.message.text()).any(|sealed| sealed == digest)
        {
            let path = path.display();
            return Err(anyhow!("the message does not seal {path}: its text has no {SEAL}{digest}"));
        }
        Ok(Self { receipt, verified, document, demanded: arguments.network.is_some() })
    }

    fn is_built_in(&self) -> bool {
        let network = &self.receipt.network;
        [Network::plexus(), Network::dev()].iter().any(|known| known.id() == network.id())
    }

    fn json(&self) -> serde_json::Value {
        let (network, header, verified) = (&self.receipt.network, &self.receipt.header, &self.verified);
        let file = self.document.as_ref().map(
            |document| json!({ "name": document.path.display().to_string(), "sha256": document.digest }),
        );
        json!({
            "valid": true,
            "message": json::MessageView::new(&self.receipt.message, network.id()),
            "file": file,
            "block": verified.block,
            "number_of_block": header.height,
            "timeStamp": header.time.to_string(),
            "time_unix_ms": header.time.unix_ms(),
            "author": self.receipt.author,
            "blocks": verified.blocks,
            "work": verified.work.to_string(),
            "tip": verified.proven.hash,
            "height": verified.proven.header.height,
            "tip_time_unix_ms": verified.proven.header.time.unix_ms(),
            "total_work": verified.proven.total_work().to_string(),
            "network": network.name(),
            "network_id": network.id(),
            "built_in": self.is_built_in(),
            "assumed": self.assumptions(),
        })
    }

    /// Returns the verdict for people.
    fn words(&self) -> String {
        let (message, header, verified) = (&self.receipt.message, &self.receipt.header, &self.verified);
        let mut rows = vec![("sealed", self.sealed()), ("signed by", message.sender().to_string())];
        if !message.recipient().is_empty() {
            rows.push(("written to", table::one_line(message.recipient())));
        }
        rows.extend([
            ("message", verified.id.to_string()),
            ("at the latest", header.time.to_string()),
            ("in block", format!("{}, {}", header.height, verified.block)),
            ("mined by", who(&self.receipt.author, message.sender())),
            ("protected by", protection(verified)),
            (
                "whole chain",
                format!("{} blocks, {}", verified.proven.header.height, hashes(verified.proven.total_work())),
            ),
            ("network", self.network()),
        ]);
        let assumed: Vec<_> = self.assumptions().iter().map(|text| format!("- {text}\n")).collect();
        format!(
            "VALID\n{}\n\n{}\n\nThis holds if\n{}",
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
    fn assumptions(&self) -> Vec<String> {
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
        let others = [
            "no chain of this network has more work and lacks this block: a node knows (`plexus status` shows the total work of \
             its chain)"
                .to_owned(),
            "nobody works against the honest miners with much of their power: at a third of it, each attempt to forge a chain gets \
             past this check with a probability of about 2^-41, at half of it 2^-18"
                .to_owned(),
            format!(
                "the clock of the miner of block {height} was right: that the text was there at that time is its word. The rules \
                 only want the time later than that of the block below, and nodes refuse blocks over a minute ahead of their \
                 clocks. When the text was written is its sender's word alone"
            ),
        ];
        network.into_iter().chain(others).collect()
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
    format!("{blocks}: {}, {} at 10^9 a second", hashes(verified.work), duration(verified.work))
}

fn hashes(work: Work) -> String {
    let power = work.hashes().checked_ilog2().unwrap_or(0);
    format!("{work} hashes (2^{power})")
}

/// Returns roughly the time that it takes to do the work again at [`RATE`].
fn duration(work: Work) -> String {
    const YEAR: u128 = 365 * 86_400;
    let seconds = work.hashes() / RATE;
    if seconds > 1_000_000 * YEAR {
        return "over a million years".to_owned();
    }
    for (unit, length) in
        [("years", YEAR), ("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1)]
    {
        if seconds >= 2 * length {
            return format!("{} {unit}", seconds / length);
        }
    }
    "under two seconds".to_owned()
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
    fn work_is_told_in_hashes_and_in_time() {
        let time = |hashes| duration(Work::from_hashes(hashes));
        assert_eq!(time(255), "under two seconds");
        assert_eq!(time(3 * RATE), "3 seconds");
        assert_eq!(time(7_200 * RATE), "2 hours");
        assert_eq!(time(400 * 365 * 86_400 * RATE), "400 years");
        assert_eq!(time(u128::MAX), "over a million years");
        assert_eq!(hashes(Work::from_hashes(510)), "510 hashes (2^8)");
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
