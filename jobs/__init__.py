"""What to do: jobs, their files, estimates and prices, and the schemas of what is recorded."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .amount import plain
from .bound import CostBounds
from .duplicates import SeenIds
from .endpoints import ENDPOINTS, Endpoint, Kind
from .errors import HeadraceError, InputError
from .estimate import EstimateTotals, TokenEstimator, estimate_input_tokens, estimate_output_tokens
from .forecast import Forecast, Forecaster, ForecastRow
from .job import Job, Reject
from .load_facts import LoadFacts, MachineFacts, Shape, Stall
from .manifest import (
    ConcurrencyPoint,
    DownloadTotals,
    JobFile,
    Limits,
    Manifest,
    ModelLimits,
    Session,
)
from .own_limits import SETTINGS_FILE, own_limits_from
from .prices import Price, PriceTable, Usage, load_prices
from .reader import JobReader
from .records import (
    SCHEMA_VERSION,
    Attempt,
    BalanceRead,
    BalanceReading,
    Column,
    Decided,
    Ended,
    ErrorKind,
    JournalRecord,
    Phase,
    Result,
    Row,
    Sent,
    Status,
    columns,
    frame,
    schema,
)
from .safe import safe
from .source import Source, open_source

if TYPE_CHECKING:
    from .docstrings import BAD_LINES, docstring_jobs
    from .expression import (
        AGGREGATES,
        Aggregate,
        Binary,
        Expression,
        ExpressionError,
        Name,
        Node,
        Number,
        Text,
        Unary,
        parts,
        show,
        sort_of,
    )
    from .expression_parser import parse_condition, parse_expression
    from .prompts import (
        FilePrompts,
        Lengths,
        Prompts,
        PromptShape,
        SyntheticPrompts,
        Template,
        Trace,
        TracePrompts,
        parse_lengths,
        read_trace,
    )

# What a run has no use for waits until somebody asks for it.
_LATE = {
    "AGGREGATES": "expression",
    "BAD_LINES": "docstrings",
    "Aggregate": "expression",
    "Binary": "expression",
    "Expression": "expression",
    "ExpressionError": "expression",
    "FilePrompts": "prompts",
    "Lengths": "prompts",
    "Name": "expression",
    "Node": "expression",
    "Number": "expression",
    "PromptShape": "prompts",
    "Prompts": "prompts",
    "SyntheticPrompts": "prompts",
    "Template": "prompts",
    "Text": "expression",
    "Trace": "prompts",
    "TracePrompts": "prompts",
    "Unary": "expression",
    "docstring_jobs": "docstrings",
    "parse_condition": "expression_parser",
    "parse_expression": "expression_parser",
    "parse_lengths": "prompts",
    "parts": "expression",
    "read_trace": "prompts",
    "show": "expression",
    "sort_of": "expression",
}

__all__ = [
    "AGGREGATES",
    "BAD_LINES",
    "ENDPOINTS",
    "SCHEMA_VERSION",
    "SETTINGS_FILE",
    "Aggregate",
    "Attempt",
    "BalanceRead",
    "BalanceReading",
    "Binary",
    "Column",
    "ConcurrencyPoint",
    "CostBounds",
    "Decided",
    "DownloadTotals",
    "Ended",
    "Endpoint",
    "ErrorKind",
    "EstimateTotals",
    "Expression",
    "ExpressionError",
    "FilePrompts",
    "Forecast",
    "ForecastRow",
    "Forecaster",
    "HeadraceError",
    "InputError",
    "Job",
    "JobFile",
    "JobReader",
    "JournalRecord",
    "Kind",
    "Lengths",
    "Limits",
    "LoadFacts",
    "MachineFacts",
    "Manifest",
    "ModelLimits",
    "Name",
    "Node",
    "Number",
    "Phase",
    "Price",
    "PriceTable",
    "PromptShape",
    "Prompts",
    "Reject",
    "Result",
    "Row",
    "SeenIds",
    "Sent",
    "Session",
    "Shape",
    "Source",
    "Stall",
    "Status",
    "SyntheticPrompts",
    "Template",
    "Text",
    "TokenEstimator",
    "Trace",
    "TracePrompts",
    "Unary",
    "Usage",
    "columns",
    "docstring_jobs",
    "estimate_input_tokens",
    "estimate_output_tokens",
    "frame",
    "load_prices",
    "open_source",
    "own_limits_from",
    "parse_condition",
    "parse_expression",
    "parse_lengths",
    "parts",
    "plain",
    "read_trace",
    "safe",
    "schema",
    "show",
    "sort_of",
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(import_module(f".{_LATE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
