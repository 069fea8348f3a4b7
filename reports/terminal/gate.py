"""A gate's judgement on a terminal: each objective, whether it was met, and what came out."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.jobs import printable

from ..objectives import GateReport, judgement_words, unclear_words


def print_gate(report: GateReport, console: Console) -> None:
    """Print what was not met in red, and a line that counts. Fits 60 columns and wider.

    Args:
        report: how the run was judged.
        console: where to.
    """
    beside = "" if report.base is None else f"  beside {printable(report.base)}"
    console.print(Text.assemble((printable(report.run), "bold"), beside))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for each in report.objectives:
        words = judgement_words(each)
        mark = Text("met", "green") if each.met else Text("not met", "bold red")
        if each.depends_on_client:
            mark = Text("not valid", "bold yellow")
        elif each.outcome == "unclear":
            mark = Text("unclear", "yellow" if each.met else "bold yellow")
            words += f"; counts as {'met' if each.met else 'not met'}"
        table.add_row(mark, Text(printable(each.objective)), Text(printable(words)))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    unsure = sum(each.depends_on_client for each in report.objectives)
    failed = sum(not (each.met or each.depends_on_client) for each in report.objectives)
    number = len(report.objectives)
    unclear = unclear_words(report)
    if unsure:
        _print_not_valid(report, unsure, console)
    also = f"; {unclear}" if unclear else ""
    if failed:
        was = "was" if failed == 1 else "were"
        console.print(Text(f"{failed} of {number} objectives {was} not met{also}", "red"))
    elif not unsure:
        met = f"all {number} objectives met" if number > 1 else "met"
        console.print(Text(f"{met}{also}", "green"))


def _print_not_valid(report: GateReport, unsure: int, console: Console) -> None:
    what = "not known to be valid" if report.verdict == "unknown" else report.verdict
    of = f"{unsure} of {len(report.objectives)} objectives"
    console.print(Text(f"{of} can't be told: the measurement is {what}", "yellow"))
    for reason in report.verdict_why:
        console.print(Padding(Text(printable(reason), "yellow"), (0, 0, 0, 2), expand=False))
