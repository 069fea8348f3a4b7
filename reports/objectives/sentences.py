"""What came out of an objective, in a line: figures with units, or why it can't be told."""

from decimal import Decimal

from headrace.jobs import Aggregate, Name, Node, parse_expression, strip_zeros

from .figure_names import Value
from .objective import Judgement, Measured

SHARES = ("error_rate", "scored_share")


def judgement_words(judged: Judgement, currency: str | None) -> str:
    """What came out of an objective, in a line: its figures, or why it can't be told."""
    if judged.why is not None:
        return judged.why
    alone = len(judged.measured) == 1
    return "; ".join(_shown(each, currency, alone) for each in judged.measured)


def _shown(measured: Measured, currency: str | None, alone: bool) -> str:
    unit = unit_of(parse_expression(measured.figure).root, currency)
    text = "not known" if measured.value is None else amount(measured.value, unit)
    if measured.base is not None:
        text += f", base {amount(measured.base, unit)}"
    return text if alone else f"{measured.figure}: {text}"


def unit_of(node: Node, currency: str | None) -> str:
    """The unit that a figure has: s, % (of a share), the currency, or none."""
    match node:
        case Aggregate(function="count" | "rate"):
            return ""
        case Aggregate(argument=Name() as argument):
            return unit_of(argument, currency)
        case Name(name=name) if name.endswith("_error_rate") or name in SHARES:
            return "%"
        case Name(name=name) if name.endswith("_s") and not name.endswith("per_s"):
            return "s"
        case Name(name=name) if name.removeprefix("attempts.") in ("cost", "cost_bound"):
            return currency or ""
    return ""


def amount(value: Value, unit: str) -> str:
    """A value with enough digits to tell it from its limit."""
    if isinstance(value, bool | str):
        return str(value)
    if unit == "%":
        return f"{float(value) * 100:.4g} %"
    if isinstance(value, Decimal):
        text = f"{strip_zeros(value):,f}" if len(value.as_tuple().digits) <= 18 else f"{value:,.6g}"
    elif isinstance(value, int):
        text = f"{value:,}"
    else:
        text = f"{value:,.6g}"
    return f"{text} {unit}".rstrip()
