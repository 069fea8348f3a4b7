"""Figures as intervals: arithmetic is that of intervals (R. Moore, "Interval Analysis",
Prentice-Hall 1966), and a comparison is true or false only where it is so for all of both."""

import math
from typing import NamedTuple

from .figure_names import UnknownError

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


class Bounds(NamedTuple):
    """A figure as it came out, and between what it is with the confidence that was asked for."""

    low: float
    value: float
    high: float

    @property
    def exact(self) -> bool:
        return self.low == self.high


def exactly(value: float) -> Bounds:
    return Bounds(value, value, value)


def negated(a: Bounds) -> Bounds:
    return Bounds(-a.high, -a.value, -a.low)


def scaled(a: Bounds, factor: float) -> Bounds:
    """Bounds times a number; nothing times infinity is nothing."""
    return computed("*", a, exactly(factor))


def computed(sign: str, a: Bounds, b: Bounds) -> Bounds:
    """Arithmetic on two figures that may be anything within their bounds.

    Raises UnknownError for a division by zero.
    """
    match sign:
        case "+":
            return Bounds(a.low + b.low, a.value + b.value, a.high + b.high)
        case "-":
            return Bounds(a.low - b.high, a.value - b.value, a.high - b.low)
        case "*":
            ends = [_times(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
            return Bounds(min(ends), a.value * b.value, max(ends))
        case _:
            if b.low <= 0 <= b.high:
                if b.value == 0:
                    raise UnknownError("there is a division by zero")
                return Bounds(-math.inf, a.value / b.value, math.inf)
            ends = [_times(x, 1 / y) for x in (a.low, a.high) for y in (b.low, b.high)]
            return Bounds(min(ends), a.value / b.value, max(ends))


def _times(x: float, y: float) -> float:
    return 0.0 if x == 0 or y == 0 else x * y


def compared(sign: str, a: Bounds, b: Bounds) -> bool | None:
    """Whether a comparison holds for all of both bounds, for nothing of them, or (None) for some.

    Args:
        sign: `<`, `<=`, `>`, `>=`, `==` or `!=`.
        a: its left side.
        b: its right side.
    """
    match sign:
        case "<":
            return True if a.high < b.low else False if a.low >= b.high else None
        case "<=":
            return True if a.high <= b.low else False if a.low > b.high else None
        case ">":
            return compared("<", b, a)
        case ">=":
            return compared("<=", b, a)
        case "==":
            if a.low == a.high == b.low == b.high:
                return True
            return False if a.high < b.low or b.high < a.low else None
        case _:
            same = compared("==", a, b)
            return None if same is None else not same
