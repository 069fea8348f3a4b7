"""Objectives: expressions over figures, and whether a run meets them."""

from .client_error import JudgementWithinError, judge_within_client_error
from .confidence import Certainty, FigureInterval, judge_with_confidence, requests_needed
from .evaluate import Figures, open_figures
from .figure_names import FIGURES
from .gate import GATE_SCHEMA_VERSION, NOT_MET_EXIT_CODE, GateReport, judge_run, read_objectives
from .objective import Judgement, Measured, check_objective, judge
from .sentences import judgement_words

__all__ = [
    "FIGURES",
    "GATE_SCHEMA_VERSION",
    "NOT_MET_EXIT_CODE",
    "Certainty",
    "FigureInterval",
    "Figures",
    "GateReport",
    "Judgement",
    "JudgementWithinError",
    "Measured",
    "check_objective",
    "judge",
    "judge_run",
    "judge_with_confidence",
    "judge_within_client_error",
    "judgement_words",
    "open_figures",
    "read_objectives",
    "requests_needed",
]
