"""The figures of a trend in words: their names, and their values in their units."""

from collections.abc import Callable
from decimal import Decimal

from headrace.jobs import show_seconds

from .trend import FIGURES

HISTORY_NAMES = {
    "cost": "cost",
    "error_rate": "failed",
    "latency_p50_s": "latency p50",
    "latency_p95_s": "latency p95",
    "ttft_p95_s": "TTFT p95",
    "as_expected": "as expected",
    "cut_share": "cut at max_tokens",
}
HISTORY_UNITS = {each.name: each.unit for each in FIGURES}


def history_name(figure: str) -> str:
    """What a figure is called; a score by its own name."""
    return HISTORY_NAMES.get(figure, figure)


def history_figure(
    name: str, value: float | Decimal | None, *, time: Callable[[float], str] = show_seconds
) -> str:
    """A value of a figure in its unit, or a dash where it is not known."""
    if value is None:
        return "-"
    unit = HISTORY_UNITS.get(name)  # of a score there is none
    if unit == "s":
        return time(float(value))
    return f"{value:.1%}" if unit == "share" else f"{value:,.6g}"
