"""Values against figures from outside this project, or against a simpler model."""

import hashlib
import json
import unittest
from dataclasses import replace
from pathlib import Path

from plexus_reference import history, key, merkle, pow, sample
from plexus_reference.block import Block
from plexus_reference.codec import U128_MAX, DecodeError
from plexus_reference.hashing import sha256, tagged_hash
from plexus_reference.history import MountainRange, Record
from plexus_reference.message import Message
from plexus_reference.network import DEV, PLEXUS, Network, NetworkError


class Hashing(unittest.TestCase):
    def test_tagged_hash_follows_its_definition(self):
        tag = hashlib.sha256(b"plexus/leaf").digest()
        self.assertEqual(tagged_hash("plexus/leaf", b"data"), hashlib.sha256(tag + tag + b"data").digest())


WYCHEPROOF = Path(__file__).parents[3] / "core" / "tests" / "standards" / "wycheproof.json"


class Keys(unittest.TestCase):
    def test_signatures_are_valid_as_wycheproof_says_unless_their_s_is_high(self):
        accepted = 0
        for case in json.loads(WYCHEPROOF.read_text())["tests"]:
            signature, text = bytes.fromhex(case["signature"]), bytes.fromhex(case["text"])
            low = len(signature) == 64 and int.from_bytes(signature[32:], "big") <= key.GROUP_ORDER // 2
            with self.subTest(case["id"], comment=case["comment"]):
                verified = key.verify(bytes.fromhex(case["key"]), hashlib.sha256(text).digest(), signature)
                self.assertEqual(verified, case["valid"] and low)
                accepted += verified
        self.assertGreater(accepted, 50)

    def test_a_sum_at_infinity_is_no_signature(self):
        # The digest is chosen so that the two products of a verification cancel out.
        secret, r = (7).to_bytes(32, "big"), 5
        digest = (-r * 7 % key.GROUP_ORDER).to_bytes(32, "big")
        signature = r.to_bytes(32, "big") + (1).to_bytes(32, "big")
        self.assertFalse(key.verify(key.public_of(secret), digest, signature))

    def test_seed_is_the_one_of_bip_39(self):
        # Every BIP 39 tool shows this seed for zero entropy and no passphrase.
        self.assertEqual(
            key.seed_of("abandon " * 23 + "art").hex(),
            "408b285c123836004f4b8842c89324c1f01382450c0d439af345ba7fc49acf70"
            "5489c6fc77dbd4e3dc1dd8cc6bc9f043db8ada1e243c4a0eafb290d399480840",
        )

    def test_derivation_is_the_one_of_bip_32(self):
        # Test vector 1 of BIP 32, chains m/0' and m/0'/1.
        seed = bytes(range(16))
        first = key.secret_of(seed, (key.HARDENED,))
        second = key.secret_of(seed, (key.HARDENED, 1))
        self.assertEqual(first.hex(), "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea")
        self.assertEqual(second.hex(), "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368")

    def test_signatures_are_deterministic(self):
        # A widely published RFC 6979 example for secp256k1: secret 1, SHA-256 of "Satoshi Nakamoto".
        signature = key.sign((1).to_bytes(32, "big"), sha256(b"Satoshi Nakamoto"))
        self.assertEqual(
            signature.hex(),
            "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
            "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
        )

    def test_only_the_low_of_two_signatures_verifies(self):
        digest = sha256(b"digest")
        signature = key.sign(sample.ALICE, digest)
        high = signature[:32] + (key.GROUP_ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
        public = key.public_of(sample.ALICE)
        self.assertTrue(key.verify(public, digest, signature))
        self.assertFalse(key.verify(public, digest, high))

    def test_refuses_keys_that_are_none(self):
        digest = sha256(b"digest")
        signature = key.sign(sample.ALICE, digest)
        x = key.public_of(sample.ALICE)[1:]
        # The point with x = 1 exists, so x = p + 1 would be its second name.
        for public in (b"\x04" + x, b"\x00" + x, bytes(33), b"\x02" + (key.FIELD_PRIME + 1).to_bytes(32, "big")):
            self.assertFalse(key.verify(public, digest, signature))


class ProofOfWork(unittest.TestCase):
    def test_bits_are_those_of_bitcoin(self):
        self.assertEqual(pow.expand(0x1D00FFFF), 0xFFFF << 208)
        self.assertEqual(pow.work(pow.expand(0x1D00FFFF)), 4295032833)
        self.assertEqual(pow.compact(0x12345678), 0x04123456)
        self.assertEqual(pow.compact(0x80), 0x02008000)

    def test_only_canonical_bits_expand(self):
        for bits in (0, 0x01003456, 0x01010001, 0x04800000, 0x20000001, 0x21010000, 0x22000100):
            with self.subTest(bits=pow.bits_text(bits)), self.assertRaises(pow.BitsError):
                pow.expand(bits)

    def test_compact_and_expand_are_inverse(self):
        for size in range(256):
            bits = pow.compact((1 << size) + (1 << size) // 3)
            self.assertEqual(pow.compact(pow.expand(bits)), bits)

    def test_work_saturates(self):
        self.assertEqual(pow.work(1), U128_MAX)
        self.assertEqual(pow.work(2**256 - 1), 1)

    def test_the_factor_is_close_to_a_power_of_two(self):
        for fraction in range(0, 65536, 97):
            exact = 65536 * 2 ** (fraction / 65536)
            self.assertAlmostEqual(pow.power_of_two_factor(fraction) / exact, 1, delta=0.0002)

    def test_difficulty_follows_the_lag(self):
        parent = replace(PLEXUS.genesis.header, bits=0x1A123456, height=1_000)
        target = pow.expand(parent.bits)

        def after(ms):
            return pow.expand(PLEXUS.next_bits(parent, parent.time + ms))

        self.assertEqual(after(15_000), target)
        self.assertEqual(after(615_000), 2 * target)
        self.assertEqual(after(10**12), pow.expand(PLEXUS.limit_bits))
        self.assertLess(after(1), target)

    def test_the_half_life_grows_with_the_height(self):
        heights = (0, 1, 71, 72, 79, 80, 319, 320, 2**64 - 1)
        half_lives = [pow.half_life_at(15_000, 600_000, height) for height in heights]
        self.assertEqual(half_lives, [120_000] * 3 + [135_000] * 2 + [150_000, 585_000, 600_000, 600_000])
        self.assertEqual(pow.half_life_at(15_000, 119_999, 1), 119_999)
        young = replace(PLEXUS.genesis.header, bits=0x1A123456)
        self.assertEqual(pow.expand(PLEXUS.next_bits(young, young.time + 135_000)), 2 * pow.expand(young.bits))

    def test_extreme_lags_end_at_the_limits(self):
        fast = replace(PLEXUS, half_life_ms=1, spacing_ms=2**53 - 1)
        parent = PLEXUS.genesis.header
        self.assertEqual(fast.next_bits(parent, parent.time + 1), pow.compact(1))
        self.assertEqual(fast.next_bits(parent, 2**64 - 1), PLEXUS.limit_bits)

    def test_without_a_half_life_bits_stay(self):
        self.assertEqual(DEV.next_bits(DEV.genesis.header, 2**64 - 1), DEV.limit_bits)


class Trees(unittest.TestCase):
    def test_an_odd_node_moves_up(self):
        leaves = [merkle.leaf(bytes([i])) for i in range(3)]
        left = tagged_hash("plexus/node", leaves[0] + leaves[1])
        self.assertEqual(merkle.root(leaves), tagged_hash("plexus/node", left + leaves[2]))
        self.assertEqual(merkle.root(leaves[:1]), leaves[0])
        self.assertEqual(merkle.root([]), bytes(32))

    def test_the_mountain_range_agrees_with_a_recursive_model(self):
        leaves = [Record(sha256(bytes([i])), i, i, i) for i in range(40)]
        mountains = MountainRange()
        for count, leaf in enumerate(leaves, start=1):
            mountains.append(leaf)
            self.assertEqual(mountains.bagged(), model(leaves[:count]))
            self.assertEqual(len(mountains.peaks), count.bit_count())
            self.assertEqual(mountains.bagged().work, sum(range(count)))


def model(leaves: list[Record]) -> Record:
    """Splits off the largest power of two below the count: equivalent to peaks that are bagged from the right."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return history.parent(model(leaves[:split]), model(leaves[split:]))


class Encodings(unittest.TestCase):
    def test_every_strict_prefix_of_a_message_fails(self):
        encoded = Message.write(DEV.id, sample.ALICE, "Bob", "Hello", 1).encode()
        self.assertEqual(Message.decode(encoded).encode(), encoded)
        for size in range(len(encoded)):
            with self.assertRaises(DecodeError):
                Message.decode(encoded[:size])

    def test_every_strict_prefix_of_a_block_fails(self):
        _, encoded = sample.grow(DEV, 1)
        self.assertEqual(Block.decode(encoded[1], 10_000, 10).encode(), encoded[1])
        for size in range(len(encoded[1])):
            with self.assertRaises(DecodeError):
                Block.decode(encoded[1][:size], 10_000, 10)

    def test_a_network_survives_its_json(self):
        for network in (PLEXUS, DEV):
            self.assertEqual(Network.from_json(network.to_json()), network)

    def test_refuses_parameters_that_no_network_has(self):
        good = DEV.to_json()
        for wrong in (
            None,
            {},
            good | {"more": 1},
            good | {"name": "Dev"},
            good | {"name": ""},
            good | {"limit_bits": 0x20010000},
            good | {"limit_bits": "0x21000100"},
            good | {"genesis_time": -1},
            good | {"genesis_time": True},
            good | {"spacing_ms": 1.5},
            good | {"half_life_ms": 2**53},
            good | {"block_bytes_max": 2**32},
        ):
            with self.subTest(wrong), self.assertRaises(NetworkError):
                Network.from_json(wrong)
