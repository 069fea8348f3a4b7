"""Values as text: money, times, counts, messages, and what a terminal may show."""

from .amount import EXACT, show_amount, strip_zeros, to_places
from .counted import counted
from .durations import parse_duration, show_duration, show_seconds, show_seconds_short
from .masked import masked
from .suggestion import or_listed, suggested
from .terminal_text import printable, printable_json

__all__ = [
    "EXACT",
    "counted",
    "masked",
    "or_listed",
    "parse_duration",
    "printable",
    "printable_json",
    "show_amount",
    "show_duration",
    "show_seconds",
    "show_seconds_short",
    "strip_zeros",
    "suggested",
    "to_places",
]
