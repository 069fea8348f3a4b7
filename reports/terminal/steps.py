"""A sweep or a search on a terminal: a row for each load, and what was found."""

from rich.console import Console
from rich.text import Text

from headrace.jobs import printable, show_seconds_short

from ..comparison import Steps, by_load, load_words, mark, step_remarks
from .layout import columns, heading, print_body

BAR = 8
STYLES = {"good": "green", "bad": "red", "doubt": "yellow", "plain": ""}


def print_steps(steps: Steps, console: Console) -> None:
    """Print a row for each step by its load, and the answer. Fits 80 columns and wider.

    Args:
        steps: of a sweep or a search.
        console: where to.
    """
    console.print(Text(printable(steps.directory), style="bold"))
    if steps.objective is not None:
        print_body(console, printable(steps.objective))
    heading(console, "Steps, by load")
    last = "objective" if steps.objective is not None else ""
    table = columns("asked", "done/s", "errors", "TTFT p95", "latency p95", "", last, left=1)
    table.columns[0].no_wrap = True
    for column in table.columns[5:]:
        column.justify = "left"
    longest = max((step.latency_p95_s or 0 for step in steps.steps), default=0)
    for step in by_load(steps):
        share = (step.latency_p95_s or 0) / longest if longest else 0
        words, tone = mark(steps, step)
        table.add_row(
            Text(load_words(step), "bold" if step.load in (steps.highest_met, steps.knee) else ""),
            "-" if step.requests_per_s is None else f"{step.requests_per_s:.4g}",
            "-" if step.error_rate is None else f"{step.error_rate:.1%}",
            _time(step.ttft_p95_s),
            _time(step.latency_p95_s),
            Text("▇" * round(share * BAR), "cyan"),
            Text(words, STYLES[tone]),
        )
    print_body(console, table)
    for remark in step_remarks(steps):
        print_body(console, remark.text, STYLES[remark.tone])


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else show_seconds_short(seconds)
