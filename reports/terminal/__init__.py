"""Reports as text on a terminal. Loads rich."""

from .comparison import print_comparison
from .console import report_console
from .gate import print_gate
from .night import print_night
from .repeats import print_repeats
from .scores import print_scores
from .status import print_status
from .steps import print_steps
from .summary import print_summary
from .sweeps import print_sweeps
from .trend import print_trend
from .watch import Timing, watch_status

__all__ = [
    "Timing",
    "print_comparison",
    "print_gate",
    "print_night",
    "print_repeats",
    "print_scores",
    "print_status",
    "print_steps",
    "print_summary",
    "print_sweeps",
    "print_trend",
    "report_console",
    "watch_status",
]
