"""A gate's judgement on a terminal: each objective, whether it was met, and what came out."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.jobs import printable

from ..objectives import GateReport, judgement_words, unclear_words


def print_gate(report: GateReport, console: Console) -> None:
    """Print what was not met in red, and a line that counts. Fits 60 columns and wider."""
    beside = "" if report.base is None else f"  beside {printable(report.base)}"
    console.print(Text.assemble((printable(report.run), "bold"), beside))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for each in report.objectives:
        words = judgement_words(each, report.currency)
        mark = Text("met", "green") if each.met else Text("not met", "bold red")
        if each.outcome == "unclear":
            mark = Text("unclear", "yellow" if each.met else "bold yellow")
            words += f"; counts as {'met' if each.met else 'not met'}"
        table.add_row(mark, Text(printable(each.objective)), Text(printable(words)))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    failed = sum(not each.met for each in report.objectives)
    number = len(report.objectives)
    unclear = unclear_words(report)
    also = f"; {unclear}" if unclear else ""
    if failed:
        was = "was" if failed == 1 else "were"
        console.print(Text(f"{failed} of {number} objectives {was} not met{also}", "red"))
    else:
        met = f"all {number} objectives met" if number > 1 else "met"
        console.print(Text(f"{met}{also}", "green"))
