"""Reports as text on a terminal. Loads rich."""

from .comparison import cells, pairing_words, print_comparison, sentences
from .console import report_console
from .gate import outcome, print_gate
from .layout import counted, duration, endpoint, money
from .load import NAMES, PERCENTILES, asked, interval, machine_lines, rate, says_something, share_of
from .status import print_status
from .steps import print_steps
from .summary import METRIC_NAMES, STATES, TOO_SHORT, print_summary, worth_showing
from .trend import print_trend

__all__ = [
    "METRIC_NAMES",
    "NAMES",
    "PERCENTILES",
    "STATES",
    "TOO_SHORT",
    "asked",
    "cells",
    "counted",
    "duration",
    "endpoint",
    "interval",
    "machine_lines",
    "money",
    "outcome",
    "pairing_words",
    "print_comparison",
    "print_gate",
    "print_status",
    "print_steps",
    "print_summary",
    "print_trend",
    "rate",
    "report_console",
    "says_something",
    "sentences",
    "share_of",
    "worth_showing",
]
