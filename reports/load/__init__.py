"""What a load run measured: figures with their intervals, and the verdict on them.

What works them out loads numpy, so it is imported where there is a load run.
"""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
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
    from .intervals import TAIL, TWO_SIDED, Floats, order_ranks
    from .measure import load_figures
    from .rows import request_condition
    from .sentences import (
        LOAD_METRIC_NAMES,
        PERCENTILES,
        asked,
        brief,
        interval,
        machine_lines,
        says_something,
    )
    from .spread import Percentile, Spread
    from .verdict import LoadSigns, Verdict, judge_load

__all__ = [
    "LOAD_METRIC_NAMES",
    "PERCENTILES",
    "TAIL",
    "TWO_SIDED",
    "Connections",
    "Course",
    "Floats",
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
    "asked",
    "brief",
    "interval",
    "judge_load",
    "load_figures",
    "machine_lines",
    "order_ranks",
    "request_condition",
    "says_something",
]

__getattr__ = late(
    __name__,
    {
        "figures": (
            "Connections Course LoadErrors LoadFigures ObjectiveMet Rates Refusals Requests Slice"
        ),
        "intervals": "TAIL TWO_SIDED Floats order_ranks",
        "measure": "load_figures",
        "rows": "request_condition",
        "sentences": (
            "LOAD_METRIC_NAMES PERCENTILES asked brief interval machine_lines says_something"
        ),
        "spread": "Percentile Spread",
        "verdict": "LoadSigns Verdict judge_load",
    },
)
