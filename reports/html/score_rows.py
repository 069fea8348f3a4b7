"""The scores of a run, as rows of a page."""

from collections.abc import Sequence
from typing import NamedTuple

from ..score_words import (
    interval_words,
    sample_words,
    score_value,
    scorer_words,
    unscored_words,
)
from ..scores import ScoreFigures


class ScoreRow(NamedTuple):
    """One score, in words; `notes` say what its samples come to, and why jobs have none."""

    name: str
    scorer: str
    mean: str
    interval: str
    scored: int
    jobs: int
    notes: list[str]


def score_rows(scores: Sequence[ScoreFigures]) -> list[ScoreRow]:
    """A row for each score."""
    return [
        ScoreRow(
            each.name,
            scorer_words(each),
            score_value(each.mean, share=each.share),
            interval_words(each),
            each.scored,
            each.jobs,
            [*sample_words(each), *unscored_words(each)],
        )
        for each in scores
    ]
