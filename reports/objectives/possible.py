"""Whether an objective could be met by any run at all: `mean(exact) >= 70` can't, 70 % can.

Each figure has a range that its values are never beyond, arithmetic is that of intervals (R. Moore,
"Interval Analysis", Prentice-Hall 1966), and a comparison that holds nowhere in both ranges never
holds. What is not known to be impossible is possible.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from headrace.jobs import (
    OF_SAMPLES,
    Aggregate,
    Binary,
    Expression,
    Name,
    Node,
    Number,
    Text,
    Unary,
    format_expression,
    value_type,
)

from ..row_conditions import refuse_word
from ..scores import AS_EXPECTED, is_share, score_names
from .figure_names import FIGURES

# Figures that may be below 0; all others count, or measure, something.
OF_ANY_SIGN = {"balance_difference"}
SHARES = {"error_rate", "attempt_error_rate", "goodput_share", "scored_share", AS_EXPECTED}


class Range(NamedTuple):
    """What values are never beyond."""

    low: float
    high: float


ANY = Range(-math.inf, math.inf)
SHARE = Range(0, 1)
AMOUNT = Range(0, math.inf)


def score_ranges(directory: Path) -> dict[str, Range]:
    """The scores that a run has, each with what it is never beyond: the scorers of headrace say 0
    to 1, a function of the user's and a judge may say anything."""
    return {name: SHARE if is_share(directory, name) else ANY for name in score_names(directory)}


def check_possible(expression: Expression, scores: Mapping[str, Range]) -> None:
    """Refuse an objective that no run could meet.

    Args:
        expression: the objective, whose names all have a meaning.
        scores: the range of each score that the runs have.

    Raises:
        ExpressionError: at the comparison that could never be true.
    """
    never = _never(expression, expression.root, scores)
    if never is not None:
        raise expression.mistake(never, _said(never, scores))


def _never(expression: Expression, node: Node, scores: Mapping[str, Range]) -> Node | None:
    """The comparison for which a condition could never be true; None where it could."""
    match node:
        case Binary(operator="and", left=left, right=right):
            found = _never(expression, left, scores)
            return found if found is not None else _never(expression, right, scores)
        case Binary(operator="or", left=left, right=right):
            found = _never(expression, left, scores)
            return None if found is None or _never(expression, right, scores) is None else found
        case Binary(left=left, right=right) if value_type(node) == "truth":
            _check_words(expression, left, right)
            impossible = _impossible(node.operator, _range(left, scores), _range(right, scores))
            return node if impossible else None
    return None


def _check_words(expression: Expression, left: Node, right: Node) -> None:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Name) and isinstance(other, Text) and one.name in FIGURES:
            refuse_word(expression, other, FIGURES[one.name].words)


def _impossible(sign: str, a: Range, b: Range) -> bool:
    match sign:
        case "<":
            return a.low >= b.high
        case "<=":
            return a.low > b.high
        case ">":
            return a.high <= b.low
        case ">=":
            return a.high < b.low
        case "==":
            return a.high < b.low or a.low > b.high
        case _:
            return False


def _range(node: Node, scores: Mapping[str, Range]) -> Range:
    match node:
        case Number(amount=amount):
            return Range(float(amount), float(amount))
        case Name(name=name) if name in SHARES:
            return SHARE
        case Name(name=name) if name in FIGURES and name not in OF_ANY_SIGN:
            return ANY if FIGURES[name].is_text else AMOUNT
        case Aggregate():
            return _of_rows(node, scores)
        case Unary(operator="-", operand=operand):
            low, high = _range(operand, scores)
            return Range(-high, -low)
        case Binary(operator=sign, left=left, right=right):
            return _computed(sign, _range(left, scores), _range(right, scores))
    return ANY


def _of_rows(node: Aggregate, scores: Mapping[str, Range]) -> Range:
    argument = node.argument
    if node.function in OF_SAMPLES and node.function != "majority":
        return SHARE
    if argument is None or node.function == "count":
        return AMOUNT
    if value_type(argument) == "truth":
        values = SHARE
    elif isinstance(argument, Name):
        scores = {**scores, AS_EXPECTED: SHARE}
        values = scores.get(argument.name, ANY if argument.name == "expected" else AMOUNT)
    else:
        values = ANY
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


def _said(node: Node, scores: Mapping[str, Range]) -> str:
    assert isinstance(node, Binary)
    said = "this could never be true"
    for side, other in ((node.left, node.right), (node.right, node.left)):
        low, high = _range(side, scores)
        if isinstance(side, Number) or low == high:
            continue
        said += f": {format_expression(side)} is "
        if math.isfinite(high):
            said += f"from {low:g} to {high:g}"
            if isinstance(other, Number) and other.unit is None and 1 < other.value <= 100:
                said += f"; write {other.value:f}%"
        else:
            said += f"never below {low:g}"
        break
    return said
