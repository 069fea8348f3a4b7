"""Scores of answers: what each scorer says of one, and what those of a run come to."""

from .figures import ScoreFigures, score_figures
from .score import Scored
from .scorer import SCORERS, Scorer, scorer_of
from .table import (
    SCORER_KEY,
    ScoreTable,
    is_share,
    question,
    score_names,
    score_table,
    score_tables,
    with_scores,
)

__all__ = [
    "SCORERS",
    "SCORER_KEY",
    "ScoreFigures",
    "ScoreTable",
    "Scored",
    "Scorer",
    "is_share",
    "question",
    "score_figures",
    "score_names",
    "score_table",
    "score_tables",
    "scorer_of",
    "with_scores",
]
