"""Makes the example's table, offline: what this machine says of its errors, as tickets.

python tickets.py tickets.csv
"""

import csv
import errno
import os
import sys
from http import HTTPStatus
from pathlib import Path


def main(path: Path) -> None:
    """Write the table: id, subject and body; some bodies are empty, as in real tables."""
    rows = [("id", "subject", "body")]
    rows += [(f"os-{n}", name, os.strerror(n)) for n, name in sorted(errno.errorcode.items())]
    rows += [(f"http-{each.value}", each.phrase, each.description) for each in HTTPStatus]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
