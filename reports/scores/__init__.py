"""Scores of answers: what each scorer says of one, and what those of a run come to."""

from .figures import ScoreFigures, score_figures
from .number import last_number
from .samples import Question, pass_all, pass_at, questions_of, votes_of
from .score import Scored
from .scorer import SCORERS, Scorer, reading_of, scorer_of
from .table import (
    QUESTION,
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
    "QUESTION",
    "SCORERS",
    "SCORER_KEY",
    "Question",
    "ScoreFigures",
    "ScoreTable",
    "Scored",
    "Scorer",
    "is_share",
    "last_number",
    "pass_all",
    "pass_at",
    "question",
    "questions_of",
    "reading_of",
    "score_figures",
    "score_names",
    "score_table",
    "score_tables",
    "scorer_of",
    "votes_of",
    "with_scores",
]
