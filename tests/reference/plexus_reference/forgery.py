"""Forged chain proofs and proof files: each breaks one rule of chain proofs, and would be valid without it.

A forger inserts headers without work at positions where no sampled point falls. It mines another tip, which
yields other points, until no point falls there.
"""

from collections.abc import Callable
from dataclasses import replace

from . import key, merkle, mining, pow, proof, receipt
from .block import VERSION, Block, Header
from .codec import u64
from .hashing import sha256, tagged_hash
from .history import MountainRange, Record
from .message import Message
from .network import Network
from .proof import TAIL_BLOCKS, Prover

SPACING_MS = 15_000
# A sampled chain is longer than two tails.
HONEST_BLOCKS = 600
TRIES_MAX = 200


class Forger:
    """A chain of headers, honest or not, without known bodies."""

    def __init__(self, network: Network):
        self.network = network
        self.prover, self.history = Prover(network), MountainRange()
        self.history.append(self.prover.leaves[0])

    @property
    def height(self) -> int:
        return len(self.prover.blocks) - 1

    def draft(self, elapsed: int, bits: int | None, body_root: bytes, extra: int) -> Header:
        """Returns a header on the tip that keeps all rules but has no work. `bits` replaces the bits that follow."""
        before = self.prover.blocks[-1][0]
        time = before.time + elapsed
        bits = proof.next_bits(self.network, self.height + 1, self.prover.leaves[-1], time) if bits is None else bits
        content_root = tagged_hash("plexus/content", self.history.root() + body_root + u64(extra))
        return Header(before.hash, content_root, VERSION, self.height + 1, time, bits, 0)

    def put(self, header: Header, body_root: bytes, extra: int, leaf: Record | None = None) -> None:
        """Appends a header. `leaf` replaces its record in the mountain range."""
        self.prover.append(header, body_root, extra)
        if leaf:
            self.prover.leaves[-1] = leaf
        self.history.append(self.prover.leaves[-1])

    def mine(self, elapsed: int = SPACING_MS, extra: int = 0) -> None:
        body_root = sha256(b"body %d" % self.height)
        self.put(mining.search(self.draft(elapsed, None, body_root, extra)), body_root, extra)

    def invent(self, *, bits: int | None = None, leaf_bits: int | None = None, leaf_work: int | None = None) -> None:
        """Appends a header without work, and lets its leaf claim other bits and other work."""
        header = self.draft(SPACING_MS, bits, bytes(32), 0)
        work = pow.work(pow.expand(header.bits)) if leaf_work is None else leaf_work
        leaf = Record(header.hash, work, header.time, leaf_bits or header.bits)
        self.put(header, bytes(32), 0, leaf)

    def prove(self, broken: str | None, tail: int | None = None) -> bytes:
        """Mines the tip until its proof is refused only for the reason `broken`, or accepted if that is None.

        Returns that proof.
        """
        block, leaf, history = self.prover.blocks.pop(), self.prover.leaves.pop(), None
        for extra in range(TRIES_MAX):
            history = MountainRange()
            for record in self.prover.leaves:
                history.append(record)
            self.history = history
            self.mine(block[0].time - self.prover.blocks[-1][0].time, extra)
            encoded = self.prover.prove(tail)
            refused = refusal(lambda: proof.verify(self.network, encoded))
            if not refused if broken is None else refused and refused.startswith(broken):
                return encoded
            self.prover.blocks.pop()
            self.prover.leaves.pop()
        raise AssertionError(f"no proof of {leaf} is refused for {broken!r}")


def refusal(verify: Callable[[], object]) -> str:
    """Returns the reason why something is refused, or nothing if it is accepted."""
    try:
        verify()
    except receipt.INVALID as error:
        return str(error)
    return ""


def proofs(network: Network) -> dict[str, bytes]:
    """Returns a forged proof of an easy network for each rule that it breaks."""
    return {
        "difficulty that rises too fast": _raised(network)[0].prove("difficulty rises too fast"),
        "a node with too little work": _too_little_work(network),
        "a leaf whose bits do not follow": _fallen(network),
        "a tail that begins at an even height": _even_tail(network),
    }


def constant(network: Network) -> dict[str, bytes]:
    """Returns forged proofs of a network whose bits never change."""
    forged = {}
    for title, change in (("bits", {"leaf_bits": 0x2001_0000}), ("work", {"leaf_work": 3})):
        forger = _honest(network, HONEST_BLOCKS)
        forger.invent()
        forger.invent(**change)
        _finish(forger)
        forged[f"constant {title} that change"] = forger.prove("no headers of constant bits")
    return forged


def receipt_of(network: Network, secret: bytes) -> receipt.Receipt:
    """Returns a forged proof file: one mined block with a message. Invented headers raised its claimed work."""
    forger, at, block = _raised(network, secret)
    return _receipt_of(forger, at, block, "difficulty rises too fast")


