"""What a run records: a flat row per result, per attempt and per reading of the balance.

The structs are the schema. Their annotations say type, unit and meaning of each column; the Parquet
types and the column tables of docs/reference/records.md are derived from them. `runner` writes
these rows, `reports` reads them, and `SCHEMA_VERSION` changes with the columns of a release: a
directory of an earlier version is brought up to it when it is resumed.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
import polars as pl

from .budgets import PERIODS, Period, PeriodBudget

SCHEMA_VERSION = 2

Status = Literal["succeeded", "failed"]
ErrorKind = Literal[
    "connect", "tls", "timeout", "reset", "protocol", "http", "stream", "cancelled", "lost"
]
Phase = Literal["warmup", "measure", "drain"]

# A whole number that a 32-bit column holds; every other number gets 64 bits.
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1, extra={"bits": 32})]
Count = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# A line of a file is counted in a byte of memory each.
INDEX_MAX = 2**30
Index = Annotated[int, msgspec.Meta(ge=0, le=INDEX_MAX)]
# How often a job was tried: far from what 32 bits hold, so that the next one has a number too.
ATTEMPT_MAX = 10**6
AttemptNumber = Annotated[int, msgspec.Meta(ge=1, le=ATTEMPT_MAX, extra={"bits": 32})]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
# A component of a vector: services give no more digits than 32 bits hold.
Float32 = Annotated[float, msgspec.Meta(extra={"bits": 32})]


# What Decimal(38, 12) holds after the point.
AMOUNT_PLACES = 12
# How far from the point an amount's first digit may be: one of 10^999999999 has no sum.
AMOUNT_DIGITS_MAX = 40


def is_amount(value: Decimal) -> bool:
    """Whether it is an amount that can be counted with."""
    return value.is_finite() and abs(value.adjusted()) <= AMOUNT_DIGITS_MAX


def doc(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


# Columns that more than one table has.
InputTokens = Annotated[Count | None, doc("input tokens, cached ones included")]
CachedInputTokens = Annotated[Count | None, doc("input tokens read from the cache")]
CacheWriteTokens = Annotated[Count | None, doc("input tokens written to the cache")]
OutputTokens = Annotated[Count | None, doc("output tokens, reasoning included")]
ReasoningTokens = Annotated[Count | None, doc("output tokens spent on reasoning")]
Images = Annotated[Count | None, doc("images in the answer")]
Searches = Annotated[Count | None, doc("searches made, by the endpoint or as a tool")]
CacheWrite1hTokens = Annotated[Count | None, doc("input tokens written to the cache for an hour")]
ReportedCost = Annotated[Decimal | None, doc("cost that the service itself reports")]
ErrorMessage = Annotated[
    str | None, doc("what went wrong, in words; of a success, what is odd about its answer")
]
RequestId = Annotated[str | None, doc("the gateway's name for the request")]
JobIndex = Annotated[Index, doc("0-based line of the job in its file")]
CustomId = Annotated[str, doc("the job's own name")]
Model = Annotated[str, doc("model that the job asked for")]
Url = Annotated[str, doc("path of the endpoint")]
Service = Annotated[str | None, doc("name of the service; null where there is one only")]


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of a Parquet table; a field that is left out is null."""


