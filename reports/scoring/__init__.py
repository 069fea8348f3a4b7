"""Scoring: what answers a run has beside what was expected of them, as scores in the run."""

from .judge import ASKED, REFUSED, Judged, judge_run_answers
from .judge_file import Judge, read_judge
from .names import checked_name
from .score_run import Named, ScoreReport, score_run

__all__ = [
    "ASKED",
    "REFUSED",
    "Judge",
    "Judged",
    "Named",
    "ScoreReport",
    "checked_name",
    "judge_run_answers",
    "read_judge",
    "score_run",
]
