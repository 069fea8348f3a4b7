"""Asking about a number that can't be seconds: `ttft_s < 500` was meant in milliseconds, and as it
stands it is always met."""

from decimal import Decimal

from .tree import COMPARISONS, Aggregate, Binary, Expression, Name, Node, Number, walk_nodes

# From so many seconds on, a bare number is asked about: no answer begins so late (the client waits
# 600 s for one), and few are so long. One with a unit says what it means.
ASKED_FROM_S = {
    **dict.fromkeys(("ttft_s", "content_ttft_s", "first_byte_s"), Decimal(100)),
    **dict.fromkeys(("tpot_s", "gaps_s", "client_lag_s", "connect_s"), Decimal(10)),
    "latency_s": Decimal(1000),
}
NOT_OF_SECONDS = ("count", "sum", "rate")


def ask_about_seconds(expression: Expression) -> None:
    """Raises ExpressionError where a time is compared with a bare number that can't be seconds."""
    for node in walk_nodes(expression.root):
        if isinstance(node, Binary) and node.operator in COMPARISONS:
            for time, number in ((node.left, node.right), (node.right, node.left)):
                _ask(expression, time, number)


def _ask(expression: Expression, time: Node, number: Node) -> None:
    if isinstance(time, Aggregate) and time.function not in NOT_OF_SECONDS:
        time = time.argument or time
    if not isinstance(time, Name) or not isinstance(number, Number) or number.unit is not None:
        return
    name = time.name.removeprefix("attempts.")
    if number.value >= ASKED_FROM_S.get(name, Decimal("Infinity")):
        written = f"{number.value:f}"
        said = f"{time.name} is in seconds; write {written}ms, or {written}s if that is meant"
        raise expression.mistake(number, said)
