"""Several sweeps on a terminal: a row for each load of each, and what each comes to."""

from rich.console import Console
from rich.text import Text

from headrace.jobs import printable, show_seconds_short

from ..comparison import Sweeps, sweep_columns, sweep_remarks, sweep_rows
from .layout import columns, print_body
from .steps import STYLES


def print_sweeps(sweeps: Sweeps, console: Console) -> None:
    """Print the sweeps beside each other. Fits 80 columns and wider.

    Args:
        sweeps: at least two.
        console: where to.
    """
    for letter, steps in sweeps.lettered:
        console.print(Text.assemble(f"{letter}  ", (printable(steps.directory), "bold")))
    console.print()
    table = columns(*sweep_columns(sweeps), left=2)
    for cells in sweep_rows(sweeps, time=show_seconds_short):
        table.add_row(*cells)
    print_body(console, table)
    for remark in sweep_remarks(sweeps):
        print_body(console, remark.text, STYLES[remark.tone])
