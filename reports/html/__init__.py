"""The report as one offline page, and its charts as images. Loads altair and vl-convert."""

from .chart_files import write_charts
from .comparison import comparison_page
from .page import html_report, write_html

__all__ = [
    "comparison_page",
    "html_report",
    "write_charts",
    "write_html",
]
