"""Standard input kept as a file, since a table is read more than once."""

import os
import sys
from pathlib import Path

from ..errors import InputError

READ_BYTES = 2**20
PRIVATE = 0o600


def spool(path: Path) -> None:
    """Copy standard input to a file that its owner alone can read; an old one is replaced.

    Raises:
        InputError: standard input is closed.
        OSError: the file can't be written.
    """
    if sys.stdin is None:
        raise InputError("cannot read standard input: it is closed")
    beside = path.with_name(path.name + ".partial")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
    with open(descriptor, "wb") as file:
        while block := sys.stdin.buffer.read(READ_BYTES):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
