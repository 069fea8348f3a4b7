"""The report as one offline page, and its charts as pictures. Loads altair and vl-convert."""

from .page import html_report, write_html
from .pictures import write_charts

__all__ = ["html_report", "write_charts", "write_html"]
