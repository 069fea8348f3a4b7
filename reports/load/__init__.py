"""What a load run measured: figures with their intervals, and the verdict on them.

What works them out loads numpy, so it is imported where there is a load run.
"""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
    from .attempt_rows import request_condition
    from .client_error import SIDES, as_if, harmless_to
    from .dependence import OPEN_WORTH, independent_share, latencies_by_due
    from .figures import (
        Connections,
        HardwareCost,
        LoadErrors,
        LoadFigures,
        ObjectiveMet,
        Rates,
        Refusals,
        Requests,
        Slice,
        SteadyState,
        TimeSlices,
    )
    from .hardware_text import hardware_rows, hardware_words
    from .intervals import TAIL, TWO_SIDED, Floats, order_ranks
    from .lead_sentence import lead
    from .measure import load_figures
    from .rank_sum import rank_sum_z
    from .rates import load_rates, one_request
    from .sentences import (
        LOAD_METRIC_NAMES,
        PERCENTILES,
        asked,
        brief,
        interval,
        machine_lines,
        says_something,
        token_rates,
    )
    from .server_figures import ServerPoint, ServerSeries
    from .server_words import server_lines
    from .spread import AdjustedPercentile, Percentile, Spread
    from .times_row import (
        WITH_FAILURES,
        WITH_FAILURES_WORDS,
        TimesRow,
        adjusted_value,
        times_table,
    )

__all__ = [
    "LOAD_METRIC_NAMES",
    "OPEN_WORTH",
    "PERCENTILES",
    "SIDES",
    "TAIL",
    "TWO_SIDED",
    "WITH_FAILURES",
    "WITH_FAILURES_WORDS",
    "AdjustedPercentile",
    "Connections",
    "Floats",
    "HardwareCost",
    "LoadErrors",
    "LoadFigures",
    "ObjectiveMet",
    "Percentile",
    "Rates",
    "Refusals",
    "Requests",
    "ServerPoint",
    "ServerSeries",
    "Slice",
    "Spread",
    "SteadyState",
    "TimeSlices",
    "TimesRow",
    "adjusted_value",
    "as_if",
    "asked",
    "brief",
    "hardware_rows",
    "hardware_words",
    "harmless_to",
    "independent_share",
    "interval",
    "latencies_by_due",
    "lead",
    "load_figures",
    "load_rates",
    "machine_lines",
    "one_request",
    "order_ranks",
    "rank_sum_z",
    "request_condition",
    "says_something",
    "server_lines",
    "times_table",
    "token_rates",
]

__getattr__ = late(
    __name__,
    {
        "client_error": "SIDES as_if harmless_to",
        "dependence": "OPEN_WORTH independent_share latencies_by_due",
        "figures": (
            "Connections LoadErrors LoadFigures ObjectiveMet Rates Refusals Requests Slice "
            "SteadyState TimeSlices HardwareCost"
        ),
        "intervals": "TAIL TWO_SIDED Floats order_ranks",
        "lead_sentence": "lead",
        "measure": "load_figures",
        "hardware_text": "hardware_rows hardware_words",
        "rank_sum": "rank_sum_z",
        "rates": "load_rates one_request",
        "attempt_rows": "request_condition",
        "sentences": (
            "LOAD_METRIC_NAMES PERCENTILES asked brief interval machine_lines says_something "
            "token_rates"
        ),
        "server_figures": "ServerPoint ServerSeries",
        "server_words": "server_lines",
        "spread": "AdjustedPercentile Percentile Spread",
        "times_row": "WITH_FAILURES WITH_FAILURES_WORDS TimesRow adjusted_value times_table",
    },
)
