"""Expressions over a whole run: the figures of its summary, and aggregates over its rows."""

import operator
from collections.abc import Callable, Collection
from decimal import Decimal
from pathlib import Path
from typing import Any

from headrace.jobs import (
    Aggregate,
    Attempt,
    Binary,
    Expression,
    Name,
    Node,
    Number,
    Result,
    Text,
    Unary,
    format_expression,
    schema,
    walk_nodes,
)

from ..figures import Summary, summary_of
from ..run import Run, open_run, reading_tables
from ..scores import AS_EXPECTED, is_right_or_wrong
from .aggregate import OF_ATTEMPTS, aggregate
from .figure_names import FIGURES, UnknownError, Value, span_s
from .ranges import score_ranges
from .units import unit_of

BASE = "base"
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def has_base(node: Node) -> bool:
    """Whether `base` stands anywhere in a part."""
    outer = walk_nodes(node, into_aggregates=False)
    return any(isinstance(each, Name) and each.name == BASE for each in outer)


class Figures:
    """A run and its summary, of which any expression can be asked that passed `check_objective`."""

    def __init__(self, run: Run, summary: Summary) -> None:
        self._run = run
        self._summary = summary
        self._found: dict[str, Value | UnknownError] = {}
        self.currency = summary.usage.currency
        self.scores = score_ranges(run.directory)
        self._shares: dict[str, bool] = {AS_EXPECTED: True}

    def value(self, expression: Expression, node: Node, base: "Figures | None" = None) -> Value:
        """What a part of an expression is for this run; `base` is the run to compare with.

        Raises UnknownError where a figure that it needs isn't known.
        """
        return _Evaluation(self, expression, base).value(node)

    def figure(self, expression: Expression, node: Name | Aggregate) -> Value:
        """One figure by its name, or over the rows; worked out once. Raises UnknownError."""
        key = format_expression(node)
        if key not in self._found:
            try:
                self._found[key] = self._figure(expression, node)
            except UnknownError as unknown:
                self._found[key] = unknown
        found = self._found[key]
        if isinstance(found, UnknownError):
            raise found
        return found

    def unit(self, node: Node) -> str:
        """What a part of an expression is shown in: s, share, the currency, or nothing."""
        return unit_of(node, self.currency, self._is_share)

    def _is_share(self, name: str) -> bool:
        if name not in self._shares:
            known = name in self.scores
            self._shares[name] = known and is_right_or_wrong(self._run, name)
        return self._shares[name]

    def _figure(self, expression: Expression, node: Name | Aggregate) -> Value:
        if isinstance(node, Aggregate):
            _refuse_unscored(node, self.scores)
            with reading_tables(self._run.directory):
                return aggregate(self._run, expression, node, span_s(self._summary))
        figure = FIGURES[node.name]
        try:
            if isinstance(figure.read, Aggregate):
                value: Value | None = self.figure(expression, figure.read)
            else:
                value = figure.read(self._summary)
        except UnknownError as unknown:
            said = figure.missing or str(unknown)
            raise UnknownError(f"{node.name} is not known: {said}") from unknown
        if value is None:
            raise UnknownError(f"{node.name} is not known")
        return value


def _refuse_unscored(node: Aggregate, scores: Collection[str]) -> None:
    """Raise UnknownError where a name is that of a score that another run has."""
    known = {*schema(Result), *schema(Attempt), AS_EXPECTED, *scores}
    for each in walk_nodes(node):
        if isinstance(each, Name) and each.name.removeprefix(OF_ATTEMPTS) not in known:
            raise UnknownError(
                f"{format_expression(node)} is not known: the run has no score {each.name}; make "
                "it with headrace score"
            )


def open_figures(directory: Path) -> Figures:
    """Read a run directory for its figures. Raises InputError as `summarise` does."""
    run = open_run(directory)
    return Figures(run, summary_of(run))


class _Evaluation:
    """One expression over one run, and over another run where `base` stands for that one."""

    def __init__(self, figures: Figures, expression: Expression, base: Figures | None) -> None:
        self._figures, self._expression, self._base = figures, expression, base

    def value(self, node: Node, before: Value | None = None) -> Value:
        """`before` is what `base` stands for in this part."""
        match node:
            case Number(amount=amount):
                return amount
            case Text(value=text):
                return text
            case Name(name=name) if name == BASE and before is not None:
                return before
            case Name() | Aggregate():
                return self._figures.figure(self._expression, node)
            case Unary(operator="not", operand=operand):
                return not self.value(operand)
            case Unary(operand=operand):
                return computed("-", Decimal(0), self.value(operand, before))
            case Binary(operator="and", left=left, right=right):
                return bool(self.value(left)) and bool(self.value(right))
            case Binary(operator="or", left=left, right=right):
                return bool(self.value(left)) or bool(self.value(right))
            case Binary(operator=sign, left=left, right=right) if sign in COMPARE:
                a = self.value(left, self._before(right) if has_base(left) else None)
                b = self.value(right, self._before(left) if has_base(right) else None)
                return COMPARE[sign](*alike(a, b))
            case Binary(operator=sign, left=left, right=right):
                return computed(sign, self.value(left, before), self.value(right, before))

    def _before(self, node: Node) -> Value | None:
        """The same part for the base run."""
        if self._base is None:
            return None
        try:
            return self._base.value(self._expression, node)
        except UnknownError as unknown:
            raise UnknownError(f"in the base run {unknown}") from unknown


def alike(a: Value, b: Value) -> tuple[Any, Any]:
    """Two values as one kind: exact decimals as they are, but floats where one of them is one."""
    if isinstance(a, float) and isinstance(b, Decimal):
        return a, float(b)
    if isinstance(a, Decimal) and isinstance(b, float):
        return float(a), b
    return a, b


def computed(sign: str, a: Value, b: Value) -> Value:
    """Arithmetic on two values. Raises UnknownError for a division by zero."""
    one, other = alike(a, b)
    if sign == "/":
        if not other:
            raise UnknownError("there is a division by zero")
        if isinstance(one, int) and isinstance(other, int):
            one = Decimal(one)
    result: Value = COMPUTE[sign](one, other)
    return result