class Attempt(Row, frozen=True, kw_only=True):
    """One HTTP request for a job, whatever became of it."""

    index: JobIndex
    custom_id: CustomId
    model: Model
    url: Url
    attempt: Annotated[AttemptNumber, doc("1 for the first; continues across resumes")]
    due_at: Annotated[
        Moment, doc("in bulk the limiter's grant or the end of a retry's pause; in load the plan")
    ]
    sent_at: Annotated[
        Moment | None,
        doc(
            "just before the first byte was written; null when none was (a load run never sent it)"
        ),
    ] = None
    wait_s: Annotated[float | None, doc("due to sent, connecting included")] = None
    connect_s: Annotated[
        float | None, doc("time to a ready connection; null on one that was open")
    ] = None
    first_byte_s: Annotated[float | None, doc("sent to the first byte of the answer")] = None
    ttft_s: Annotated[
        float | None,
        doc("sent to the first non-empty content, reasoning or tool-call delta; streams only"),
    ] = None
    content_ttft_s: Annotated[
        float | None, doc("sent to the first such delta that is not reasoning; streams only")
    ] = None
    latency_s: Annotated[float | None, doc("sent to the last byte of content")] = None
    client_lag_s: Annotated[
        float | None, doc("largest delay from the kernel's receipt to the read; null if unknown")
    ] = None
    gaps_s: Annotated[
        list[float] | None,
        doc("gaps between token-bearing chunks, 0 within one read (coalesced); load runs only"),
    ] = None
    http_status: Annotated[Int32 | None, doc("status of the answer; null without one")] = None
    error_kind: Annotated[
        ErrorKind | None,
        doc(
            "connect, tls, timeout, reset, protocol, http, stream, cancelled or lost; null if none"
        ),
    ] = None
    error_code: Annotated[str | None, doc("code in the error body")] = None
    error_message: ErrorMessage = None
    retry_after_s: Annotated[float | None, doc("pause that the answer asked for")] = None
    request_id: RequestId = None
    input_tokens: InputTokens = None
    cached_input_tokens: CachedInputTokens = None
    cache_write_tokens: CacheWriteTokens = None
    output_tokens: OutputTokens = None
    reasoning_tokens: ReasoningTokens = None
    images: Images = None
    searches: Searches = None
    cache_write_1h_tokens: CacheWrite1hTokens = None
    cost: Annotated[
        Decimal | None, doc("price of this attempt's usage; null without usage or price")
    ] = None
    cost_note: Annotated[
        str | None, doc("why the usage of an answer has no cost; null where it has one")
    ] = None
    reported_cost: ReportedCost = None
    service: Service = None
    ratelimit_limit: Annotated[Count | None, doc("X-RateLimit-Limit of the answer")] = None
    ratelimit_remaining: Annotated[Count | None, doc("X-RateLimit-Remaining of the answer")] = None
    bytes_sent: Annotated[Count | None, doc("bytes written to the connection")] = None
    bytes_received: Annotated[Count | None, doc("bytes read from the connection")] = None
    connection_reused: Annotated[bool | None, doc("true on a connection that was open")] = None
    stream: Annotated[bool | None, doc("whether a stream was asked for")] = None
    phase: Annotated[Phase | None, doc("warmup, measure or drain by due time; load runs only")] = (
        None
    )
    cost_bound: Annotated[
        Decimal | None, doc("the most that it could cost, as known before it was sent")
    ] = None
    probable_cost: Annotated[
        Decimal | None,
        doc(
            "an estimate, in no total: what a stream cut before its usage, or an answer that could "
            "not be used, was likely billed"
        ),
    ] = None


class Result(Row, frozen=True, kw_only=True):
    """A job's final outcome. Times, usage and cost are those of the last attempt."""

    index: JobIndex
    custom_id: CustomId
    url: Url
    model: Model
    status: Annotated[Status, doc("succeeded or failed")]
    http_status: Annotated[Int32 | None, doc("status of the last answer")] = None
    error_code: Annotated[str | None, doc("code in the error body, or the kind of failure")] = None
    error_message: ErrorMessage = None
    request_id: RequestId = None
    finish_reason: Annotated[
        str | None, doc("why the answer ended, in OpenAI's words: stop, length, tool_calls, ...")
    ] = None
    text: Annotated[str | None, doc("the answer's text (of several choices, the first)")] = None
    response: Annotated[
        str | None,
        doc("the body as JSON text; of a stream, what the call would have returned unstreamed"),
    ] = None
    attempts: Annotated[Int32, doc("HTTP requests made for this job")]
    input_tokens: InputTokens = None
    cached_input_tokens: CachedInputTokens = None
    cache_write_tokens: CacheWriteTokens = None
    output_tokens: OutputTokens = None
    reasoning_tokens: ReasoningTokens = None
    images: Images = None
    searches: Searches = None
    cache_write_1h_tokens: CacheWrite1hTokens = None
    vectors: Annotated[
        list[list[Float32]] | None, doc("the answer's vectors, in the order of the inputs")
    ] = None
    copy_of: Annotated[
        str | None, doc("custom_id of the equal job whose answer this is; null where it was sent")
    ] = None
    cost: Annotated[Decimal | None, doc("cost of the last attempt")] = None
    cost_note: Annotated[
        str | None, doc("why the usage of the answer has no cost; null where it has one")
    ] = None
    reported_cost: ReportedCost = None
    currency: Annotated[str | None, doc("currency of the cost")] = None
    service: Service = None
    due_at: Annotated[
        Moment | None, doc("due time of the last attempt; null of a copy, as all times")
    ] = None
    sent_at: Annotated[Moment | None, doc("sending time of the last attempt")] = None
    ended_at: Annotated[Moment | None, doc("when the last attempt ended")] = None
    wait_s: Annotated[float | None, doc("due to sent")] = None
    ttft_s: Annotated[float | None, doc("sent to first token; streams only")] = None
    tpot_s: Annotated[
        float | None, doc("(latency - TTFT) / (output tokens - 1); streams of two tokens or more")
    ] = None
    latency_s: Annotated[float | None, doc("sent to the last byte of content")] = None
    total_s: Annotated[float | None, doc("first due to end, retries and their pauses included")] = (
        None
    )
    body_digest: Annotated[str, doc("BLAKE2b-128 of the body that was sent, in hex")]
    metadata: Annotated[str | None, doc("the line's metadata, as JSON text")] = None
    expected: Annotated[str | None, doc("the line's expected answer, as JSON text")] = None


