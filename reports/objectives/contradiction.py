"""Comparisons of one figure that hold nowhere together: `f1 > 80% and f1 < 70%`."""

from collections.abc import Iterator
from typing import NamedTuple

from headrace.jobs import Aggregate, Binary, Name, Node, Text, format_expression, walk_nodes

from .ranges import Range, RangeOf

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Span(NamedTuple):
    """Values from `low` to `high`; with `after` and `before` without these ends."""

    low: float
    high: float
    after: bool = False
    before: bool = False

    @property
    def empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and (self.after or self.before))

    def both(self, other: "Span") -> "Span":
        """What is in this one and in the other."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Span(
            low,
            high,
            (self.low == low and self.after) or (other.low == low and other.after),
            (self.high == high and self.before) or (other.high == high and other.before),
        )


def contradicts(node: Node, of: RangeOf) -> bool:
    """Whether comparisons of one figure with constants leave nothing that it could be.

    Args:
        node: the `and` of all of them.
        of: what each part is never beyond.
    """
    spans: dict[str, Span] = {}
    words: dict[str, set[str]] = {}
    for side, sign, other in _compared(node):
        name = format_expression(side)
        if isinstance(other, Text) and sign == "==":
            words.setdefault(name, set()).add(other.value)
        elif is_named(side) and not is_named(other):
            allowed = _allowed(sign, of(other))
            spans[name] = spans.get(name, Span(*of(side))).both(allowed)
    return any(each.empty for each in spans.values()) or any(len(w) > 1 for w in words.values())


def is_named(node: Node) -> bool:
    """Whether a figure, a column or a function is in a part: whether it is more than constants."""
    return any(isinstance(each, Name | Aggregate) for each in walk_nodes(node))


def _allowed(sign: str, limit: Range) -> Span:
    """What stands so beside a constant."""
    everything = Span(float("-inf"), float("inf"))
    match sign:
        case ">" | ">=":
            return everything._replace(low=limit.low, after=sign == ">")
        case "<" | "<=":
            return everything._replace(high=limit.high, before=sign == "<")
        case "==":
            return Span(limit.low, limit.high)
    return everything


def _compared(node: Node) -> Iterator[tuple[Node, str, Node]]:
    """Each side of each comparison of an `and` beside its other side."""
    if not isinstance(node, Binary):
        return
    if node.operator == "and":
        yield from _compared(node.left)
        yield from _compared(node.right)
    elif node.operator in MIRRORED:
        yield node.left, node.operator, node.right
        yield node.right, MIRRORED[node.operator], node.left
