"""Names of files that can be recorded and read again: those that are UTF-8."""

import os
from pathlib import Path

from .errors import InputError


def check_path(path: str | Path) -> None:
    """Refuse a name that is not UTF-8 on the disk: run.json could not hold it, and Parquet's
    readers would not find it.

    Raises InputError, with what can't be shown as \\xNN.
    """
    text = str(path)
    try:
        if text.encode() == os.fsencode(text):
            return
    except UnicodeEncodeError:
        pass  # half of a surrogate pair, as a byte that is not UTF-8 becomes
    shown = text.encode("utf-8", "surrogateescape" if _escaped(text) else "backslashreplace")
    name = shown.decode("utf-8", "backslashreplace")
    raise InputError(f"the name {name} is not UTF-8; rename it, or name another")


def _escaped(text: str) -> bool:
    """Whether its surrogates all stand for bytes of a name."""
    return all("\udc80" <= c <= "\udcff" for c in text if "\ud800" <= c <= "\udfff")
