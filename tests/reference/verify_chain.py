#!/usr/bin/env python3
"""Verifies an exported chain from genesis to tip, without any code of the node.

Exit status: 0 the chain is valid, 1 a block breaks a rule, 2 wrong use or not an exported chain.
"""

import argparse
import json
import sys
import time
from contextlib import nullcontext

from plexus_reference import export
from plexus_reference.export import ExportError, Verdict


def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies an exported chain from genesis to tip.")
    parser.add_argument("file", metavar="EXPORT_FILE", help="the exported chain, or - for standard input")
    parser.add_argument("--now", metavar="MS", type=milliseconds, help="unix milliseconds; default: the system clock")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args()
    now = time.time_ns() // 1_000_000 if options.now is None else options.now
    try:
        source = nullcontext(sys.stdin.buffer) if options.file == "-" else open(options.file, "rb")
        with source as stream:
            verdict = export.verify(stream, now)
    except (OSError, ExportError) as error:
        print(f"verify_chain: {options.file}: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(summary(verdict), indent=2))
    else:
        print_text(verdict)
    return 1 if verdict.failures else 0


def milliseconds(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def summary(verdict: Verdict) -> dict:
    """Returns the known facts of the chain below the first failure. Numbers that can be large are decimal text."""
    chain = verdict.chain
    return {
        "valid": not verdict.failures,
        "network": chain.network.name,
        "network_id": chain.network.id.hex(),
        "height": chain.height,
        "tip": chain.tip.hash.hex(),
        "total_work": str(chain.total_work),
        "messages": chain.messages,
        "failures": [
            {"height": verdict.position, "rule": f.rule, "expected": f.expected, "found": f.found}
            for f in verdict.failures
        ],
    }


def print_text(verdict: Verdict) -> None:
    fields = summary(verdict)
    for failure in fields["failures"]:
        print("block {height}: {rule}: expected {expected}, found {found}".format(**failure))
    if verdict.failures:
        print("invalid; below the first failure:")
    for name in ("network", "network_id", "height", "tip", "total_work", "messages"):
        print(f"{name.replace('_', ' '):<11} {fields[name]}")


if __name__ == "__main__":
    sys.exit(main())
