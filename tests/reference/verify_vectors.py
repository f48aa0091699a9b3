#!/usr/bin/env python3
"""Checks a folder of test-vector files, without any code of the node.

Exit status: 0 all files are there and agree, 1 something differs, 2 wrong use.
"""

import argparse
import sys
from pathlib import Path

from plexus_reference import vectors


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks a folder of test-vector files.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder with the JSON files")
    folder = parser.parse_args().folder
    if not folder.is_dir():
        print(f"verify_vectors: {folder}: not a folder", file=sys.stderr)
        return 2
    present = {path.name for path in folder.glob("*.json")}
    failed = False
    for name in sorted(present | set(vectors.FILES)):
        if name in present:
            try:
                compared, wrong = vectors.check_file(folder / name)
            except OSError as error:
                compared, wrong = 0, [str(error)]
        else:
            compared, wrong = 0, ["missing"]
        print(f"{name}: " + (f"{len(wrong)} wrong" if wrong else f"{compared} values agree"))
        for line in wrong:
            print(f"  {line}")
        failed = failed or bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
