"""What to do: jobs, their files, estimates and prices, and the schemas of what is recorded."""

from .bound import cost_bound, why_unbounded
from .docstrings import BAD_LINES, docstring_jobs
from .duplicates import SeenIds
from .endpoints import ENDPOINTS, Endpoint, Kind
from .errors import HeadraceError, InputError
from .estimate import TokenEstimator, estimate_input_tokens
from .forecast import Forecast, Forecaster, ForecastRow
from .job import Job, Reject
from .load_facts import LoadFacts, MachineFacts, Shape, Stall
from .manifest import EstimateTotals, JobFile, Limits, Manifest, Session
from .prices import Price, PriceTable, Usage, load_prices
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
from .reader import read_jobs
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

__all__ = [
    "BAD_LINES",
    "ENDPOINTS",
    "SCHEMA_VERSION",
    "Attempt",
    "BalanceRead",
    "BalanceReading",
    "Column",
    "Decided",
    "Ended",
    "Endpoint",
    "ErrorKind",
    "EstimateTotals",
    "FilePrompts",
    "Forecast",
    "ForecastRow",
    "Forecaster",
    "HeadraceError",
    "InputError",
    "Job",
    "JobFile",
    "JournalRecord",
    "Kind",
    "Lengths",
    "Limits",
    "LoadFacts",
    "MachineFacts",
    "Manifest",
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
    "TokenEstimator",
    "Trace",
    "TracePrompts",
    "Usage",
    "columns",
    "cost_bound",
    "docstring_jobs",
    "estimate_input_tokens",
    "frame",
    "load_prices",
    "open_source",
    "parse_lengths",
    "read_jobs",
    "read_trace",
    "safe",
    "schema",
    "why_unbounded",
]
