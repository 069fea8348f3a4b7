"""A comparison on a terminal: the table of differences, then what it means."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.jobs import fitted, printable, show_seconds_short

from ..comparison import (
    Comparison,
    ScoreDifference,
    cells,
    group_cells,
    pairing_words,
    score_title,
    sentences,
)

INDENT = 3
# What the last column says, where the finding's own words are too long for it.
SHORT = {"perhaps higher": "higher?", "perhaps lower": "lower?", "none found": "unclear"}
COLOURS = {"higher": "bold", "lower": "bold", "perhaps higher": "yellow", "perhaps lower": "yellow"}


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table of differences and what it means. Fits 80 columns and wider."""
    console.print(
        Text.assemble(
            "A  ", (printable(comparison.a), "bold"), "\nB  ", (printable(comparison.b), "bold")
        )
    )
    _print(Text(pairing_words(comparison)), console)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True)
    for name in ("A", "B", "B - A", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("B is", no_wrap=True)
    for each in comparison.differences:
        word = SHORT.get(each.finding, each.finding)
        table.add_row(
            *cells(each, time=show_seconds_short), Text(word, COLOURS.get(each.finding, "dim"))
        )
    if table.row_count:
        _print(table, console)
    for score in comparison.scores:
        if score.groups:
            _print(_groups(score), console)
    for sentence in sentences(comparison):
        console.print(Padding(Text(printable(sentence)), (0, 0, 0, INDENT), expand=False))


def _print(what: Table | Text, console: Console) -> None:
    if isinstance(what, Table):
        what = fitted(what, console.width - INDENT, console)
    console.print(Padding(what, (0, 0, 1, INDENT), expand=False))


def _groups(score: ScoreDifference) -> Table:
    """A score for each value of a metadata column."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(printable(f"{score_title(score.name)} by {score.by}"), overflow="fold")
    for name in ("jobs", "A", "B", "B - A", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("B is", no_wrap=True)
    for each in score.groups:
        texts = group_cells(each, share=score.share)
        word = SHORT.get(texts[-1], texts[-1])
        table.add_row(
            Text(printable(texts[0])), *texts[1:-1], Text(word, COLOURS.get(texts[-1], "dim"))
        )
    return table
