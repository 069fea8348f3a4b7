"""What a load run measured: figures with their intervals, and the verdict on them.

`measure` works them out and loads numpy; it is imported where there is a load run.
"""

from .figures import (
    Connections,
    Course,
    LoadErrors,
    LoadFigures,
    ObjectiveMet,
    Rates,
    Refusals,
    Requests,
    Slice,
)
from .rows import request_condition
from .spread import Percentile, Spread
from .terminal import print_load
from .verdict import LoadSigns, Verdict, judge_load

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
    "print_load",
    "request_condition",
]
