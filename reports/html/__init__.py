"""The report as one offline page, and its charts as images. Loads altair and vl-convert."""

from .chart_files import write_charts
from .comparison import comparison_page
from .night_page import night_page, write_night_page
from .page import html_report, write_html
from .repeats_page import repeats_page, write_repeats_page
from .steps_page import steps_page, write_steps_page
from .sweeps_page import sweeps_page, write_sweeps_page
from .trend_page import trend_page, write_trend_page

__all__ = [
    "comparison_page",
    "html_report",
    "night_page",
    "repeats_page",
    "steps_page",
    "sweeps_page",
    "trend_page",
    "write_charts",
    "write_html",
    "write_night_page",
    "write_repeats_page",
    "write_steps_page",
    "write_sweeps_page",
    "write_trend_page",
]
