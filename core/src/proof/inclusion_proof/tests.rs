use core::convert::Infallible;
use std::sync::Arc;

use super::*;
use crate::ledger::validation::RuleError;
use crate::mining::search::grind;
use crate::primitives::block;
use crate::primitives::key::SecretKey;
use crate::primitives::message::Draft;
use crate::primitives::mmr::{self, Mmr, Position};
use crate::primitives::pow::{Bits, Work};
use crate::primitives::time::Timestamp;
use crate::proof::chain_proof::{self, Opened, ProofError, ProofSource, check_path};

/// An honest chain with messages.
struct MessageLedger {
    network: Network,
    blocks: Vec<Block>,
    leaves: Vec<MmrNode>,
    history: Mmr,
}

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32]).unwrap()
}

fn network(limit_bits: u32) -> Network {
    let limit_bits = Bits::from_u32(limit_bits);
    let (name, half_life_ms) = ("receipt".to_owned(), 600_000);
    Network::new(Parameters { name, half_life_ms, limit_bits, ..Network::dev().parameters().clone() })
        .unwrap()
}

impl MessageLedger {
    fn new(network: Network) -> Self {
        let leaf = network.genesis().record(*network.id());
        let history = Mmr::default().append(leaf);
        Self { blocks: vec![network.genesis_block()], leaves: vec![leaf], history, network }
    }

    /// Creates a chain with `messages` messages in its block at `at`, and a tip at height `tip`.
    fn with(messages: usize, at: u64, tip: u64) -> Self {
        let mut ledger = Self::new(network(0x207f_ffff));
        for height in 1..=tip {
            ledger.mine(if height == at { messages } else { usize::from(height % 50 == 0) });
        }
        ledger
    }

    fn tip(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    fn at(&self, height: u64) -> &Block {
        &self.blocks[usize::try_from(height).unwrap()]
    }

    fn message(&self, number: usize, time: Timestamp) -> Message {
        let secret = secret(u8::try_from(number % 3).unwrap() + 1);
        let text = format!("message {number} of {}", self.tip() + 1);
        let draft = Draft::new(secret.public(), "bob", text, time).unwrap();
        draft.sign(&secret, self.network.id(), number as u64)
    }

    fn draft(&self, messages: usize) -> Block {
        let parent = self.blocks.last().unwrap().header;
        let time = parent.time.plus_ms(if parent.height.is_multiple_of(3) { 1_000 } else { 20_000 });
        let header = Header {
            prev_hash: parent.hash(),
            content_root: Hash::ZERO,
            version: block::VERSION,
            height: parent.height + 1,
            time,
            bits: self.network.next_bits(&parent, time),
            nonce: 0,
        };
        let messages = (0..messages).map(|number| Arc::new(self.message(number, header.time))).collect();
        Block { header, extra: 300, author: PublicKey::NOBODY, signature: Signature::NONE, messages }
    }

    fn mine(&mut self, messages: usize) {
        let mut block = self.draft(messages);
        block.seal(&secret(9), self.network.id(), &self.history.root());
        self.put(block);
    }

    /// Adds any block on the tip, with a nonce that meets its target.
    fn put(&mut self, mut block: Block) {
        block.header.nonce = grind(&block.header, 1 << 20).unwrap();
        let leaf = block.header.record(block.header.hash());
        self.history = self.history.append(leaf);
        self.leaves.push(leaf);
        self.blocks.push(block);
    }

    fn receipt(&mut self, height: u64, index: usize) -> Receipt {
        let (network, tip) = (self.network.clone(), self.tip());
        let path = mmr::siblings(tip + 1, height).map(|position| self.node(position).unwrap()).collect();
        let chain = chain_proof::prove(&network, tip, self).unwrap();
        Receipt::new(&network, self.at(height), index, path, chain).unwrap()
    }
}

impl ProofSource for MessageLedger {
    type Error = Infallible;

