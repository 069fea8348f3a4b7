"""Runs over time on a terminal: one line per run, and each figure's history as a sparkline."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.text import Text

from headrace.jobs import printable, show_seconds_short

from ..comparison import FigureHistory, Trend, history_change, history_figure, history_name
from ..wording import aligned
from .layout import columns, heading, print_body

BARS = "▁▂▃▄▅▆▇█"
# The figures in a run's own line, where there is little room.
HEADERS = {
    "error_rate": "failed",
    "latency_p95_s": "p95",
    "ttft_p95_s": "TTFT",
    "as_expected": "match",
}
UNFINISHED = " *"
# As many runs as a sparkline has room for beside its figures.
BARS_MAX = 30


def print_trend(trend: Trend, console: Console) -> None:
    """Print it. Fits 80 columns where the names of the runs are short."""
    scores = {name for each in trend.runs for name in each.scores}
    shown = [each for each in trend.histories if each.figure in HEADERS or each.figure in scores]
    currencies = {each.currency for each in trend.runs if each.cost is not None}
    money = f"cost, {currencies.pop()}" if len(currencies) == 1 else "cost"
    priced = any(each.cost is not None for each in trend.runs)
    names = [HEADERS.get(each.figure, each.figure) for each in shown]
    table = columns("started", "run", "jobs", *([money] if priced else []), *names, left=2)
    table.columns[0].no_wrap = True
    costs = aligned([each.cost for each in trend.runs])
    for point, cost in zip(trend.runs, costs, strict=True):
        style = "" if point.state == "finished" else "yellow"
        table.add_row(
            Text(f"{point.started_at:%m-%d %H:%M}"),
            Text(
                printable(Path(point.run).name) + ("" if point.state == "finished" else UNFINISHED)
            ),
            f"{point.jobs:,}",
            *([cost] if priced else []),
            *(_short(each, point.value(each.figure)) for each in shown),
            style=style,
        )
    print_body(console, table)
    if any(each.state != "finished" for each in trend.runs):
        print_body(console, f"{UNFINISHED.strip()} not finished", "dim")
    heading(console, "History")
    all_shown = len(trend.runs) <= BARS_MAX
    table = columns("", "" if all_shown else f"last {BARS_MAX}", "last", "before", "", left=2)
    for each in trend.histories:
        table.add_row(
            history_name(each.figure),
            sparkline(each.values[-BARS_MAX:]),
            _short(each, each.last),
            _short(each, each.median_before),
            history_change(each),
        )
    print_body(console, table)
    if any(each.median_before is not None for each in trend.histories):
        print_body(console, "before: the median of the runs before the last", "dim")


def _short(of: FigureHistory, value: float | Decimal | None) -> str:
    return history_figure(of, value, time=show_seconds_short)


def sparkline(values: Sequence[float | None]) -> str:
    """A bar for each value, from the lowest to the highest of them; a blank where there is none."""
    known = [each for each in values if each is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = high - low
    return "".join(
        " "
        if each is None
        else BARS[round((each - low) / span * (len(BARS) - 1))]
        if span
        else BARS[len(BARS) // 2 - 1]
        for each in values
    )
