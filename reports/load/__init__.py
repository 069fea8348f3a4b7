"""What a load run measured: figures with their intervals, and the verdict on them."""

from .course import Course, Slice
from .figures import (
    Connections,
    LoadErrors,
    LoadFigures,
    ObjectiveMet,
    Requests,
    load_figures,
)
from .refusals import Refusals
from .rows import request_condition
from .spread import Percentile, Spread, spread_of
from .terminal import print_load
from .verdict import LoadSigns, Verdict, judge_load
from .window import Rates

__all__ = [
    "Connections",
    "Course",
    "LoadErrors",
    "LoadFigures",
    "LoadSigns",
    "ObjectiveMet",
    "Percentile",
    "Rates",
    "Refusals",
    "Requests",
    "Slice",
    "Spread",
    "Verdict",
    "judge_load",
    "load_figures",
    "print_load",
    "request_condition",
    "spread_of",
]