    fn node(&mut self, position: Position) -> Result<MmrNode, Infallible> {
        let Some(level) = position.level.checked_sub(1) else {
            return Ok(self.leaves[usize::try_from(position.index).unwrap()]);
        };
        let mut child = |side| self.node(Position { level, index: 2 * position.index + side });
        Ok(MmrNode::parent(&child(0)?, &child(1)?))
    }

    fn opened(&mut self, height: u64) -> Result<Opened, Infallible> {
        let block = self.at(height);
        let body_root = block.body_root(&block.messages_root());
        Ok(Opened { header: block.header, body_root, extra: block.extra })
    }
}

fn verdict(bytes: &[u8]) -> Result<Verified, ReceiptError> {
    Receipt::decode(bytes)?.verify()
}

#[test]
fn every_message_of_every_block_is_shown_with_the_work_on_and_above_it() {
    for tip in [1, 2, 3, 8, 13] {
        let mut ledger = MessageLedger::with(5, (tip / 2).max(1), tip);
        let mut before = Work::ZERO;
        for height in 1..=tip {
            for index in 0..ledger.at(height).messages.len() {
                let receipt = ledger.receipt(height, index);
                let bytes = receipt.encode();
                assert_eq!(Receipt::decode(&bytes).as_ref(), Ok(&receipt));
                let verified = receipt.verify().unwrap();
                let header = &ledger.at(height).header;
                assert_eq!(verified.id, ledger.at(height).messages[index].id(ledger.network.id()));
                assert_eq!((verified.block, verified.blocks), (header.hash(), tip - height + 1));
                assert_eq!(verified.parent_time, ledger.at(height - 1).header.time);
                let total = ledger.history.work().hashes();
                assert_eq!(verified.work.hashes(), total - before.hashes());
                assert_eq!(verified.proven.history, ledger.history);
            }
            before = before.plus(ledger.at(height).header.work());
        }
    }
}

#[test]
fn a_long_chain_and_a_full_tree_fit_in_a_receipt() {
    let mut ledger = MessageLedger::with(300, 700, 1_500);
    for (height, index) in [(700, 0), (700, 255), (700, 299), (50, 0), (1_500, 0)] {
        let receipt = ledger.receipt(height, index);
        let verified = verdict(&receipt.encode()).unwrap();
        assert_eq!((verified.blocks, verified.proven.header.height), (1_500 - height + 1, 1_500));
        assert_eq!(Receipt::try_from(&Form::new(&receipt)), Ok(receipt.clone()));
        let head = receipt.encode().len() - receipt.chain.len();
        assert!(head < 3_000, "{head} bytes");
    }
    let most = Receipt { siblings: vec![Hash::ZERO; SIBLINGS_MAX], ..ledger.receipt(700, 0) };
    let record = most.header.record(Hash::ZERO);
    let most = Receipt { path: vec![record; PATH_MAX], chain: Vec::new(), ..most };
    assert!(most.encode().len() + crate::primitives::message::MESSAGE_BYTES_MAX < HEAD_BYTES_MAX);
}

#[test]
fn no_byte_may_be_another() {
    let mut ledger = MessageLedger::with(3, 2, 5);
    let bytes = ledger.receipt(2, 1).encode();
    verdict(&bytes).unwrap();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            assert!(verdict(&changed).is_err(), "byte {at} with {flip:#x}");
        }
    }
}

#[test]
fn no_prefix_is_a_receipt_and_nothing_may_follow() {
    let mut ledger = MessageLedger::with(3, 2, 5);
    let bytes = ledger.receipt(2, 1).encode();
    for end in 0..bytes.len() {
        let error = verdict(&bytes[..end]).unwrap_err();
        let named = matches!(
            error,
            ReceiptError::Layout(DecodeError::Short { .. })
                | ReceiptError::Chain(ProofError::Layout(DecodeError::Short { .. }))
        );
        assert!(named, "{end}: {error}");
    }
    let trailing = ReceiptError::Chain(ProofError::Layout(DecodeError::Trailing { count: 1 }));
    assert_eq!(verdict(&[&bytes[..], &[0]].concat()), Err(trailing));
    let found = RECEIPT_BYTES_MAX + 1;
    assert_eq!(verdict(&vec![0; found]), Err(ReceiptError::Size { found }));
}

