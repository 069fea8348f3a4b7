"""What a load run measured: figures with their intervals, and the verdict on them.

What works them out and shows them loads numpy or rich: it is imported where there is a load run.
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
from .spread import Percentile, Spread
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
]
