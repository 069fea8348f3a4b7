"""Keys of TOML files, which may be written with - or with _."""

from collections.abc import Collection, Mapping
from typing import Any


class KeyTwiceError(ValueError):
    """A table has one key in both spellings: which of the two holds, nobody could tell."""


def snake_keys(table: Mapping[str, Any], known: Collection[str] | None = None) -> dict[str, Any]:
    """A table with its keys as the code spells them: `base-url` is `base_url`.

    Args:
        table: as it was read.
        known: the keys that may be so written; None is any. Others stay as they are.

    Raises:
        KeyTwiceError: for one key in both spellings; the message begins with it.
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        snake = str(key).replace("-", "_")
        name = snake if known is None or snake in known else key
        if name in found:
            raise KeyTwiceError(f"{name} is there twice, with - and with _; keep one")
        found[name] = value
    return found
