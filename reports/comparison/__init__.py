"""Several runs beside each other: two compared, many in a trend, the steps of a sweep."""

from .compare import (
    COMPARISON_SCHEMA_VERSION,
    Comparison,
    Difference,
    compare,
    compare_runs,
    flips_by,
)
from .flips import Flip, Flips, first_of_each
from .pairing import Pairing
from .scores import ScoreDifference, ScoreGroup, score_title
from .sentences import cells, distance, group_cells, pairing_words, sentences
from .several import compare_sides
from .step_sentences import (
    Remark,
    by_load,
    cut_of,
    load_words,
    mark,
    outcome_of,
    step_remarks,
    why_words,
)
from .steps import (
    Step,
    Steps,
    is_steps,
    read_step,
    read_steps,
    steps_json,
    steps_report,
    write_steps,
)
from .trend import FIGURES, FigureHistory, Trend, TrendPoint, trend_of
from .trend_words import history_change, history_figure, history_name

__all__ = [
    "COMPARISON_SCHEMA_VERSION",
    "FIGURES",
    "Comparison",
    "Difference",
    "FigureHistory",
    "Flip",
    "Flips",
    "Pairing",
    "Remark",
    "ScoreDifference",
    "ScoreGroup",
    "Step",
    "Steps",
    "Trend",
    "TrendPoint",
    "by_load",
    "cells",
    "compare",
    "compare_runs",
    "compare_sides",
    "cut_of",
    "distance",
    "first_of_each",
    "flips_by",
    "group_cells",
    "history_change",
    "history_figure",
    "history_name",
    "is_steps",
    "load_words",
    "mark",
    "outcome_of",
    "pairing_words",
    "read_step",
    "read_steps",
    "score_title",
    "sentences",
    "step_remarks",
    "steps_json",
    "steps_report",
    "trend_of",
    "why_words",
    "write_steps",
]
