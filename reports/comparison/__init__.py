"""Several runs beside each other: two compared, many in a trend, the steps of a sweep."""

from .compare import (
    COMPARISON_SCHEMA_VERSION,
    Comparison,
    Difference,
    compare,
    compare_runs,
)
from .pairing import Pairing
from .sentences import cells, pairing_words, sentences
from .steps import Step, Steps, read_step, steps_json, steps_report, write_steps
from .trend import FIGURES, Trend, trend_of

__all__ = [
    "COMPARISON_SCHEMA_VERSION",
    "FIGURES",
    "Comparison",
    "Difference",
    "Pairing",
    "Step",
    "Steps",
    "Trend",
    "cells",
    "compare",
    "compare_runs",
    "pairing_words",
    "read_step",
    "sentences",
    "steps_json",
    "steps_report",
    "trend_of",
    "write_steps",
]