def paths(network: Network, secret: bytes) -> dict[str, receipt.Receipt]:
    """Returns a forged proof file for each rule about a block's path. The chain proof in each is valid.

    The node over the block and its sibling keeps the rules. Only the block or the sibling breaks one.
    """
    easy = network.limit_bits

    def harder(forger: Forger) -> None:
        bits = pow.compact(pow.expand(forger.prover.leaves[-1].bits) * 99 // 100)
        forger.invent(leaf_bits=bits, leaf_work=pow.work(pow.expand(bits)))

    def lighter(forger: Forger) -> None:
        forger.invent(leaf_work=pow.work(pow.expand(forger.prover.leaves[-1].bits)) - 1)

    return {
        "a block easier than its place": _below_a_node(network, secret, Forger.invent, bits=easy),
        "a sibling whose bits do not follow": _below_a_node(network, secret, harder),
        "a sibling with too little work": _below_a_node(network, secret, lighter),
        "a block above another header": _below_a_node(network, secret, None, prev_hash=sha256(b"another")),
    }


def _below_a_node(
    network: Network, secret: bytes, right: Callable[[Forger], None] | None, **wrong: int | bytes
) -> receipt.Receipt:
    """Returns a proof file of a block with a header that `right` puts above it, or else with an honest one below it."""
    forger = Forger(network)
    _raise_honestly(forger)
    while forger.height % 4 != (3 if right else 2):
        forger.mine()
    at, block = forger.height + 1, _put_block(forger, secret, **wrong)
    if right:
        right(forger)
    _finish(forger)
    return _receipt_of(forger, at, block, None)


def _receipt_of(forger: Forger, at: int, block: Block, broken: str | None) -> receipt.Receipt:
    chain = forger.prove(broken)
    message = block.messages[0]
    return receipt.Receipt(
        forger.network,
        message,
        0,
        1,
        merkle.path([merkle.leaf(message.encode())], 0),
        block.header,
        block.extra,
        block.author,
        block.signature,
        forger.prover.path(at),
        chain,
    )


def _honest(network: Network, height: int) -> Forger:
    forger = Forger(network)
    while forger.height < height - 1:
        forger.mine()
    return forger


def _raise_honestly(forger: Forger) -> None:
    """Mines blocks that come fast at first, up to an odd height."""
    while forger.height < 30:
        forger.mine(1_000)
    while forger.height < HONEST_BLOCKS - 1:
        forger.mine()


def _finish(forger: Forger) -> None:
    """Mines an easy tail, so that the tip's height requires a tail of the usual length."""
    first = (forger.height + 1) | 1
    while forger.height < first + TAIL_BLOCKS - 1:
        forger.mine()


def _raised(network: Network, secret: bytes | None = None) -> tuple[Forger, int, Block | None]:
    """Two invented headers that end with hard bits, a mined header that counts much, and easy ones on top."""
    forger, block = _honest(network, HONEST_BLOCKS), None
    forger.invent()
    forger.invent(leaf_bits=0x1F07_FFFF)
    at = forger.height + 1
    if secret:
        block = _put_block(forger, secret)
    else:
        forger.mine()
    forger.invent(bits=network.limit_bits)
    _finish(forger)
    return forger, at, block


def _put_block(forger: Forger, secret: bytes, **wrong: int | bytes) -> Block:
    """Mines a block with a message. Keyword arguments replace correct fields of its header."""
    network, history_root = forger.network, forger.history.root()
    header = replace(forger.draft(SPACING_MS, None, bytes(32), 0), **wrong)
    message = Message.write(network.id, secret, "bob", "Forged", header.time, stamp=0)
    block = Block(header, 0, key.public_of(secret), bytes(64), (message,))
    block = replace(block, signature=key.sign(secret, block.author_digest(network.id, history_root)))
    header = mining.search(replace(header, content_root=block.content_root(history_root)))
    forger.put(header, block.body_root(), 0)
    return replace(block, header=header)


def _too_little_work(network: Network) -> bytes:
    """Headers with hard bits that claim the work of easy ones."""
    forger = Forger(network)
    _raise_honestly(forger)
    easy = pow.work(pow.expand(network.limit_bits))
    forger.invent(leaf_work=easy)
    forger.invent(leaf_work=easy)
    _finish(forger)
    return forger.prove("too little work")


def _fallen(network: Network) -> bytes:
    """An invented header lets the difficulty fall to the limit at once."""
    forger = Forger(network)
    _raise_honestly(forger)
    forger.invent(bits=network.limit_bits)
    _finish(forger)
    return forger.prove("the bits at height")


def _even_tail(network: Network) -> bytes:
    """An honest chain. Its proof has a tail that is one header too short."""
    forger = _honest(network, 2 * TAIL_BLOCKS + 2)
    while (forger.height - TAIL_BLOCKS) % 2 == 0:
        forger.mine()
    return forger.prove("", TAIL_BLOCKS)
