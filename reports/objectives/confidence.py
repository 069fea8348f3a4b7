"""Conditions on a run, judged with the uncertainty of what they name: met, not met, or unclear.

Each figure is an interval that holds the truth with 95 %, arithmetic is that of intervals (R.
Moore, "Interval Analysis", Prentice-Hall 1966), and a comparison is true or false only where it is
so for all of both intervals; else it is unknown, and goes through and, or and not by Kleene's three
values.

Percentiles: by order statistics (`reports.load.intervals`). Means: the normal interval. Error
rates: E. Wilson's score interval, Journal of the American Statistical Association 22(158), 1927.
Every other figure is taken as exact.
"""

import math
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from headrace.jobs import (
    Aggregate,
    Binary,
    Expression,
    Name,
    Node,
    Number,
    Text,
    Unary,
    format_expression,
    parse_condition,
    walk_nodes,
)

from ..figures import Summary
from ..load import TAIL, TWO_SIDED, order_ranks
from ..run import Run
from .aggregate import values_of
from .evaluate import Figures
from .figure_names import FIGURES, UnknownError

Certainty = Literal["met", "not met", "unclear"]
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


class FigureInterval(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a condition, and its interval; an end is None where there are too few values.
    All None: the figure is not known."""

    figure: str
    value: float | None
    low: float | None
    high: float | None


class ConfidentJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """A condition, what can be said of it, whether it holds for the figures as they came out, and
    these figures."""

    certainty: Certainty
    met: bool
    figures: list[FigureInterval]


class _Bounds(NamedTuple):
    low: float
    value: float
    high: float


def judge_with_confidence(expression: Expression, run: Run, summary: Summary) -> ConfidentJudgement:
    """Judge a condition on a run. A figure that isn't known meets nothing, surely.

    Raises ExpressionError for a name that has no meaning.
    """
    judge = _Judge(expression, run, summary)
    try:
        truth, met = judge.truth(expression.root), judge.met(expression.root)
    except UnknownError:
        truth = met = False
    words: dict[bool | None, Certainty] = {True: "met", False: "not met", None: "unclear"}
    return ConfidentJudgement(certainty=words[truth], met=met, figures=list(judge.figures()))


def requests_needed(text: str) -> int:
    """How many answers it takes before a condition like this one can surely hold at all.

    The most that one of its parts needs: a percentile has an upper end from ln(2.5 %) / ln(share)
    answers on; an error rate is surely below c from z^2 (1 - c) / c answers without an error on.
    """
    needed = 1.0
    for node in walk_nodes(parse_condition(text, recorded=True).root):
        match node:
            case Aggregate(quantile=share) if share is not None and 0 < share < 1:
                needed = max(needed, math.log(TAIL) / math.log(max(share, 1 - share)))
            case Binary(left=Name(name="error_rate"), right=Number(amount=amount)):
                if (limit := float(amount)) > 0:
                    needed = max(needed, TWO_SIDED**2 * (1 - limit) / limit)
    return math.ceil(needed) + 1


class _Judge:
    def __init__(self, expression: Expression, run: Run, summary: Summary) -> None:
        self._expression, self._run, self._summary = expression, run, summary
        self._figures = Figures(run, summary)

    def met(self, node: Node) -> bool:
        return bool(self._figures.value(self._expression, node))

    def figures(self) -> "list[FigureInterval]":
        """Every figure that the condition names and that is a number, once."""
        named = {
            format_expression(node): node
            for node in walk_nodes(self._expression.root, into_aggregates=False)
            if isinstance(node, Name | Aggregate) and not _is_text(node)
        }
        return [self._weighed(text, node) for text, node in named.items()]

    def _weighed(self, text: str, node: Name | Aggregate) -> FigureInterval:
        try:
            low, value, high = self.bounds(node)
        except UnknownError:
            return FigureInterval(figure=text, value=None, low=None, high=None)
        return FigureInterval(figure=text, value=value, low=_finite(low), high=_finite(high))

    def truth(self, node: Node) -> bool | None:
        match node:
            case Unary(operator="not", operand=operand):
                inner = self.truth(operand)
                return None if inner is None else not inner
            case Binary(operator="and", left=left, right=right):
                both = (self.truth(left), self.truth(right))
                return False if False in both else None if None in both else True
            case Binary(operator="or", left=left, right=right):
                both = (self.truth(left), self.truth(right))
                return True if True in both else None if None in both else False
            case Binary(operator=sign, left=left, right=right) if sign in COMPARISONS:
                if _is_text(left) or _is_text(right):
                    return self.met(node)
                return _compared(sign, self.bounds(left), self.bounds(right))
            case _:
                return self.met(node)

    def bounds(self, node: Node) -> _Bounds:
        match node:
            case Unary(operand=operand):
                low, value, high = self.bounds(operand)
                return _Bounds(-high, -value, -low)
            case Binary(operator=sign, left=left, right=right):
                return _computed(sign, self.bounds(left), self.bounds(right))
            case Aggregate() if node.argument is not None:
                return self._of_rows(node)
            case Name(name="error_rate") if self._summary.load is not None:
                requests = self._summary.load.requests
                value = self._exact(node).value
                return _share(value, requests.answered + requests.failed)
            case _:
                return self._exact(node)

    def _exact(self, node: Node) -> _Bounds:
        value = float(self._figures.value(self._expression, node))
        return _Bounds(value, value, value)

    def _of_rows(self, node: Aggregate) -> _Bounds:
        value = self._exact(node).value
        if node.quantile is not None and 0 < node.quantile < 1:
            values = values_of(self._run, self._expression, node).to_numpy()
            low, high = order_ranks(len(values), float(node.quantile))
            wanted = [rank for rank in (low, high) if rank is not None]
            parted = np.partition(values, wanted) if wanted else values
            return _Bounds(
                -math.inf if low is None else float(parted[low]),
                value,
                math.inf if high is None else float(parted[high]),
            )
        if node.function == "mean":
            values = values_of(self._run, self._expression, node).to_numpy()
            if len(values) < 2:
                return _Bounds(-math.inf, value, math.inf)
            error = float(values.std(ddof=1)) / math.sqrt(len(values))
            return _Bounds(value - TWO_SIDED * error, value, value + TWO_SIDED * error)
        return _Bounds(value, value, value)


def _is_text(node: Node) -> bool:
    named = FIGURES.get(node.name) if isinstance(node, Name) else None
    return isinstance(node, Text) or (named is not None and named.is_text)


def _share(share: float, count: int) -> _Bounds:
    z2 = TWO_SIDED**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = TWO_SIDED * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    half /= 1 + z2 / count
    # Rounding may leave the end of a share of 0 or 1 a hair beside it.
    return _Bounds(min(share, middle - half), share, max(share, middle + half))


def _computed(sign: str, a: _Bounds, b: _Bounds) -> _Bounds:
    match sign:
        case "+":
            return _Bounds(a.low + b.low, a.value + b.value, a.high + b.high)
        case "-":
            return _Bounds(a.low - b.high, a.value - b.value, a.high - b.low)
        case "*":
            ends = [_times(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
            return _Bounds(min(ends), a.value * b.value, max(ends))
        case _:
            if b.low <= 0 <= b.high:
                if b.value == 0:
                    raise UnknownError("there is a division by zero")
                return _Bounds(-math.inf, a.value / b.value, math.inf)
            ends = [_times(x, 1 / y) for x in (a.low, a.high) for y in (b.low, b.high)]
            return _Bounds(min(ends), a.value / b.value, max(ends))


def _times(x: float, y: float) -> float:
    """A product in which nothing times infinity is nothing."""
    return 0.0 if x == 0 or y == 0 else x * y


def _compared(sign: str, a: _Bounds, b: _Bounds) -> bool | None:
    match sign:
        case "<":
            return True if a.high < b.low else False if a.low >= b.high else None
        case "<=":
            return True if a.high <= b.low else False if a.low > b.high else None
        case ">":
            return _compared("<", b, a)
        case ">=":
            return _compared("<=", b, a)
        case "==":
            if a.low == a.high == b.low == b.high:
                return True
            return False if a.high < b.low or b.high < a.low else None
        case _:
            same = _compared("==", a, b)
            return None if same is None else not same


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None
