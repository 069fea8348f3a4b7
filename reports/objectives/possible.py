"""Whether an objective could be met by any run at all: `mean(exact) >= 70` can't, 70 % can.

A comparison that holds nowhere in the ranges of both its sides never holds, nor do comparisons of
one figure that hold nowhere together. What is not known to be impossible is possible. Beside a base
a share that is asked to be no more than all of it worse would say nothing: that is refused, too.
"""

import math
from collections.abc import Iterator, Mapping

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
    value_type,
    walk_nodes,
)

from ..row_conditions import refuse_word
from .contradiction import contradicts, is_named
from .figure_names import FIGURES
from .ranges import SHARE, Range, RangeOf, figure_range, row_range

BASE = "base"
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def check_possible(expression: Expression, scores: Mapping[str, Range]) -> None:
    """Refuse an objective that no run could meet, or that every one would beside any base.

    Args:
        expression: the objective, whose names all have a meaning.
        scores: the range of each score that the runs have.

    Raises:
        ExpressionError: at the comparison that could never be true.
    """
    rows, figures = row_range(scores), figure_range(scores)
    for node in walk_nodes(expression.root, into_aggregates=False):
        for each in _row_conditions(node):
            _refuse(expression, each, rows)
        if isinstance(node, Binary):
            _check_words(expression, node)
            _check_base(expression, node, figures)
    _refuse(expression, expression.root, figures)


def _refuse(expression: Expression, node: Node, of: RangeOf) -> None:
    never = _never(node, of)
    if never is not None:
        raise expression.mistake(never, _said(never, of))


def _row_conditions(node: Node) -> Iterator[Node]:
    if isinstance(node, Aggregate):
        for each in (node.argument, node.where):
            if each is not None and value_type(each) == "truth":
                yield each


def _never(node: Node, of: RangeOf) -> Node | None:
    """The part for which a condition could never be true; None where it could."""
    match node:
        case Unary(operator="not", operand=operand):
            return node if _always(operand, of) else None
        case Binary(operator="and", left=left, right=right):
            found = _never(left, of) or _never(right, of)
            return found or (node if contradicts(node, of) else None)
        case Binary(operator="or", left=left, right=right):
            found = _never(left, of)
            return None if found is None or _never(right, of) is None else found
        case Binary(operator=sign) if sign in OPPOSITE:
            return node if _impossible(sign, node, of) else None
    return None


def _always(node: Node, of: RangeOf) -> bool:
    match node:
        case Unary(operator="not", operand=operand):
            return _never(operand, of) is not None
        case Binary(operator="and", left=left, right=right):
            return _always(left, of) and _always(right, of)
        case Binary(operator="or", left=left, right=right):
            return _always(left, of) or _always(right, of)
        case Binary(operator=sign) if sign in OPPOSITE:
            return _impossible(OPPOSITE[sign], node, of)
    return False


def _impossible(sign: str, node: Binary, of: RangeOf) -> bool:
    """Whether a comparison of the sides of a node never holds."""
    if sign in ("<", ">", "!=") and is_named(node.left) and _same(node.left, node.right):
        return True
    a, b = _sides(node, of)
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
            return a.is_point and a == b


def _sides(node: Binary, of: RangeOf) -> tuple[Range, Range]:
    """The ranges of both sides; `base` is what the side without it may be."""
    left, right = node.left, node.right
    if _has_base(right):
        return of(left), _beside(right, of(left), of)
    if _has_base(left):
        return _beside(left, of(right), of), of(right)
    return of(left), of(right)


def _beside(node: Node, base: Range, of: RangeOf) -> Range:
    """The range of a line in `base`; of what is more than that, anything."""
    match node:
        case Name(name=name) if name == BASE:
            return base
        case Binary(operator="+", left=left, right=right):
            one, other = _beside(left, base, of), _beside(right, base, of)
            return Range(one.low + other.low, one.high + other.high)
        case Binary(operator="-", left=left, right=right):
            one, other = _beside(left, base, of), _beside(right, base, of)
            return Range(one.low - other.high, one.high - other.low)
        case _ if not _has_base(node):
            return of(node)
    return Range(-math.inf, math.inf)


def _same(one: Node, other: Node) -> bool:
    return format_expression(one) == format_expression(other)


def _has_base(node: Node) -> bool:
    outer = walk_nodes(node, into_aggregates=False)
    return any(isinstance(each, Name) and each.name == BASE for each in outer)


def _check_words(expression: Expression, node: Binary) -> None:
    for one, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(one, Name) and isinstance(other, Text) and one.name in FIGURES:
            refuse_word(expression, other, FIGURES[one.name].words)


def _check_base(expression: Expression, node: Binary, of: RangeOf) -> None:
    """Refuse `mean(exact) >= base - 2`, by which 2 points are meant: it can never be missed."""
    if node.operator not in ("<", "<=", ">", ">=") or not (
        _has_base(node.left) or _has_base(node.right)
    ):
        return
    side = node.left if _has_base(node.right) else node.right
    a, b = _sides(node, of)
    if of(side) == SHARE and (b.high < a.low if node.operator[0] == ">" else a.high < b.low):
        said = f"this could never be missed: {format_expression(side)} is from 0 to 1"
        raise expression.mistake(node, said + "; write points with %, such as base - 2%")


def _said(node: Node, of: RangeOf) -> str:
    said = "this could never be true"
    if not isinstance(node, Binary) or node.operator == "and":
        return said
    for side, other in ((node.left, node.right), (node.right, node.left)):
        low, high = of(side)
        if not is_named(side) or low == high or _has_base(side):
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