#[test]
fn what_is_wrong_is_named() {
    let mut ledger = MessageLedger::with(3, 2, 6);
    let receipt = ledger.receipt(2, 1);
    let verdict = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = receipt.clone();
        change(&mut receipt);
        receipt.verify().unwrap_err()
    };
    let rule = |error: ReceiptError| {
        let ReceiptError::Rule(error) = error else { panic!("{error}") };
        error
    };
    let other = ledger.at(2).messages[0].as_ref().clone();
    let stranger = ledger.message(1, Timestamp::from_unix_ms(1));
    // The content root commits to this message only, and to this stamp.
    assert!(matches!(rule(verdict(&|r| r.message = other.clone())), RuleError::Content { .. }));
    assert!(matches!(rule(verdict(&|r| r.message = stranger.clone())), RuleError::MessageTime { .. }));
    let spoilt = Draft::new(*other.sender(), "bob", other.text(), other.time()).unwrap();
    let spoilt = Message::from_parts(spoilt, 0, Signature::NONE);
    assert!(matches!(
        rule(verdict(&|r| r.message = spoilt.clone())),
        RuleError::MessageSignature { index: 1, .. }
    ));
    assert!(matches!(rule(verdict(&|r| r.index = 0)), RuleError::Content { .. }));
    assert_eq!(verdict(&|r| r.index = 3), ReceiptError::Place { index: 3, count: 3 });
    assert_eq!(verdict(&|r| r.index = 2), ReceiptError::Siblings { expected: 1, found: 2 });
    assert_eq!(verdict(&|r| r.siblings.truncate(1)), ReceiptError::Siblings { expected: 2, found: 1 });
    assert!(matches!(rule(verdict(&|r| r.count = 4)), RuleError::Content { .. }));
    assert_eq!(rule(verdict(&|r| r.header.version = 1)), RuleError::Version { found: 1 });
    assert!(matches!(
        rule(verdict(&|r| r.header.bits = Bits::from_u32(0x2100_ffff))),
        RuleError::Bits { .. }
    ));
    let hard = Bits::from_u32(0x0301_0000);
    assert!(matches!(rule(verdict(&|r| r.header.bits = hard)), RuleError::ProofOfWork { .. }));
    assert!(matches!(rule(verdict(&|r| r.extra += 1)), RuleError::Content { .. }));
    assert!(matches!(rule(verdict(&|r| r.author = secret(1).public())), RuleError::Content { .. }));
    assert_eq!(verdict(&|r| r.path.truncate(1)), ReceiptError::Path { expected: 2, found: 1 });
    assert!(matches!(verdict(&|r| r.path[0].work = Work::from_hashes(9)), ReceiptError::Peak { .. }));
    assert!(matches!(verdict(&|r| r.path.swap(0, 1)), ReceiptError::Peak { .. }));
    assert!(matches!(verdict(&|r| r.chain.truncate(100)), ReceiptError::Chain(ProofError::Layout(_))));
    let dev = Network::dev();
    assert!(matches!(rule(verdict(&|r| r.network = dev.clone())), RuleError::MessageSignature { .. }));
}

#[test]
fn an_unsigned_or_foreign_block_shows_nothing() {
    let mut ledger = MessageLedger::with(0, 1, 3);
    // Everything is committed to except the author's signature.
    let mut block = ledger.draft(1);
    block.seal(&secret(9), ledger.network.id(), &Hash::ZERO);
    let body_root = block.body_root(&block.messages_root());
    block.header.content_root = block::content_root(&ledger.history.root(), &body_root, block.extra);
    ledger.put(block);
    ledger.mine(0);
    let error = ledger.receipt(4, 0).verify().unwrap_err();
    assert!(matches!(error, ReceiptError::Rule(RuleError::AuthorSignature { .. })), "{error}");
    // It is above the proven tip.
    let mut ledger = MessageLedger::with(1, 3, 3);
    let low = ledger.receipt(3, 0);
    let short = MessageLedger::with(0, 0, 2).receipt_chain();
    let error = Receipt { chain: short, ..low.clone() }.verify().unwrap_err();
    assert_eq!(error, ReceiptError::Height { tip: 2, found: 3 });
    // A chain of other blocks.
    let other = MessageLedger::with(2, 3, 3).receipt_chain();
    let error = Receipt { chain: other, ..low }.verify().unwrap_err();
    assert!(matches!(error, ReceiptError::Peak { .. }), "{error}");
}

