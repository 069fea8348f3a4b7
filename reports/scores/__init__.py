"""Scores of answers: what each scorer says of one, and what those of a run come to."""

from .as_expected import AS_EXPECTED, matches
from .figures import ScoreFigures, score_figures, scored_jobs
from .number import last_number
from .samples import (
    Question,
    Votes,
    pass_all,
    pass_at,
    questions_of,
    right_or_wrong,
    votes_of,
)
from .score import Scored
from .scorer import SCORERS, Scorer, reading_of, scorer_of
from .table import (
    SCORER_KEY,
    TAKEN,
    ScoreTable,
    is_right_or_wrong,
    is_share,
    score_names,
    score_table,
    score_tables,
    with_scores,
)
from .votes_runs import VOTES_RUN, votes_runs

__all__ = [
    "AS_EXPECTED",
    "SCORERS",
    "SCORER_KEY",
    "TAKEN",
    "VOTES_RUN",
    "Question",
    "ScoreFigures",
    "ScoreTable",
    "Scored",
    "Scorer",
    "Votes",
    "is_right_or_wrong",
    "is_share",
    "last_number",
    "matches",
    "pass_all",
    "pass_at",
    "questions_of",
    "reading_of",
    "right_or_wrong",
    "score_figures",
    "score_names",
    "score_table",
    "score_tables",
    "scored_jobs",
    "scorer_of",
    "votes_of",
    "votes_runs",
    "with_scores",
]
