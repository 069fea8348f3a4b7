"""Bulk runs: a job file is read, sent to its end, and its progress shown."""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
    from .forecast import show_forecast
    from .progress import Display, Progress, display_in_lines
    from .screen import display_on, print_line
    from .start import run, run_and_summarise, run_jobs
    from .table_jobs import MadeJobs, TableJobs, make_run_jobs
    from .worker import bulk_worker

__all__ = [
    "Display",
    "MadeJobs",
    "Progress",
    "TableJobs",
    "bulk_worker",
    "display_in_lines",
    "display_on",
    "make_run_jobs",
    "print_line",
    "run",
    "run_and_summarise",
    "run_jobs",
    "show_forecast",
]

__getattr__ = late(
    __name__,
    {
        "forecast": "show_forecast",
        "progress": "Progress Display display_in_lines",
        "screen": "print_line display_on",
        "start": "run run_and_summarise run_jobs",
        "table_jobs": "MadeJobs TableJobs make_run_jobs",
        "worker": "bulk_worker",
    },
)
