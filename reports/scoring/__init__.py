"""Scoring: what answers a run has beside what was expected of them, as scores in the run."""

from .names import checked_name
from .score_run import Named, ScoreReport, score_run

__all__ = [
    "Named",
    "ScoreReport",
    "checked_name",
    "score_run",
]