class Reask(Row, frozen=True, kw_only=True):
    """An answer that did not fit its schema, and whose job was asked again for that."""

    index: JobIndex
    attempt: Annotated[AttemptNumber, doc("the attempt that it answered")]
    text: Annotated[str | None, doc("the answer's text; null where it had none")] = None
    why: Annotated[str, doc("what was wrong with it, as the model was told")]


class ServerReading(Row, frozen=True, kw_only=True):
    """One value of the server's own metrics, as `--scrape` read it: once a second, a row for each
    series. What is not a finite number has no row."""

    at: Annotated[Moment, doc("when the answer began to come")]
    name: Annotated[str, doc("name of the metric")]
    labels: Annotated[str, doc("its labels, as a JSON object")]
    value: Annotated[float, doc("its value")]


class BalanceReading(Row, frozen=True, kw_only=True):
    """One GET /v1/balance, with what the run had spent by then."""

    # What tells one reading from another, in the table and in the journal.
    KEY = ("read_at", "moment", "spent", "service")

    read_at: Annotated[Moment, doc("when the answer came")]
    moment: Annotated[
        Literal["before", "during", "after"], doc("before the first job, between, after the last")
    ]
    spent: Annotated[Decimal, doc("computed cost of the run's attempts by then, resumes included")]
    kept: Annotated[
        Decimal | None,
        doc("kept as spent from then on, for attempts whose bill is unknown; null without prices"),
    ] = None
    released: Annotated[
        Decimal | None, doc("what this reading let go of the money that was kept until then")
    ] = None
    http_status: Annotated[Int32 | None, doc("status; null without an answer")] = None
    error: Annotated[str | None, doc("why there is no figure; null when there is one")] = None
    currency: Annotated[str | None, doc("currency of every amount in the row")] = None
    balance: Annotated[Decimal | None, doc("total available: top-up and gift")] = None
    decimals: Annotated[
        Int32 | None, doc("decimals of the amount that was shown with the most")
    ] = None
    key_id: Annotated[str | None, doc("id of the key, as the gateway names it")] = None
    key_name: Annotated[str | None, doc("name of the key")] = None
    daily_budget: Annotated[Decimal | None, doc("daily budget of the key; null if none")] = None
    daily_used: Annotated[Decimal | None, doc("used today by the key")] = None
    daily_remaining: Annotated[Decimal | None, doc("left of the daily budget")] = None
    daily_reset_at: Annotated[Moment | None, doc("when the daily use starts again")] = None
    monthly_budget: Annotated[Decimal | None, doc("monthly budget of the key; null if none")] = None
    monthly_used: Annotated[Decimal | None, doc("used this month by the key")] = None
    monthly_remaining: Annotated[Decimal | None, doc("left of the monthly budget")] = None
    monthly_reset_at: Annotated[Moment | None, doc("when the monthly use starts again")] = None
    service: Service = None

    @property
    def places(self) -> int:
        """How many decimals its amounts may have: those that were shown, as far as a table holds
        them."""
        return min(max(self.decimals or 0, 0), AMOUNT_PLACES)

    @property
    def budgets(self) -> dict[Period, PeriodBudget]:
        """The key's budgets by period: the columns above, a row for each."""
        return {
            period: PeriodBudget(
                period, *(getattr(self, f"{period}_{name}") for name in PeriodBudget._fields[1:])
            )
            for period in PERIODS
        }


