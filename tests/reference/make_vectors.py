#!/usr/bin/env python3
"""Writes a folder of test-vector files as this implementation computes them.

Comparing them with the files of another implementation tests both. The output is the same at every run.
"""

import argparse
import json
from pathlib import Path

from plexus_reference import sample


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes test-vector files.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to write; made when it is missing")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in sample.documents().items():
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
