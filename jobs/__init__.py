"""What to do: jobs, their files, estimates and prices, and the schemas of what is recorded."""

from .bound import cost_bound, why_unbounded
from .docstrings import BAD_LINES, docstring_jobs
from .duplicates import SeenIds
from .endpoints import ENDPOINTS, Endpoint, Kind
from .errors import HeadraceError, InputError
from .estimate import TokenEstimator, estimate_input_tokens, estimate_output_tokens
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
from .forecast import Forecast, Forecaster, ForecastRow
from .job import Job, Reject
from .load_facts import LoadFacts, MachineFacts, Shape, Stall
from .manifest import EstimateTotals, JobFile, Limits, Manifest, Session
from .prices import Price, PriceTable, Usage, load_prices
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
    "AGGREGATES",
    "BAD_LINES",
    "ENDPOINTS",
    "SCHEMA_VERSION",
    "Aggregate",
    "Attempt",
    "BalanceRead",
    "BalanceReading",
    "Binary",
    "Column",
    "Decided",
    "Ended",
    "Endpoint",
    "ErrorKind",
    "EstimateTotals",
    "Expression",
    "ExpressionError",
    "Forecast",
    "ForecastRow",
    "Forecaster",
    "HeadraceError",
    "InputError",
    "Job",
    "JobFile",
    "JournalRecord",
    "Kind",
    "Limits",
    "LoadFacts",
    "MachineFacts",
    "Manifest",
    "Name",
    "Node",
    "Number",
    "Price",
    "PriceTable",
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
    "Text",
    "TokenEstimator",
    "Unary",
    "Usage",
    "columns",
    "cost_bound",
    "docstring_jobs",
    "estimate_input_tokens",
    "estimate_output_tokens",
    "frame",
    "load_prices",
    "open_source",
    "parse_condition",
    "parse_expression",
    "parts",
    "read_jobs",
    "safe",
    "schema",
    "show",
    "sort_of",
    "why_unbounded",
]
