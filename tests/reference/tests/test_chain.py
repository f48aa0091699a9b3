"""The rules, each kept and broken by blocks mined here."""

import unittest
from dataclasses import replace
from unittest import mock

from plexus_reference import mining, sample
from plexus_reference.block import Block
from plexus_reference.chain import MESSAGE_AHEAD_MAX_MS, MESSAGE_BEFORE_MAX_MS, Chain
from plexus_reference.message import Message
from plexus_reference.network import DEV

ALL_RULES = {
    "PreviousHashBlockError",
    "MissedBlock",
    "BlockNumber",
    "InvalidVersion",
    "TimeNotAfterParent",
    "TimeTooFarAhead",
    "InvalidBits",
    "InvalidBlockHash",
    "InvalidContentRoot",
    "InvalidSignature",
    "InvalidEncoding",
    "BlockTooLarge",
    "MessageTimeOutOfRange",
    "DuplicateMessage",
}


class Rules(unittest.TestCase):
    def test_each_rule_is_reported_when_it_alone_is_broken(self):
        for network in (DEV, sample.GARDEN):
            tip_chain, encoded = sample.grow(network, 4)
            alone = set()
            for title, now, block, expected in sample.candidates(tip_chain, encoded):
                with self.subTest(title, network=network.name):
                    chain = replay(network, encoded)
                    found = sorted({failure.rule for failure in chain.extend(block, now)})
                    self.assertEqual(found, sorted(expected))
                    self.assertEqual(chain.height, 4 if expected else 5)
                if len(expected) == 1:
                    alone.update(expected)
            # A gap can only be detected without the parent.
            self.assertEqual(alone, ALL_RULES - {"MissedBlock"})

    def test_a_block_may_fill_its_cap_but_not_exceed_it(self):
        _, encoded = sample.grow(DEV, 1)
        size = len(encoded[1])
        for cap, expected in ((size, []), (size - 1, ["BlockTooLarge"])):
            network = replace(DEV, block_bytes_max=cap)
            chain = Chain(network)
            time = chain.tip.time + 1137
            block = mining.mine(chain, sample.BOB, time, [note(network, time, "Note 0 of 1767225601137 ✓")])
            self.assertEqual(len(block.encode()), size)
            self.assertEqual([f.rule for f in chain.extend(block.encode(), time)], expected)

    def test_work_and_messages_add_up(self):
        chain, encoded = sample.grow(DEV, 5)
        blocks = [Block.decode(data, DEV.block_bytes_max, DEV.block_messages_max) for data in encoded]
        self.assertEqual(chain.total_work, 5 * 255)
        self.assertEqual(chain.messages, sum(len(block.messages) for block in blocks))

    def test_difficulty_moves(self):
        _, encoded = sample.grow(sample.GARDEN, 12)
        blocks = [Block.decode(data, DEV.block_bytes_max, DEV.block_messages_max) for data in encoded]
        self.assertGreater(len({block.header.bits for block in blocks}), 6)


class Repetition(unittest.TestCase):
    def test_the_longest_possible_repetition_is_found(self):
        # The message is as new as it can be in its first block and as old as it can be in the second.
        with mock.patch("plexus_reference.chain.IDS_KEPT_MIN", 1):
            chain = Chain(DEV)
            time = chain.tip.time + 1
            message = note(DEV, time + MESSAGE_AHEAD_MAX_MS, "again")
            extend(self, chain, time, [message])
            self.fill(chain, time + MESSAGE_BEFORE_MAX_MS // 2)
            last = message.time + MESSAGE_BEFORE_MAX_MS
            block = mining.mine(chain, sample.ALICE, last, [message])
            self.assertEqual([f.rule for f in chain.extend(block.encode(), last)], ["DuplicateMessage"])

    def test_ids_that_cannot_be_repeated_are_forgotten(self):
        with mock.patch("plexus_reference.chain.IDS_KEPT_MIN", 1):
            chain = Chain(DEV)
            for _ in range(7):
                self.fill(chain, chain.tip.time + MESSAGE_BEFORE_MAX_MS + 1)
                self.assertLessEqual(len(chain._recent_ids), 6)

    def fill(self, chain: Chain, time: int) -> None:
        extend(self, chain, time, [note(chain.network, time, f"note {i}") for i in range(3)])


def replay(network, encoded) -> Chain:
    chain = Chain(network)
    for data in encoded[1:]:
        assert not chain.extend(data, 2**64)
    return chain


def note(network, time, text) -> Message:
    return Message.write(network.id, sample.BOB, "reader 0", text, time)


def extend(test, chain, time, messages) -> None:
    test.assertEqual(chain.extend(mining.mine(chain, sample.ALICE, time, messages).encode(), time), [])
