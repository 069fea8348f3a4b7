"""The report as one offline page, and its charts as images. Loads altair and vl-convert."""

from .comparison import comparison_page
from .page import html_report, write_html
from .pictures import write_charts

__all__ = [
    "comparison_page",
    "html_report",
    "write_charts",
    "write_html",
]
