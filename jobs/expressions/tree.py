"""Expressions over a run's figures, such as `p95(ttft_s) <= 1.1 * base`, as trees.

    condition    = all, { "or", all }
    all          = one, { "and", one }
    one          = "not", one | sum, [ ("<" | "<=" | ">" | ">=" | "==" | "!="), sum ]
    sum          = product, { ("+" | "-"), product }
    product      = factor, { ("*" | "/"), factor }
    factor       = "-", factor | number, [ unit ] | text | name | aggregate | "(", condition, ")"
    aggregate    = function, "(", [ count, "," ], [ condition, [ ",", condition ] ], ")"

`parse_expression` in `jobs.expressions.parser` parses them; nothing is ever executed as Python.
What a name means depends on the evaluator: a figure of a run, or a column of a row. The page
for users is `docs/reference/expressions.md`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from ..errors import InputError

# Unit -> its size, in seconds or as a share.
UNITS = {
    "us": Decimal("0.000001"),
    "µs": Decimal("0.000001"),
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
    "%": Decimal("0.01"),
}
# Functions of scores with samples; the first two are of so many of them.
OF_SO_MANY = ("pass_at", "pass_all")
OF_SAMPLES = (*OF_SO_MANY, "majority", "agreement")
AGGREGATES = ("count", "sum", "mean", "min", "max", "rate")
QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,6})?|100)")
# How tightly each operator binds. A comparison takes exactly two sums.
PRECEDENCE = {
    "or": 1,
    "and": 2,
    "not": 3,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/"), 6),
}
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
NEGATION = 7
ATOM = 8

# `any` is the type of a name: only the evaluator knows what it stands for.
ValueType = Literal["number", "text", "truth", "any"]


class ExpressionError(InputError):
    """An expression that can't be parsed or has no meaning; below the message is the place."""

    def __init__(self, said: str, text: str, at: int) -> None:
        self.text, self.at = text, at
        line = "".join(c if c.isprintable() else " " for c in text)
        super().__init__(said, details=(f"    {line}", f"    {' ' * at}^"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number as written, and its unit where it has one. Never negative."""

    value: Decimal
    unit: str | None = None
    at: int = field(default=0, compare=False)

    @property
    def amount(self) -> Decimal:
        """The number in seconds, or as a share, or as it is."""
        return self.value if self.unit is None else self.value * UNITS[self.unit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text in quotes, which does not contain its own kind of quote."""

    value: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """The name of a figure or of a column, or `base`."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """A function over rows: of `argument` (None: of the rows themselves), where `where` is true.
    `samples` is k of pass_at(k, exact); None of other functions."""

    function: str
    argument: "Node | None" = None
    where: "Node | None" = None
    samples: int | None = None
    at: int = field(default=0, compare=False)

    @property
    def quantile(self) -> Decimal | None:
        """The share of a percentile: 0.95 of p95; None of any other function."""
        found = QUANTILE.fullmatch(self.function)
        return None if found is None else Decimal(found[1]) / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary:
    """`-` or `not`."""

    operator: str
    operand: "Node"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """Arithmetic, a comparison, `and` or `or`; `at` is the place of the operator."""

    operator: str
    left: "Node"
    right: "Node"
    at: int = field(default=0, compare=False)


Node = Number | Text | Name | Aggregate | Unary | Binary


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A tree and its source text. `at` of a node is an offset in the text, in characters."""

    text: str
    root: Node

    def mistake(self, node: Node, said: str) -> ExpressionError:
        """The error to raise about a node of this expression."""
        return ExpressionError(said, self.text, node.at)


def is_function(name: str) -> bool:
    """Whether a name is a function of rows: `mean`, `p99.9` and so on."""
    return name in AGGREGATES or name in OF_SAMPLES or QUANTILE.fullmatch(name) is not None


def value_type(node: Node) -> ValueType:
    """The type of a node's value, as far as the syntax tells."""
    match node:
        case Number() | Aggregate():
            return "number"
        case Text():
            return "text"
        case Name():
            return "any"
        case Unary(operator=operator) | Binary(operator=operator):
            return "truth" if PRECEDENCE[operator] <= PRECEDENCE["<"] else "number"


def walk_nodes(node: Node, *, into_aggregates: bool = True) -> Iterator[Node]:
    """A node and all nodes below it, depth first, from left to right.

    Args:
        node: where to start.
        into_aggregates: whether to include the arguments of functions of rows.
    """
    yield node
    match node:
        case Unary(operand=operand):
            yield from walk_nodes(operand, into_aggregates=into_aggregates)
        case Binary(left=left, right=right):
            yield from walk_nodes(left, into_aggregates=into_aggregates)
            yield from walk_nodes(right, into_aggregates=into_aggregates)
        case Aggregate(argument=argument, where=where) if into_aggregates:
            for each in (argument, where):
                if each is not None:
                    yield from walk_nodes(each)
        case _:
            pass


def format_expression(node: Node) -> str:
    """The text of a tree, with as few brackets as possible; it parses to the same tree."""
    match node:
        case Number(value=value, unit=unit):
            return f"{value:f}{unit or ''}"
        case Text(value=value):
            return f"'{value}'" if '"' in value else f'"{value}"'
        case Name(name=name):
            return name
        case Aggregate(function=function, argument=argument, where=where, samples=samples):
            parts = [format_expression(each) for each in (argument, where) if each]
            if samples is not None:
                parts.insert(0, str(samples))
            return f"{function}({', '.join(parts)})"
        case Unary(operator="not", operand=operand):
            return f"not {_within(operand, PRECEDENCE['not'])}"
        case Unary(operand=operand):
            return f"-{_within(operand, NEGATION)}"
        case Binary(operator=operator, left=left, right=right):
            # Comparisons are not nested; the other operators are left-associative.
            level = PRECEDENCE[operator]
            return f"{_within(left, level)} {operator} {_within(right, level + 1)}"


def _within(node: Node, lowest: int) -> str:
    """The text of an operand, in brackets where it binds less tightly than `lowest`."""
    match node:
        case Binary(operator=operator):
            level = PRECEDENCE[operator]
        case Unary(operator=operator):
            level = PRECEDENCE["not"] if operator == "not" else NEGATION
        case _:
            level = ATOM
    return format_expression(node) if level >= lowest else f"({format_expression(node)})"
