"""Bulk runs: a job file is read, sent to its end, and its progress shown."""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
    from .forecast import show_forecast
    from .progress import Progress, Watch, watch_in_lines
    from .screen import print_line, watch_on
    from .start import run, run_and_summarise, run_jobs

__all__ = [
    "Progress",
    "Watch",
    "print_line",
    "run",
    "run_and_summarise",
    "run_jobs",
    "show_forecast",
    "watch_in_lines",
    "watch_on",
]

__getattr__ = late(
    __name__,
    {
        "forecast": "show_forecast",
        "progress": "Progress Watch watch_in_lines",
        "screen": "print_line watch_on",
        "start": "run run_and_summarise run_jobs",
    },
)
