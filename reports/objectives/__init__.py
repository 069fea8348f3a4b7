"""Objectives: expressions over figures, and whether a run meets them."""

from .client_error import JudgementWithinError, judge_within_client_error
from .confidence import judge_with_confidence, requests_needed
from .estimates import RunEstimates
from .evaluate import Figures, open_figures
from .failures import judges_failures
from .figure_names import FIGURES
from .gate import (
    GATE_SCHEMA_VERSION,
    NOT_MET_EXIT_CODE,
    GateReport,
    JudgedSide,
    gated_summary_json,
    judge_run,
    judge_side,
    read_objectives,
)
from .objective import Judgement, Measured, check_objective, judge
from .outcome import Unclear, Weigher, one_sided
from .pooled import PooledEstimates
from .ranges import ANY, SHARE, Range, score_ranges
from .sentences import judgement_words, unclear_words
from .weighing import Certainty, FigureInterval, Outcome

__all__ = [
    "ANY",
    "FIGURES",
    "GATE_SCHEMA_VERSION",
    "NOT_MET_EXIT_CODE",
    "SHARE",
    "Certainty",
    "FigureInterval",
    "Figures",
    "GateReport",
    "JudgedSide",
    "Judgement",
    "JudgementWithinError",
    "Measured",
    "Outcome",
    "PooledEstimates",
    "Range",
    "RunEstimates",
    "Unclear",
    "Weigher",
    "check_objective",
    "gated_summary_json",
    "judge",
    "judge_run",
    "judge_side",
    "judge_with_confidence",
    "judge_within_client_error",
    "judgement_words",
    "judges_failures",
    "one_sided",
    "open_figures",
    "read_objectives",
    "requests_needed",
    "score_ranges",
    "unclear_words",
]
