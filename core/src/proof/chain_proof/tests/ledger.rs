//! A chain in memory, honest or not, that proofs are made of.

use core::convert::Infallible;

use crate::mining::search::grind;
use crate::primitives::block::{Header, VERSION, content_root};
use crate::primitives::hash::Hash;
use crate::primitives::mmr::{Mmr, MmrNode, Position};
use crate::primitives::params::{Network, Parameters};
use crate::primitives::pow::{Bits, Target};
use crate::primitives::time::Timestamp;
use crate::proof::chain_proof::{Opened, ProofSource};

/// A network with this limit, whose blocks are due each 15 s, and whose difficulty moves with `half_life_ms`.
pub(crate) fn network(limit_bits: u32, half_life_ms: u64) -> Network {
    let parameters = Parameters {
        name: "proof".to_owned(),
        genesis_time: Timestamp::from_unix_ms(1_767_225_600_000),
        spacing_ms: 15_000,
        half_life_ms,
        limit_bits: Bits::from_u32(limit_bits),
        block_bytes_max: 1 << 20,
        block_messages_max: 4_096,
    };
    Network::new(parameters).unwrap()
}

/// A chain of whatever was put upon it.
#[derive(Clone)]
pub(crate) struct Ledger {
    pub(crate) network: Network,
    /// By height; the first stands for genesis.
    opened: Vec<Opened>,
    /// The range's nodes, by level.
    levels: Vec<Vec<MmrNode>>,
    /// Before each header, and after the last.
    histories: Vec<Mmr>,
}

impl Ledger {
    pub(super) fn new(network: Network) -> Self {
        let genesis = Opened { header: *network.genesis(), body_root: Hash::ZERO, extra: 0 };
        let mut ledger = Self { network, opened: Vec::new(), levels: Vec::new(), histories: Vec::new() };
        ledger.histories.push(Mmr::default());
        ledger.put(genesis);
        ledger
    }

    /// An honest chain up to `height`, its blocks 1 s to 31 s apart, faster at first.
    pub(crate) fn honest(network: Network, height: u64) -> Self {
        let mut ledger = Self::new(network);
        while ledger.height() < height {
            ledger.mine(ledger.pace());
        }
        ledger
    }

    /// Returns the time until the next block, which varies with the tip's hash. The first twenty come at a sixth of the interval.
    pub(super) fn pace(&self) -> u64 {
        let chance = u64::from(self.tip().header.hash().as_bytes()[31]) * 100;
        if self.height() < 20 { 1 + chance / 5 } else { 2_250 + chance }
    }

    pub(super) fn height(&self) -> u64 {
        self.opened.len() as u64 - 1
    }

    pub(super) fn tip(&self) -> &Opened {
        self.opened.last().unwrap()
    }

    pub(crate) fn at(&self, height: u64) -> &Opened {
        &self.opened[usize::try_from(height).unwrap()]
    }

    /// The history of the first `leaves` headers.
    pub(crate) fn history(&self, leaves: u64) -> &Mmr {
        &self.histories[usize::try_from(leaves).unwrap()]
    }

    /// A header on the tip as the rules want it, but for its nonce.
    pub(super) fn draft(&self, elapsed_ms: u64, salt: u64) -> Opened {
        let (parent, extra) = (self.tip().header, salt % 200);
        let time = parent.time.plus_ms(elapsed_ms);
        let body_root = Hash::of(&(self.height() << 32 | salt).to_be_bytes());
        let header = Header {
            prev_hash: parent.hash(),
            content_root: content_root(&self.history(self.height() + 1).root(), &body_root, extra),
            version: VERSION,
            height: parent.height + 1,
            time,
            bits: self.network.next_bits(&parent, time),
            nonce: 0,
        };
        Opened { header, body_root, extra }
    }

    /// A header on the tip whose bits follow as if the tip had `parent_bits`, mined.
    pub(super) fn mine_as_if_after(&mut self, parent_bits: Bits, elapsed_ms: u64, salt: u64) {
        let mut opened = self.draft(elapsed_ms, salt);
        let as_if = Header { bits: parent_bits, ..self.tip().header };
        opened.header.bits = self.network.next_bits(&as_if, opened.header.time);
        self.put(mined(opened));
    }

    /// A header on the tip with these bits, that no work went into.
    pub(super) fn invent(&mut self, elapsed_ms: u64, bits: Bits) {
        let mut opened = self.draft(elapsed_ms, 0);
        opened.header.bits = bits;
        self.put(opened);
    }

    /// A valid block on the tip.
    pub(super) fn mine(&mut self, elapsed_ms: u64) {
        self.put(mined(self.draft(elapsed_ms, 0)));
    }

    /// A block like a valid one, but that no work went into.
    pub(super) fn fake(&mut self, elapsed_ms: u64) {
        let mut opened = self.draft(elapsed_ms, 0);
        while meets_its_target(&opened) {
            opened.header.nonce += 1;
        }
        self.put(opened);
    }

    /// Replaces the tip by one with another hash.
    pub(super) fn mine_tip_again(&mut self, salt: u64) {
        let header = self.tip().header;
        self.pop();
        let elapsed_ms = header.time.ms_since(self.tip().header.time);
        self.put(mined(self.draft(elapsed_ms, salt)));
    }

    /// Any header, as the next leaf.
    pub(super) fn put(&mut self, opened: Opened) {
        self.opened.push(opened);
        let leaf = opened.header.record(opened.header.hash());
        self.append(0, leaf);
    }

    /// Makes the node over the newest 2^level headers say something else; all that is mined afterwards commits to it.
    pub(super) fn forge_node(&mut self, level: u32, forge: impl FnOnce(&mut MmrNode)) {
        let below = self.opened.len() - (1 << level);
        let mut node = *self.levels[level as usize].last().unwrap();
        forge(&mut node);
        for (above, row) in self.levels.iter_mut().enumerate().skip(level as usize) {
            row.truncate(below >> above);
        }
        let history = self.history(below as u64).clone();
        self.histories.pop();
        self.append_to(&history, level, node);
    }

    fn append(&mut self, level: u32, node: MmrNode) {
        let history = self.histories.last().unwrap().clone();
        self.append_to(&history, level, node);
    }

    fn append_to(&mut self, history: &Mmr, level: u32, node: MmrNode) {
        self.histories.push(history.append_node(level, node).unwrap());
        let (mut level, mut node) = (level as usize, node);
        loop {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(node);
            match self.levels[level].as_slice() {
                [.., left, right] if self.levels[level].len().is_multiple_of(2) => {
                    node = MmrNode::parent(left, right);
                    level += 1;
                }
                _ => return,
            }
        }
    }

    fn pop(&mut self) {
        self.opened.pop();
        self.histories.pop();
        for (level, row) in self.levels.iter_mut().enumerate() {
            row.truncate(self.opened.len() >> level);
        }
    }
}

/// With a nonce that meets the header's target.
pub(super) fn mined(mut opened: Opened) -> Opened {
    opened.header.nonce = grind(&opened.header, 1 << 30).unwrap();
    opened
}

fn meets_its_target(opened: &Opened) -> bool {
    let hash = opened.header.hash();
    opened.header.bits.target().is_some_and(|target: Target| target.is_met_by(&hash))
}

impl ProofSource for Ledger {
    type Error = Infallible;

    fn node(&mut self, position: Position) -> Result<MmrNode, Infallible> {
        Ok(self.levels[position.level as usize][usize::try_from(position.index).unwrap()])
    }

    fn opened(&mut self, height: u64) -> Result<Opened, Infallible> {
        Ok(*self.at(height))
    }
}
