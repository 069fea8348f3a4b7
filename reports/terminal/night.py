"""A night's verdict on a terminal."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.jobs import printable

from ..nights import NightReport, came_words, flips_words, headline, notes, verdict_of

STYLES = {"met": "green", "not met": "bold red", "unclear": "yellow"}


def print_night(report: NightReport, console: Console) -> None:
    """Print each condition with what came out, what it was held beside, and the verdict.

    Args:
        report: of the night.
        console: what to print on.
    """
    console.print(Text.assemble((printable(report.run), "bold")))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for each in report.objectives:
        beside = "" if each.beside is None else f" beside {each.beside}"
        verdict = verdict_of(each)
        objective = printable(each.judgement.objective + beside)
        came = printable(came_words(each))
        table.add_row(Text(verdict, STYLES[verdict]), Text(objective), Text(came))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    for note in notes(report):
        console.print(Text(f"  {printable(note)}"))
    flips = report.flips
    if flips is not None:
        console.print(Text(f"  beside {report.last_good}: {flips_words(flips)}"))
    console.print(Text(headline(report), "green" if report.verdict == "good" else "red"))
