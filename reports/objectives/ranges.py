"""What the values of a part of an objective are never beyond: a share is from 0 to 1, and what is
counted or measured is not below 0.

Arithmetic is that of intervals (R. Moore, "Interval Analysis", Prentice-Hall 1966).
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from headrace.jobs import OF_SAMPLES, Aggregate, Binary, Name, Node, Number, Unary, value_type

from ..scores import AS_EXPECTED, is_share, score_names
from .figure_names import FIGURES

# Figures that may be below 0; all others count, or measure, something.
OF_ANY_SIGN = {"balance_difference"}
SHARES = {"error_rate", "attempt_error_rate", "goodput_share", "scored_share", AS_EXPECTED}


class Range(NamedTuple):
    """What values are never beyond."""

    low: float
    high: float

    @property
    def is_point(self) -> bool:
        return self.low == self.high


ANY = Range(-math.inf, math.inf)
SHARE = Range(0, 1)
AMOUNT = Range(0, math.inf)

# The range of a part of an expression, and that of a name in it.
RangeOf = Callable[[Node], Range]
NameRange = Callable[[str], Range]


def score_ranges(directory: Path) -> dict[str, Range]:
    """The scores that a run has, each with what it is never beyond: the scorers of headrace say 0
    to 1, a function of the user's and a judge may say anything."""
    return {name: SHARE if is_share(directory, name) else ANY for name in score_names(directory)}


def figure_range(scores: Mapping[str, Range]) -> RangeOf:
    """Ranges of figures of a run, and of functions over its rows.

    Args:
        scores: the range of each score that the run has.
    """
    rows = row_range(scores)

    def of(node: Node) -> Range:
        return _of_rows(node, rows) if isinstance(node, Aggregate) else _range(node, _figure, of)

    return of


def row_range(scores: Mapping[str, Range]) -> RangeOf:
    """Ranges of columns, row by row."""
    columns = {"expected": ANY, AS_EXPECTED: SHARE, **scores}

    def of(node: Node) -> Range:
        return _range(node, lambda name: columns.get(name, AMOUNT), of)

    return of


def _figure(name: str) -> Range:
    if name in SHARES:
        return SHARE
    known = name in FIGURES and name not in OF_ANY_SIGN and not FIGURES[name].is_text
    return AMOUNT if known else ANY


def _range(node: Node, named: NameRange, of: RangeOf) -> Range:
    match node:
        case Number(amount=amount):
            return Range(float(amount), float(amount))
        case Name(name=name):
            return named(name)
        case Unary(operator="-", operand=operand):
            low, high = of(operand)
            return Range(-high, -low)
        case Binary(operator=sign, left=left, right=right):
            return _computed(sign, of(left), of(right))
    return ANY


def _of_rows(node: Aggregate, rows: RangeOf) -> Range:
    if node.function in OF_SAMPLES and node.function != "majority":
        return SHARE
    if node.argument is None or node.function == "count":
        return AMOUNT
    values = SHARE if value_type(node.argument) == "truth" else rows(node.argument)
    if node.function in ("sum", "rate"):
        return AMOUNT if values.low >= 0 else ANY
    return values


def _computed(sign: str, a: Range, b: Range) -> Range:
    match sign:
        case "+":
            return Range(a.low + b.low, a.high + b.high)
        case "-":
            return Range(a.low - b.high, a.high - b.low)
        case "*":
            ends = [_times(x, y) for x in a for y in b]
            return Range(min(ends), max(ends))
        case "/" if b.low > 0 or b.high < 0:
            ends = [_times(x, 1 / y) for x in a for y in b]
            return Range(min(ends), max(ends))
        case "/" if a.low >= 0 and b.low >= 0:
            return AMOUNT
    return ANY


def _times(x: float, y: float) -> float:
    """A product in which nothing times infinity is nothing."""
    return 0.0 if x == 0 or y == 0 else x * y
