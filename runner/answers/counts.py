"""Counts as services write them: whole numbers, whole floats, and texts of digits."""

from collections.abc import Mapping
from typing import Any

# Nobody uses more; it keeps every sum of tokens within the 64 bits that a table has for one.
LARGEST_COUNT = 2**53
DIGITS_MAX = 16
NOTHING: Mapping[str, Any] = {}


def count_of(value: Any) -> int | None:
    """The count, None for what is not one."""
    if type(value) is int:  # a bool is not a count: its type is another
        return value if 0 <= value <= LARGEST_COUNT else None
    if type(value) is float and value.is_integer():
        return count_of(int(value))
    if type(value) is str and len(value) <= DIGITS_MAX and value.isascii() and value.isdecimal():
        return count_of(int(value))
    return None


def most_of(*values: Any) -> int | None:
    """The largest of several counts of the same thing: a service may leave one of them at 0."""
    counts = [count for value in values if (count := count_of(value)) is not None]
    return max(counts, default=None)


def mapping_of(value: Any) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else NOTHING
