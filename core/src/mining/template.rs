//! Templates: blocks that lack a nonce.

use std::sync::Arc;

use crate::primitives::block::{Block, Header, VERSION};
use crate::primitives::hash::Hash;
use crate::primitives::key::{PublicKey, SecretKey, Signature};
use crate::primitives::message::Message;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;
use crate::primitives::time::{Now, Timestamp};

/// A block, complete except for its nonce and extra, and the roots that form its content root.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) block: Block,
    pub(crate) history_root: Hash,
    pub(crate) body_root: Hash,
}

/// Creates a template on a parent.
pub(crate) fn template(
    network: &Network,
    parent: &Header,
    history: &Mmr,
    now: Now,
    author: &SecretKey,
    messages: Vec<Arc<Message>>,
) -> Template {
    let header = Header {
        prev_hash: parent.hash(),
        content_root: Hash::ZERO,
        version: VERSION,
        height: parent.height + 1,
        time: now.time,
        bits: parent.bits,
        nonce: 0,
    };
    let mut block =
        Block { header, extra: 0, author: PublicKey::NOBODY, signature: Signature::NONE, messages };
    let history_root = history.root();
    let body_root = block.seal(author, network.id(), &history_root);
    let mut template = Template { block, history_root, body_root };
    template.move_on(network, parent, now.time);
    template
}

impl Template {
    /// Updates the block's time, which may change its target. The signed fields do not change.
    pub(crate) fn move_on(&mut self, network: &Network, parent: &Header, time: Timestamp) {
        let header = &mut self.block.header;
        header.time = time.max(parent.time.plus_ms(1));
        header.bits = network.next_bits(parent, header.time);
    }
}
