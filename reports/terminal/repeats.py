"""Repeats of a load test on a terminal: a row for each run, and how much the runs differ."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from headrace.jobs import printable, show_seconds_short

from ..comparison import (
    FIGURE_COLUMNS,
    LETTERS,
    RUN_COLUMNS,
    JudgedObjective,
    Repeats,
    figure_rows,
    repeat_remarks,
    run_rows,
)
from .comparison import print_comparison
from .layout import columns, heading, print_body
from .steps import STYLES

MARKS = {True: "green", False: "bold red"}


def print_repeats(repeats: Repeats, console: Console) -> None:
    """Print the runs, the figures over them, and of two services how they differ. Fits 80 columns
    and wider.

    Args:
        repeats: of a load test.
        console: where to.
    """
    console.print(Text(printable(repeats.directory), style="bold"))
    services = {"a": repeats.base_url, "b": repeats.against}
    heading(console, "Runs")
    table = columns(*RUN_COLUMNS, "", left=1)
    table.columns[-1].justify = "left"
    for row in run_rows(repeats, time=show_seconds_short):
        table.add_row(*row.cells, Text(row.mark.text, STYLES[row.mark.tone]))
    print_body(console, table)
    for side in repeats.sides:
        named = f" of {LETTERS[side]}, {printable(services[side])}" if repeats.against else ""
        heading(console, f"Over the runs{named}")
        figures = columns("", *FIGURE_COLUMNS, left=1)
        for cells in figure_rows(repeats, side, time=show_seconds_short):
            figures.add_row(*cells)
        print_body(console, figures)
    for remark in repeat_remarks(repeats):
        print_body(console, remark.text, STYLES[remark.tone])
    if repeats.comparison is not None:
        console.print()
        print_comparison(repeats.comparison, console)
    if repeats.judged:
        heading(console, "Required" + (" of A" if repeats.against else ""))
        print_body(console, _judged(repeats.judged))


def _judged(judged: Sequence[JudgedObjective]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for each in judged:
        style = "yellow" if each.result in ("unclear", "not valid") else MARKS[each.met]
        table.add_row(
            Text(each.result, style),
            Text(printable(each.objective)),
            Text(printable(each.words)),
        )
    return table
