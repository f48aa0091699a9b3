"""Makes blocks for networks that are easy to mine, for tests and vectors only.

`mine` can set any single field wrong and still does the work, because only a block that obeys all other
rules tests a rule.
"""

from collections.abc import Sequence
from dataclasses import replace

from . import key, pow
from .block import VERSION, Block, Header
from .chain import Chain
from .message import Message


def mine(
    chain: Chain,
    secret: bytes,
    time: int,
    messages: Sequence[Message] = (),
    *,
    extra: int = 0,
    prev_hash: bytes | None = None,
    height: int | None = None,
    version: int = VERSION,
    bits: int | None = None,
    content_root: bytes | None = None,
    signature: bytes | None = None,
    author: bytes | None = None,
) -> Block:
    """Returns a block on the tip of `chain`. Keyword arguments replace the correct values."""
    network_id, history_root = chain.network.id, chain.history.root()
    header = Header(
        chain.tip.hash if prev_hash is None else prev_hash,
        bytes(32),
        version,
        chain.height + 1 if height is None else height,
        time,
        chain.network.next_bits(chain.tip, time) if bits is None else bits,
        0,
    )
    block = Block(header, extra, author or key.public_of(secret), bytes(64), tuple(messages))
    if signature is None:
        signature = key.sign(secret, block.author_digest(network_id, history_root))
    block = replace(block, signature=signature)
    root = block.content_root(history_root) if content_root is None else content_root
    return replace(block, header=search(replace(header, content_root=root)))


def search(header: Header, meeting: bool = True) -> Header:
    """Returns the header with the first nonce that meets its target, or that misses it if so requested.

    Bits without a target leave the header as it is, since no nonce could help.
    """
    try:
        pow.expand(header.bits)
    except pow.BitsError:
        return header
    while header.meets_target() != meeting:
        header = replace(header, nonce=header.nonce + 1)
    return header
