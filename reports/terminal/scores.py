"""A run's scores on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from headrace.jobs import printable

from ..score_words import (
    interval_words,
    sample_words,
    score_value,
    scorer_words,
    unscored_words,
)
from ..scores import ScoreFigures
from .layout import columns, heading, print_body


def print_scores(scores: Sequence[ScoreFigures], console: Console) -> None:
    """Print the mean of each score, of how many answers, and why others have none."""
    if not scores:
        return
    heading(console, "Scores")
    table = columns("score", "scorer", "mean", "95 % interval", "scored", "jobs", left=2)
    for each in scores:
        table.add_row(
            Text(each.name),
            Text(printable(scorer_words(each))),
            score_value(each.mean, share=each.share),
            interval_words(each),
            f"{each.scored:,}",
            f"{each.jobs:,}",
        )
    print_body(console, table)
    for each in scores:
        for words in sample_words(each):
            print_body(console, f"{each.name}: {words}")
        for words in unscored_words(each):
            print_body(console, f"{each.name}: {printable(words)}", "yellow")
