"""Keys and signatures on secp256k1.

The group arithmetic comes from the package `ecdsa`. This module adds the restrictions of the protocol.
"""

import hashlib
import hmac
import unicodedata
from functools import lru_cache

from ecdsa import BadSignatureError, SECP256k1, SigningKey, VerifyingKey
from ecdsa.errors import MalformedPointError
from ecdsa.util import sigdecode_string, sigencode_string_canonize

PUBLIC_KEY_SIZE = 33
SIGNATURE_SIZE = 64
GROUP_ORDER = SECP256k1.order
FIELD_PRIME = SECP256k1.curve.p()
HARDENED = 2**31
DERIVATION_PATH = (HARDENED + 44, HARDENED + 8333, HARDENED + 0, 0, 0)

# A few senders usually write most messages, and decompressing a point costs a square root.
# The bound keeps a chain full of one-time keys from filling memory.
KEYS_CACHED_MAX = 4096


class BadKeyError(Exception):
    """Bytes that name no point of the curve, or no secret number."""


def verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Returns true if `signature` is a signature by `public` over the digest, with low s only."""
    return signature_fault(public, digest, signature) is None


def signature_fault(public: bytes, digest: bytes, signature: bytes) -> str | None:
    """Returns the fault of a signature in words, or None if it is valid."""
    try:
        key = _verifying_key(public)
    except BadKeyError as error:
        return str(error)
    if len(signature) != SIGNATURE_SIZE:
        return "a signature of another length"
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not 1 <= r < GROUP_ORDER or not 1 <= s < GROUP_ORDER:
        return "a signature out of range"
    if s > GROUP_ORDER // 2:
        return "a signature with a high s"
    try:
        key.verify_digest(signature, digest, sigdecode=sigdecode_string)
    except (BadSignatureError, TypeError):
        # The package raises a TypeError where the sum of its two products is the point at infinity.
        return "a signature that does not verify"
    return None


def public_of(secret: bytes) -> bytes:
    """Returns the compressed public key."""
    return _signing_key(secret).get_verifying_key().to_string("compressed")


def sign(secret: bytes, digest: bytes) -> bytes:
    """Returns r ‖ s with the nonce of RFC 6979 and a low s."""
    return _signing_key(secret).sign_digest_deterministic(
        digest, hashfunc=hashlib.sha256, sigencode=sigencode_string_canonize
    )


def seed_of(phrase: str) -> bytes:
    """Returns the seed of BIP 39 with the empty passphrase. The words themselves are not checked."""
    password = unicodedata.normalize("NFKD", phrase).encode()
    return hashlib.pbkdf2_hmac("sha512", password, b"mnemonic", 2048)


def secret_of(seed: bytes, path: tuple[int, ...] = DERIVATION_PATH) -> bytes:
    """Returns the private key of BIP 32 at a path, by default the protocol's."""
    secret, chain_code = _split(hmac.digest(b"Bitcoin seed", seed, "sha512"))
    for index in path:
        parent = b"\0" + _secret_bytes(secret) if index >= HARDENED else public_of(_secret_bytes(secret))
        tweak, chain_code = _split(hmac.digest(chain_code, parent + index.to_bytes(4, "big"), "sha512"))
        # BIP 32 skips such an index. It is so rare that refusing the seed is enough.
        if tweak >= GROUP_ORDER or (secret + tweak) % GROUP_ORDER == 0:
            raise BadKeyError("a seed without a key at this path")
        secret = (secret + tweak) % GROUP_ORDER
    return _secret_bytes(secret)


@lru_cache(KEYS_CACHED_MAX)
def _verifying_key(public: bytes) -> VerifyingKey:
    # The package also reads other forms of a point. The protocol has exactly one for each key, so the
    # properties that it needs are checked here, whatever the package's version does.
    if len(public) != PUBLIC_KEY_SIZE or public[0] not in (2, 3):
        raise BadKeyError("a key that is not in the compressed form")
    if int.from_bytes(public[1:], "big") >= FIELD_PRIME:
        raise BadKeyError("a key with a coordinate out of range")
    try:
        return VerifyingKey.from_string(public, curve=SECP256k1, valid_encodings=("compressed",))
    except MalformedPointError:
        raise BadKeyError("a key that is not on the curve") from None


@lru_cache(64)
def _signing_key(secret: bytes) -> SigningKey:
    try:
        return SigningKey.from_string(secret, curve=SECP256k1)
    except (MalformedPointError, AssertionError):
        raise BadKeyError("a secret out of range") from None


def _split(digest: bytes) -> tuple[int, bytes]:
    return int.from_bytes(digest[:32], "big"), digest[32:]


def _secret_bytes(secret: int) -> bytes:
    return secret.to_bytes(32, "big")
