"""Objectives: expressions over figures, and whether a run meets them."""

from .confidence import Certainty, Weighed, judge_surely, requests_needed
from .evaluate import Figures, open_figures
from .gate import GATE_SCHEMA_VERSION, NOT_MET_EXIT_CODE, GateReport, judge_run, read_objectives
from .names import Value
from .objective import Judgement, Measured, check_objective, judge

__all__ = [
    "GATE_SCHEMA_VERSION",
    "NOT_MET_EXIT_CODE",
    "Certainty",
    "Figures",
    "GateReport",
    "Judgement",
    "Measured",
    "Value",
    "Weighed",
    "check_objective",
    "judge",
    "judge_run",
    "judge_surely",
    "open_figures",
    "read_objectives",
    "requests_needed",
]
