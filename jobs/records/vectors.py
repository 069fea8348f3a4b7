"""Vectors of answers as they are kept: 32-bit floats, little-endian, in the order of the inputs."""

import sys
from array import array
from collections.abc import Sequence
from typing import Any

FLOAT_BYTES = 4


def as_vector(floats: "array[float]") -> bytes:
    """An array of type "f" as its bytes."""
    if sys.byteorder == "big":  # pragma: no cover
        floats = array("f", floats)
        floats.byteswap()
    return floats.tobytes()


def floats_of(vector: bytes) -> "array[float]":
    """The floats of a vector, as an array of type "f"."""
    floats = array("f")
    floats.frombytes(vector)
    if sys.byteorder == "big":  # pragma: no cover
        floats.byteswap()
    return floats


def places_of(items: Sequence[Any]) -> list[int]:
    """Which of an answer's vectors each item of its `data` holds.

    Args:
        items: each may say its `index`, the number of its input.

    Returns:
        By item, the place of its vector in the order of the inputs; the item's own place where
        they don't say, or where two say the same.
    """
    indexes = [each.get("index") if isinstance(each, dict) else None for each in items]
    known = [each for each in indexes if type(each) is int]
    if len(set(known)) < len(items):
        return list(range(len(items)))
    rank = {index: place for place, index in enumerate(sorted(known))}
    return [rank[index] for index in known]