impl MessageLedger {
    fn receipt_chain(&mut self) -> Vec<u8> {
        let (network, tip) = (self.network.clone(), self.tip());
        chain_proof::prove(&network, tip, self).unwrap()
    }
}

#[test]
fn a_block_that_is_easier_than_its_place_shows_nothing() {
    // The first 40 blocks come fast, so that the limit is far too easy for the next one.
    let mut ledger = MessageLedger::new(network(0x207f_ffff));
    for _ in 0..41 {
        let mut block = ledger.draft(0);
        block.header.time = ledger.blocks.last().unwrap().header.time.plus_ms(1_000);
        let parent = ledger.blocks.last().unwrap().header;
        block.header.bits = ledger.network.next_bits(&parent, block.header.time);
        block.seal(&secret(9), ledger.network.id(), &ledger.history.root());
        ledger.put(block);
    }
    let mut block = ledger.draft(1);
    block.header.bits = Bits::from_u32(0x207f_ffff);
    block.seal(&secret(9), ledger.network.id(), &ledger.history.root());
    ledger.put(block);
    let receipt = ledger.receipt(42, 0);
    let below = ledger.history.below(42, &receipt.path).unwrap();
    let verdict = check_path(&ledger.network, &below, &receipt.header, receipt.header.hash(), &receipt.path);
    assert!(matches!(verdict, Err(ProofError::LeafBits { height: 42, .. })), "{verdict:?}");
}

#[test]
fn a_chain_ahead_of_the_clock_is_refused_in_words_that_name_the_cause_once() {
    let mut ledger = MessageLedger::with(3, 2, 5);
    let verified = ledger.receipt(2, 1).verify().unwrap();
    let tip = verified.proven.header.time;
    assert_eq!(verified.check_clock(tip.minus_ms(60_000)), Ok(()));
    let local = tip.minus_ms(60_001);
    assert_eq!(verified.check_clock(local), Err(ReceiptError::Ahead { local, found: tip }));
    // A cause in the text is not also a source, which callers print after it.
    let broken = ledger.receipt(2, 1);
    let error = Receipt { chain: vec![1; 200], ..broken }.verify().unwrap_err();
    assert!(matches!(error, ReceiptError::Chain(_)) && error.to_string().starts_with("chain proof: "));
    assert!(core::error::Error::source(&error).is_none());
}

#[test]
fn bytes_of_something_else_are_told_so() {
    let mut bytes = MessageLedger::with(1, 1, 1).receipt(1, 0).encode();
    for found in [1, 3] {
        bytes[7] = found;
        let error = Receipt::decode(&bytes).unwrap_err();
        assert_eq!(error, ReceiptError::Version { found: found.into() });
        assert!(error.to_string().contains("nothing is converted"), "{error}");
    }
    bytes[5] = b'x';
    let error = Receipt::decode(&bytes).unwrap_err();
    assert_eq!(error, ReceiptError::Magic { found: *b"plexux" });
    assert!(error.to_string().contains("found \"plexux\""), "{error}");
}

