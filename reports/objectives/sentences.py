"""What came out of an objective, in a line: figures with units, or why it can't be told."""

from decimal import Decimal

from headrace.jobs import parse_expression, strip_zeros

from .evaluate import has_base
from .figure_names import Value
from .gate import GateReport
from .objective import Judgement, Measured
from .units import SHARE
from .weighing import FigureInterval


def judgement_words(judged: Judgement) -> str:
    """What came out of an objective, in a line: its figures with their intervals, or why it can't
    be told; where it is unclear, what it counts as by its point and what would settle it."""
    if judged.why is not None:
        return judged.why
    alone = len(judged.measured) == 1
    words = "; ".join(_shown(each, alone) for each in judged.measured)
    if judged.depends_on_client:
        return f"{words or 'as recorded'}, but the client's own lateness may have decided it"
    intervals = [said for each in judged.intervals if (said := _interval(each, alone))]
    if intervals:
        words += f" ({'; '.join(intervals)})"
    if judged.outcome != "unclear":
        return words
    if judged.would_settle is None:
        few = any(each.low is None and each.high is None for each in judged.intervals)
        return f"{words}: {'too few to tell' if few else 'too near to tell'}"
    return f"{words}: {judged.would_settle:,} {judged.settled_by} would settle it"


def unclear_words(report: GateReport) -> str:
    """What became of unclear objectives; empty where there are none."""
    unclear = sum(each.outcome == "unclear" for each in report.objectives)
    if not unclear:
        return ""
    how = {"point": "judged by what came out", "met": "taken as met", "missed": "taken as missed"}
    return f"{unclear} unclear, {how[report.unclear]} (--unclear {report.unclear})"


def _interval(each: FigureInterval, alone: bool) -> str:
    """An interval in words; of shares beside a base in percentage points. Empty without one."""
    if each.low == each.high:  # exact, or no end is known
        return ""
    beside = has_base(parse_expression(each.figure).root)
    unit = ("pp" if beside else "%") if each.unit == SHARE else each.unit
    low, high = (None if end is None else end_words(end, unit) for end in (each.low, each.high))
    if high is None:
        said = f"at least {low}"
    else:
        said = f"at most {high}" if low is None else f"{low} to {high}"
    if beside:
        return f"{each.figure}: {said}"
    return said if alone else f"{each.figure}: {said}"


def end_words(value: float, unit: str) -> str:
    """An end of an interval, with fewer digits than the figure."""
    if unit in ("%", "pp"):
        return f"{value * 100:.3g} {unit}"
    return f"{value:,.4g} {unit}".rstrip()


def _shown(measured: Measured, alone: bool) -> str:
    unit = "%" if measured.unit == SHARE else measured.unit
    text = "not known" if measured.value is None else amount(measured.value, unit)
    if measured.base is not None:
        text += f", base {amount(measured.base, unit)}"
    return text if alone else f"{measured.figure}: {text}"


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
