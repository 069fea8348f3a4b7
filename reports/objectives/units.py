"""The unit of a figure: what it is shown in, and its differences."""

from collections.abc import Callable

from headrace.jobs import OF_SAMPLES, Aggregate, Binary, Name, Node, Unary, value_type

from .contradiction import is_named
from .ranges import SHARES

SHARE = "share"


def unit_of(node: Node, currency: str | None, is_share: Callable[[str], bool]) -> str:
    """The unit of a part of an expression: s, share, the currency, or none.

    Args:
        node: the part.
        currency: that of money.
        is_share: whether the score of a name is right or wrong, so that its mean is a share.
    """
    match node:
        case Aggregate(function=function, argument=argument) if function in OF_SAMPLES:
            of_score = function == "majority" and isinstance(argument, Name)
            return SHARE if not of_score or _right_or_wrong(argument, is_share) else ""
        case Aggregate(function="count" | "rate"):
            return ""
        case Aggregate(function="mean", argument=argument) if _right_or_wrong(argument, is_share):
            return SHARE
        case Aggregate(argument=Name() as argument):
            return unit_of(argument, currency, is_share)
        case Name(name=name) if name in SHARES:
            return SHARE
        case Name(name=name) if name.endswith("_s") and not name.endswith("per_s"):
            return "s"
        case Name(name=name) if name.removeprefix("attempts.") in ("cost", "cost_bound"):
            return currency or ""
        case Unary(operator="-", operand=operand):
            return unit_of(operand, currency, is_share)
        case Binary(operator="+" | "-", left=left, right=right):
            figures = [each for each in (left, right) if is_named(each)]
            units = {unit_of(each, currency, is_share) for each in figures}
            return units.pop() if len(units) == 1 else ""
    return ""


def _right_or_wrong(argument: Node | None, is_share: Callable[[str], bool]) -> bool:
    """Whether values are true or false, or 1 or 0."""
    if isinstance(argument, Name):
        return is_share(argument.name)
    return isinstance(argument, Binary | Unary) and value_type(argument) == "truth"
