#!/usr/bin/env python3
"""Verifies a proof file, in either form, without any code of the node.

Exit status: 0 it shows the printed facts, 1 it is invalid or is not about the given file or network, 2 wrong use.
"""

import argparse
import hashlib
import json
import sys
from contextlib import nullcontext

from plexus_reference import receipt


def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies a proof file.")
    parser.add_argument("proof", metavar="PROOF_FILE", help="the proof file, or - for standard input")
    parser.add_argument("--file", metavar="DOCUMENT", help="the file that the message has to seal")
    parser.add_argument("--network-id", metavar="ID", help="the network that it has to be of, 64 hex digits")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args()
    try:
        source = nullcontext(sys.stdin.buffer) if options.proof == "-" else open(options.proof, "rb")
        with source as stream:
            data = stream.read(receipt.FORM_BYTES_MAX + 1)
        digest = sha256_of(options.file) if options.file else None
    except OSError as error:
        print(f"verify_proof: {error}", file=sys.stderr)
        return 2
    try:
        shown = receipt.read(data)
        verified = receipt.verify(shown)
        if options.network_id and options.network_id != shown.network.id.hex():
            raise receipt.ReceiptError(f"the network is {shown.network.id.hex()}")
        if digest and digest not in receipt.SEAL.findall(shown.message.text):
            raise receipt.ReceiptError(f"the message does not seal {options.file}")
    except receipt.INVALID as error:
        print(f"verify_proof: {error}", file=sys.stderr)
        return 1
    fields = summary(shown, verified)
    if options.json:
        print(json.dumps(fields, indent=2))
    else:
        for name, value in fields.items():
            print(f"{name.replace('_', ' '):<13} {value!a}")
    return 0


def sha256_of(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def summary(shown: receipt.Receipt, verified: receipt.Verified) -> dict:
    """Returns the facts that the file shows. Numbers that can be large are decimal text."""
    return {
        "network": shown.network.name,
        "network_id": shown.network.id.hex(),
        "id": verified.id.hex(),
        "sender": shown.message.sender.hex(),
        "recipient": shown.message.recipient,
        "text": shown.message.text,
        "block": shown.header.hash.hex(),
        "height": shown.header.height,
        "time_unix_ms": shown.header.time,
        "blocks": verified.blocks,
        "work": str(verified.work),
        "tip": verified.proven.header.hash.hex(),
        "total_work": str(verified.proven.total_work),
    }


if __name__ == "__main__":
    sys.exit(main())
