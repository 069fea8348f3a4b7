"""The limits that objectives set to a time, as lines in its charts."""

from collections.abc import Iterable

from headrace.jobs import Aggregate, Binary, Name, Node, Number, parse_condition, walk_nodes

BELOW = ("<", "<=")


def limits_on(metric: str, objectives: Iterable[str]) -> list[float]:
    """What objectives want a metric, or a percentile of it, to stay below, in seconds."""
    found = []
    for text in objectives:
        for node in walk_nodes(parse_condition(text).root):
            match node:
                case Binary(operator=sign, left=left, right=Number(amount=amount)):
                    if sign in BELOW and _is_of(left, metric):
                        found.append(float(amount))
    return sorted(set(found))


def _is_of(node: Node, metric: str) -> bool:
    inner = node.argument if isinstance(node, Aggregate) else node
    return isinstance(inner, Name) and inner.name == metric
