"""A run's scores on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from headrace.jobs import printable

from ..scores import ScoreFigures
from ..wording import counted, score_value, stale_words
from .layout import columns, heading, print_body

REASONS_SHOWN = 5


def print_scores(scores: Sequence[ScoreFigures], console: Console) -> None:
    """Print the mean of each score, of how many answers, and why others have none."""
    if not scores:
        return
    heading(console, "Scores")
    table = columns("score", "scorer", "mean", "scored", "jobs", left=2)
    for each in scores:
        scorer = "" if each.scorer in (None, each.name) else printable(each.scorer)
        table.add_row(
            Text(each.name),
            Text(scorer),
            score_value(each.mean),
            f"{each.scored:,}",
            f"{each.jobs:,}",
        )
    print_body(console, table)
    for each in scores:
        for reason, count in list(each.reasons.items())[:REASONS_SHOWN]:
            words = f"{each.name}: {counted(count, 'job')} without a score: {printable(reason)}"
            print_body(console, words, "yellow")
        if each.stale:
            print_body(console, stale_words(each.name, each.stale), "yellow")