#[test]
fn a_form_says_what_the_bytes_say_in_one_way_only() {
    let receipt = MessageLedger::with(3, 2, 5).receipt(2, 1);
    let form = Form::new(&receipt);
    let json = serde_json::to_string(&form).unwrap();
    let again: Form = serde_json::from_str(&json).unwrap();
    assert_eq!(again, form);
    assert_eq!(Receipt::try_from(&again).as_ref(), Ok(&receipt));
    let error = |change: &dyn Fn(&mut Form)| {
        let mut form = form.clone();
        change(&mut form);
        Receipt::try_from(&form).unwrap_err()
    };
    let named = |error: ReceiptError, field: &str| {
        let named =
            matches!(&error, ReceiptError::Form(FormError::Field { field: found, .. }) if *found == field);
        assert!(named, "{field}: {error}");
    };
    named(error(&|f| f.block.nonce.insert(0, '0')), "nonce");
    named(error(&|f| f.block.extra.insert(0, '+')), "extra");
    named(error(&|f| f.block.bits = "0x2100FFFF".to_owned()), "bits");
    named(error(&|f| f.message.sender.make_ascii_uppercase()), "message sender");
    named(error(&|f| f.siblings[0].clear()), "sibling");
    named(error(&|f| f.path[1].work = "-1".to_owned()), "path work");
    named(error(&|f| f.chain.make_ascii_uppercase()), "chain");
    named(error(&|f| f.chain.truncate(3)), "chain");
    assert_eq!(error(&|f| f.version = 1), ReceiptError::Version { found: 1 });
    assert_eq!(error(&|f| f.index = 3), ReceiptError::Place { index: 3, count: 3 });
    assert_eq!(error(&|f| f.siblings.clear()), ReceiptError::Siblings { expected: 2, found: 0 });
    assert!(matches!(error(&|f| f.message.text.clear()), ReceiptError::Form(FormError::Draft(_))));
    assert!(matches!(error(&|f| f.network.spacing_ms = 0), ReceiptError::Network(_)));
    let record = form.path[0].clone();
    let long = error(&|f| f.path = vec![record.clone(); PATH_MAX + 1]);
    assert!(matches!(long, ReceiptError::Layout(DecodeError::Size { .. })), "{long}");
    let more = json.replacen("\"version\"", "\"more\":1,\"version\"", 1);
    assert!(serde_json::from_str::<Form>(&more).is_err());
}

#[test]
fn no_value_of_a_form_may_be_another() {
    use serde_json::Value;
    /// Returns every way to change one value: a number by one, a text by one letter, a list by one
    /// entry.
    fn changes(value: &Value) -> Vec<Value> {
        match value {
            Value::Number(number) => vec![(number.as_u64().unwrap() ^ 1).into()],
            Value::String(text) => {
                let change = |(at, letter): (usize, char)| {
                    let other = if letter == '1' { "2" } else { "1" };
                    let mut text = text.clone();
                    text.replace_range(at..at + letter.len_utf8(), other);
                    Value::String(text)
                };
                text.char_indices().map(change).chain([format!("{text}0").into()]).collect()
            }
            Value::Array(items) => {
                let inside = items.iter().enumerate().flat_map(|(index, item)| {
                    changes(item).into_iter().map(move |item| {
                        let mut items = items.clone();
                        items[index] = item;
                        Value::Array(items)
                    })
                });
                let fewer = items.split_last().map(|(_, items)| Value::Array(items.to_vec()));
                let more =
                    items.last().map(|item| Value::Array([items, std::slice::from_ref(item)].concat()));
                inside.chain(fewer).chain(more).collect()
            }
            Value::Object(fields) => {
                let change = |(name, value): (&String, &Value)| {
                    let changed = |value| {
                        let mut fields = fields.clone();
                        fields.insert(name.clone(), value);
                        Value::Object(fields)
                    };
                    let mut without = fields.clone();
                    without.remove(name);
                    let changed = changes(value).into_iter().map(changed);
                    changed.chain([Value::Object(without)]).collect::<Vec<_>>()
                };
                fields.iter().flat_map(change).collect()
            }
            Value::Null | Value::Bool(_) => unreachable!("no form has one"),
        }
    }
    let form = serde_json::to_value(Form::new(&MessageLedger::with(3, 2, 2).receipt(2, 1))).unwrap();
    let all = changes(&form);
    assert!(all.len() > 1_000);
    for changed in all {
        let receipt = serde_json::from_value::<Form>(changed.clone()).ok();
        let verified = receipt.is_some_and(|form| Receipt::try_from(&form).is_ok_and(|r| r.verify().is_ok()));
        assert!(!verified, "{changed}");
    }
}
