#!/usr/bin/env python3
"""Verifies a proof file, in either form, without any code of the node.

Exit status: 0 it shows the printed facts, 1 it is invalid, has too little work, or is not about the given file,
network or chain, 2 wrong use. The verdict says whether the chain was compared with anything.
"""

import argparse
import hashlib
import json
import re
import sys
import time
from contextlib import nullcontext

from plexus_reference import receipt, verdict


def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies a proof file.")
    parser.add_argument("proof", metavar="PROOF_FILE", help="the proof file, or - for standard input")
    parser.add_argument("--file", metavar="DOCUMENT", help="the file that the message has to seal")
    parser.add_argument("--network-id", metavar="ID", help="the network that it has to be of, 64 hex digits")
    parser.add_argument("--work", metavar="HASHES", type=hashes, help="the least total work: a number, or 2^N")
    parser.add_argument("--node", metavar="URL", help="a trusted node, whose chain must have the block")
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
        verdict.check_clock(verified, time.time_ns() // 10**6)
        in_chain = verdict.is_in_chain_of(options.node, shown) if options.node else None
    except (*receipt.INVALID, verdict.NodeError) as error:
        print(f"verify_proof: {error}", file=sys.stderr)
        return 1
    total_work = verified.proven.total_work
    reached = verdict.of(shown.network, total_work, options.work, in_chain)
    why = verdict.explain(reached, total_work)
    fields = {
        "verdict": reached,
        "valid": reached == verdict.VALID,
        "compared": reached != verdict.NOT_COMPARED,
        "reason": why,
        **summary(shown, verified),
    }
    if options.json:
        print(json.dumps(fields, indent=2))
    else:
        for name, value in fields.items():
            if value is None:
                continue
            print(f"{name.replace('_', ' '):<19} {value!a}")
    if reached in verdict.REFUSED:
        print(f"verify_proof: {reached}: {why}", file=sys.stderr)
        return 1
    return 0


def hashes(text: str) -> int:
    """Returns a number of hashes, written as a number or as a power of two."""
    number = 2 ** int(text[2:]) if re.fullmatch(r"2\^[0-9]{1,3}", text) else int(text)
    if not 0 <= number < 2**128:
        raise ValueError
    return number


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
        "parent_time_unix_ms": verified.parent_time,
        "work": str(verified.work),
        "blocks": verified.blocks,
        "tip": verified.proven.header.hash.hex(),
        "total_work": str(verified.proven.total_work),
        "solitary": verdict.is_solitary(shown.network, verified.proven.total_work, verified.proven.header.height),
    }


if __name__ == "__main__":
    sys.exit(main())
