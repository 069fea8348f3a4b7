"""The figures of a trend in words: their names, and their values in their units."""

from collections.abc import Callable
from decimal import Decimal

from headrace.jobs import show_seconds

from ..wording import percent, points
from .trend import FigureHistory

HISTORY_NAMES = {
    "cost": "cost",
    "error_rate": "failed",
    "latency_p50_s": "latency p50",
    "latency_p95_s": "latency p95",
    "ttft_p95_s": "TTFT p95",
    "as_expected": "as expected",
    "cut_share": "cut at max_tokens",
}


def history_name(figure: str) -> str:
    """What a figure is called; a score by its own name."""
    return HISTORY_NAMES.get(figure, figure)


def history_figure(
    of: FigureHistory, value: float | Decimal | None, *, time: Callable[[float], str] = show_seconds
) -> str:
    """A value of a figure in its unit, or a dash where it is not known."""
    if value is None:
        return "-"
    if of.unit == "s":
        return time(float(value))
    return percent(float(value)) if of.unit == "share" else f"{value:,.6g}"


def history_change(of: FigureHistory) -> str:
    """How far the last value is from those before: of shares in percentage points. Empty where
    there are none before."""
    if of.unit == "share" and of.last is not None and of.median_before is not None:
        return points(of.last - of.median_before)
    return "" if of.change is None else f"{of.change:+.1%}"
