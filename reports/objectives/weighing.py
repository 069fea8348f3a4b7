"""A condition weighed with the uncertainty of what it names: met, not met, or unclear.

Each figure is an interval that holds the truth at the level that is asked for, and a comparison is
true or false only where it is so for all of both (`bounds`); else it is unknown, and goes through
and, or and not by Kleene's three values. Beside a base it is the difference of the two runs that
has an interval, paired where questions are the same (`reports.uncertainty.difference`).
"""

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

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
)

from ..uncertainty import Ends, Estimate, correlation, difference_ends
from .bounds import COMPARISONS, Bounds, compared, computed, exactly, negated, scaled
from .estimates import RunEstimates, same_questions
from .evaluate import BASE, has_base
from .figure_names import FIGURES, UnknownError

LEVEL = 0.95
Certainty = Literal["met", "not met", "unclear"]
Outcome = Literal["met", "missed", "unclear"]


class FigureInterval(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a condition, and its interval; an end is None where there are too few values.
    All None: the figure is not known. Beside a base it is a difference: `mean(exact) - base`.
    `unit` is share, s, the currency, or empty."""

    figure: str
    value: float | None
    low: float | None
    high: float | None
    unit: str = ""


class Pair:
    """A run's base, with the questions that both have, looked for once."""

    def __init__(self, run: RunEstimates, base: RunEstimates) -> None:
        self.base = base
        self._same = same_questions(run, base)

    def correlation(self, one: Estimate, other: Estimate) -> float:
        """How a figure of the run goes together with the same of the base."""
        return correlation(one, other, self._same)


class Affine(NamedTuple):
    """A part of a condition that is `times` x base + `plus`."""

    times: float
    plus: float


class Weighing:
    """A condition on a run, or on a run beside its base, at one level of confidence.

    `growth`: as if there were that many times as many answers of the same kind, in both runs.
    `estimates` are those that were needed so far.
    """

    def __init__(
        self,
        expression: Expression,
        run: RunEstimates,
        pair: Pair | None = None,
        *,
        level: float = LEVEL,
        growth: float = 1.0,
    ) -> None:
        self._expression, self._run, self._pair = expression, run, pair
        self._level, self._growth = level, growth
        self.estimates: list[Estimate] = []

    def certainty(self) -> Certainty:
        """What can be said of the condition; what is not known is surely not met."""
        try:
            truth = self._truth(self._expression.root)
        except UnknownError:
            truth = False
        return "unclear" if truth is None else "met" if truth else "not met"

    def met(self) -> bool:
        """Whether it holds for the figures as they came out."""
        try:
            return self._met(self._expression.root)
        except UnknownError:
            return False

    def figures(self) -> Iterator[FigureInterval]:
        """Every figure that the condition names and that is a number, once; where a comparison is
        beside the base, the difference in the place of both."""
        shown = dict(_parts(self._expression.root))
        for text, node in shown.items():
            try:
                low, value, high = self._named(node)
            except UnknownError:
                unit = self._unit(node)
                yield FigureInterval(figure=text, value=None, low=None, high=None, unit=unit)
                continue
            ends = {"low": _finite(low), "high": _finite(high)}
            yield FigureInterval(figure=text, value=value, **ends, unit=self._unit(node))

    def _unit(self, node: Node) -> str:
        if isinstance(node, Binary):  # a comparison beside the base
            node = node.right if has_base(node.left) else node.left
        return self._run.figures.unit(node)

    def _named(self, node: Node) -> Bounds:
        if isinstance(node, Binary):  # a comparison beside the base
            return self._sides(node)[0]
        return self._bounds(node)

    def _met(self, node: Node) -> bool:
        base = None if self._pair is None else self._pair.base.figures
        return bool(self._run.figures.value(self._expression, node, base))

    def _truth(self, node: Node) -> bool | None:
        match node:
            case Unary(operator="not", operand=operand):
                inner = self._truth(operand)
                return None if inner is None else not inner
            case Binary(operator="and", left=left, right=right):
                both = (self._truth(left), self._truth(right))
                return False if False in both else None if None in both else True
            case Binary(operator="or", left=left, right=right):
                both = (self._truth(left), self._truth(right))
                return True if True in both else None if None in both else False
            case Binary(operator=sign, left=left, right=right) if sign in COMPARISONS:
                if _is_text(left) or _is_text(right):
                    return self._met(node)
                one, other = self._sides(node)
                # Exact decimals are compared as they are, not as floats.
                exact = one.exact and other.exact
                return self._met(node) if exact else compared(sign, *_in_order(node, one, other))
            case _:
                return self._met(node)

    def _sides(self, node: Binary) -> tuple[Bounds, Bounds]:
        """What a comparison compares: the side without `base` first."""
        side, other = (node.right, node.left) if has_base(node.left) else (node.left, node.right)
        if not has_base(other):
            return self._bounds(side), self._bounds(other)
        assert self._pair is not None
        before = Weighing(self._expression, self._pair.base, level=self._level, growth=self._growth)
        try:
            was, earlier = before._side(side)
        except UnknownError as unknown:
            raise UnknownError(f"in the base run {unknown}") from unknown
        now, estimate = self._side(side)
        line = _affine(other)
        if line is None:
            return now, self._bounds(other, was)
        together = 0.0
        if estimate is not None and earlier is not None:
            together = self._pair.correlation(estimate, earlier)
        moved = scaled(was, line.times)
        low, high = difference_ends(
            (Ends(now.low, now.high), now.value),
            (Ends(moved.low, moved.high), moved.value),
            together if line.times >= 0 else -together,
        )
        return Bounds(low, now.value - moved.value, high), exactly(line.plus)

    def _side(self, node: Node) -> tuple[Bounds, Estimate | None]:
        """One side of a comparison beside a base, and the one estimate that it is, if it is."""
        estimate = self._run.of(self._expression, node)
        return (self._bounds(node) if estimate is None else self._of(estimate)), estimate

    def _bounds(self, node: Node, before: Bounds | None = None) -> Bounds:
        """`before` is what `base` stands for."""
        match node:
            case Name(name=name) if name == BASE and before is not None:
                return before
            case Unary(operand=operand):
                return negated(self._bounds(operand, before))
            case Binary(operator=sign, left=left, right=right):
                return computed(sign, self._bounds(left, before), self._bounds(right, before))
            case Name() | Aggregate():
                estimate = self._run.of(self._expression, node)
                if estimate is not None:
                    return self._of(estimate)
        return exactly(float(self._run.figures.value(self._expression, node)))

    def _of(self, estimate: Estimate) -> Bounds:
        self.estimates.append(estimate)
        low, high = estimate.ends(self._level, self._growth)
        return Bounds(low, estimate.value, high)


def _in_order(node: Binary, one: Bounds, other: Bounds) -> tuple[Bounds, Bounds]:
    return (other, one) if has_base(node.left) else (one, other)


def _parts(node: Node) -> Iterator[tuple[str, Node]]:
    """The figures of a condition by what they are called, and comparisons beside a base."""
    match node:
        case Binary(operator=sign, left=left, right=right):
            if sign in COMPARISONS and (has_base(left) or has_base(right)):
                side, other = (right, left) if has_base(left) else (left, right)
                yield _difference_name(side, other), node
                return
            yield from _parts(left)
            yield from _parts(right)
        case Unary(operand=operand):
            yield from _parts(operand)
        case Name() | Aggregate() if not _is_text(node):
            yield format_expression(node), node
        case _:
            pass


def _difference_name(side: Node, other: Node) -> str:
    line = _affine(other)
    if line is None:
        return format_expression(side)
    times = abs(line.times)
    sign = "-" if line.times >= 0 else "+"
    return f"{format_expression(side)} {sign} {'' if times == 1 else f'{times:g} * '}base"


def _affine(node: Node) -> Affine | None:
    """A part as a line in `base`; None where it is not one, or has other figures in it."""
    match node:
        case Number(amount=amount):
            return Affine(0.0, float(amount))
        case Name(name=name) if name == BASE:
            return Affine(1.0, 0.0)
        case Unary(operator="-", operand=operand):
            inner = _affine(operand)
            return None if inner is None else Affine(-inner.times, -inner.plus)
        case Binary(operator=sign, left=left, right=right):
            one, other = _affine(left), _affine(right)
            return None if one is None or other is None else _joined(sign, one, other)
    return None


def _joined(sign: str, one: Affine, other: Affine) -> Affine | None:
    match sign:
        case "+":
            return Affine(one.times + other.times, one.plus + other.plus)
        case "-":
            return Affine(one.times - other.times, one.plus - other.plus)
        case "*" if not one.times:
            return Affine(one.plus * other.times, one.plus * other.plus)
        case "*" if not other.times:
            return Affine(one.times * other.plus, one.plus * other.plus)
        case "/" if not other.times and other.plus:
            return Affine(one.times / other.plus, one.plus / other.plus)
    return None


def _is_text(node: Node) -> bool:
    named = FIGURES.get(node.name) if isinstance(node, Name) else None
    return isinstance(node, Text) or (named is not None and named.is_text)


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None
