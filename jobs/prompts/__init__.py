"""What a load run sends: prompts from a job file, made of words, or as long as a trace's."""

from .ahead import AheadPrompts
from .docstrings import BAD_LINES, docstring_jobs
from .file import FilePrompts
from .lengths import Lengths, parse_lengths
from .part import WHOLE, Part
from .prompts import Prompts
from .replayed import TracePrompts
from .synthetic import PromptShape, SyntheticPrompts
from .template import RequestTemplate
from .trace import Trace, TraceUnit, read_trace

__all__ = [
    "BAD_LINES",
    "WHOLE",
    "AheadPrompts",
    "FilePrompts",
    "Lengths",
    "Part",
    "PromptShape",
    "Prompts",
    "RequestTemplate",
    "SyntheticPrompts",
    "Trace",
    "TracePrompts",
    "TraceUnit",
    "docstring_jobs",
    "parse_lengths",
    "read_trace",
]