class Score(Row, frozen=True, kw_only=True):
    """What a scorer says of one job's answer: a row per job of the run, whatever became of it."""

    index: JobIndex
    custom_id: CustomId
    score: Annotated[float | None, doc("the score; null where there is none")] = None
    reason: Annotated[
        str | None,
        doc(
            "why there is no score: failed, rejected, unfinished, or what the scorer says; it may "
            "say something of any score"
        ),
    ] = None
    sample: Annotated[
        Int32 | None, doc("which answer to its question it is, from 1; null without samples")
    ] = None


class Column(NamedTuple):
    """One column of a table: its name, its Parquet type and what it means."""

    name: str
    dtype: Any  # a polars DataType, class or instance
    nullable: bool
    meaning: str
    values: tuple[str, ...] | None = None  # the only ones, where they are words


_DTYPES: dict[Any, Any] = {
    int: pl.Int64,
    float: pl.Float64,
    bool: pl.Boolean,
    str: pl.String,
    Decimal: pl.Decimal(38, 12),
    datetime: pl.Datetime("us", "UTC"),
}


def _dtype(hint: Any) -> tuple[Any, bool]:
    """The polars type of an annotation, and whether None is among its values."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *notes = get_args(hint)
        if any((note.extra or {}).get("bits") == 32 for note in notes):
            return (pl.Float32 if inner is float else pl.Int32), False
        return _dtype(inner)
    if origin in (Union, UnionType):
        options = [option for option in get_args(hint) if option is not NoneType]
        (option,) = options
        return _dtype(option)[0], True
    if origin is Literal:
        return pl.String, False
    if origin is list:
        return pl.List(_dtype(get_args(hint)[0])[0]), False
    return _DTYPES[hint], False


def _words(hint: Any) -> tuple[str, ...] | None:
    """The values of a Literal, whether or not None is one more; None of any other annotation."""
    if get_origin(hint) in (Union, UnionType):
        return next((_words(each) for each in get_args(hint) if each is not NoneType), None)
    return get_args(hint) if get_origin(hint) is Literal else None


@cache
def columns(row: type[Row]) -> tuple[Column, ...]:
    """The columns of a table in order, from the annotations of its row."""
    found = []
    for name, hint in get_type_hints(row, include_extras=True).items():
        inner, *notes = get_args(hint)
        meaning = next(note.description for note in notes if note.description)
        dtype, nullable = _dtype(inner if len(notes) == 1 else hint)
        found.append(Column(name, dtype, nullable, meaning, _words(inner)))
    return tuple(found)


def schema(row: type[Row]) -> pl.Schema:
    """The Parquet schema of a table."""
    return pl.Schema({column.name: column.dtype for column in columns(row)})


def row_frame(row: type[Row], rows: Iterable[Row]) -> pl.DataFrame:
    """Rows as a data frame, in the order given.

    Args:
        row: the kind of row, which has the schema.
        rows: what it holds.

    Returns:
        A frame with the table's schema, also of no rows.
    """
    found = list(rows)
    # Column by column: polars takes longer over rows.
    return pl.DataFrame(
        [
            _series(name, [getattr(each, name) for each in found], dtype)
            for name, dtype in schema(row).items()
        ]
    )


def _series(name: str, values: list[Any], dtype: Any) -> pl.Series:
    if not isinstance(dtype, pl.Decimal):
        return pl.Series(name, values, dtype=dtype)
    # As texts: for a single Decimal polars loads numpy, which takes longer than all else here.
    texts = [None if each is None else str(each) for each in values]
    return pl.Series(name, texts, dtype=pl.String).cast(dtype)
