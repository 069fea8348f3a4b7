"""The lines of a trace in the forms that are published, each with its time as it is written.

Mooncake (R. Qin et al., "Mooncake", FAST 2025), JSON lines, milliseconds. Equal `hash_ids` at the
beginning of two prompts mean that their first blocks of 512 tokens were the same:

    {"timestamp": 3052, "input_length": 7234, "output_length": 794, "hash_ids": [0, 28, 29]}

Bailian (Alibaba's qwen-bailian-usagetraces-anon), JSON lines with a `chat_id`: seconds, and blocks
of 16 tokens. Sessions: a line without a time of its own has a `delay` after the line before of its
`session_id`.

BurstGPT (Y. Wang et al., "BurstGPT", arXiv:2401.17644), CSV, seconds; Azure's (AzurePublicDataset,
LLM inference traces), CSV, moments. Other columns are ignored:

    Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
    45,ChatGPT,1087,230,1317,Conversation log

    TIMESTAMP,ContextTokens,GeneratedTokens
    2024-05-10 00:00:00.0099300,2162,5
"""

import csv
import datetime as dt
import math
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from ..errors import InputError
from ..files import Source
from .lengths import LONGEST_TOKENS

MOST_TIME = 1e15  # about the year 33,000 in milliseconds
# Columns of time, input and output.
TABLES = (
    ("timestamp", "request tokens", "response tokens"),
    ("timestamp", "contexttokens", "generatedtokens"),
)
WANTED = (
    "a trace is a CSV file with Timestamp, Request tokens and Response tokens (or TIMESTAMP, "
    "ContextTokens and GeneratedTokens), or JSON lines with timestamp, input_length and "
    "output_length"
)
DELIMITERS = ",;\t|"
# datetime reads six digits of a second; Azure's first trace has seven.
_DIGITS_TOO_MANY = re.compile(r"(\.\d{6})\d+")

Block = int | str
Form = Literal["mooncake", "bailian", "table"]


class TraceLine(NamedTuple):
    """One request of a trace.

    Args:
        number: of its line, from 1.
        time: as it is written; a moment in seconds since 1970.
        is_moment: whether it was written as a date.
        input_tokens: None where the line has none.
        output_tokens: 0 of a request that failed.
        blocks: ids of the prompt's first blocks.
        form: of the line.
    """

    number: int
    time: float
    is_moment: bool
    input_tokens: int | None
    output_tokens: int
    blocks: tuple[Block, ...] = ()
    form: Form = "table"


class _Fields(msgspec.Struct):
    input_length: float | None = None
    output_length: float | None = None
    timestamp: float | str | None = None
    hash_ids: list[int | str] | None = None
    session_id: str | int | None = None
    delay: float | None = None
    chat_id: Any = None


def trace_lines(source: Source) -> Iterator[TraceLine]:
    """The requests in the order of the file. Raises InputError, naming the line at fault."""
    head = source.head(lambda head: bool(head.strip()))
    yield from _of_json(source) if head.lstrip()[:1] == b"{" else _of_table(source)


def _of_json(source: Source) -> Iterator[TraceLine]:
    decode = msgspec.json.Decoder(_Fields).decode
    session_times: dict[str | int, tuple[float, bool]] = {}
    for number, line in source.lines():
        if not line or line.isspace():
            continue
        try:
            found = decode(line)
            time, is_moment = _json_time(found, session_times)
            tokens = _count("input_length", found.input_length)
            output = _count("output_length", found.output_length)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise _at_fault(source, number, error) from error
        if found.session_id is not None:
            session_times[found.session_id] = time, is_moment
        form: Form = "mooncake" if found.chat_id is None else "bailian"
        blocks = tuple(found.hash_ids or ())
        yield TraceLine(number, time, is_moment, tokens, output, blocks, form)


def _json_time(
    found: _Fields, session_times: dict[str | int, tuple[float, bool]]
) -> tuple[float, bool]:
    """A line's time, and whether it is a moment. Raises ValueError."""
    if found.timestamp is not None:
        return _time(found.timestamp)
    if found.delay is None:
        raise ValueError("it has no timestamp")
    if found.session_id not in session_times:
        raise ValueError("it has a delay, and no line before is of its session_id")
    before, is_moment = session_times[found.session_id]
    if is_moment:
        raise ValueError("its session began at a date, and a delay has no unit there")
    return _time(before + found.delay)


def _of_table(source: Source) -> Iterator[TraceLine]:
    texts = (line.decode("utf-8", "replace").rstrip("\r") for _, line in source.lines())
    first = next(texts, "").removeprefix("\ufeff")
    delimiter = max(DELIMITERS, key=first.count)
    try:
        cells = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error as error:
        raise _at_fault(source, 1, error) from error
    header = [name.strip().lower() for name in cells]
    if not header:
        return
    names = next((names for names in TABLES if set(names) <= set(header)), None)
    if names is None:
        nearest = max(TABLES, key=lambda names: len(set(names) & set(header)))
        missing = ", ".join(name for name in nearest if name not in header)
        raise InputError(f"{source.path} lacks the columns {missing}; {WANTED}")
    places = [header.index(name) for name in names]
    rows = csv.reader(texts, delimiter=delimiter)
    while True:
        try:
            if (row := next(rows, None)) is None:
                return
            if not row:
                continue
            time, tokens, output = (row[place].strip() for place in places)
            if delimiter == ";":  # as where a comma stands for the decimal point
                time = time.replace(",", ".")
            yield TraceLine(
                rows.line_num + 1,
                *_time(_number_or_text(time)),
                _count(names[1], float(tokens)) if tokens else None,
                _count(names[2], float(output or 0)),
            )
        except (IndexError, csv.Error, ValueError) as error:
            raise _at_fault(source, rows.line_num + 1, error) from error


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _time(written: float | str) -> tuple[float, bool]:
    """A time as a number, and whether it is a moment. Raises ValueError."""
    if isinstance(written, str):
        try:
            moment = dt.datetime.fromisoformat(_DIGITS_TOO_MANY.sub(r"\1", written))
        except ValueError:
            raise ValueError(f"its timestamp {written[:60]!r} is not a time") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp(), True
    if not math.isfinite(written) or abs(written) > MOST_TIME:
        raise ValueError(f"its timestamp {written:g} is not a time")
    return written, False


def _count(name: str, value: float | None) -> int:
    """A number of tokens, also as `472.0`. Raises ValueError."""
    if value is None:
        raise ValueError(f"it has no {name}")
    if not 0 <= value <= LONGEST_TOKENS or not value.is_integer():
        raise ValueError(f"{name} is {value:g}; it is a whole number up to {LONGEST_TOKENS:,}")
    return int(value)


def _at_fault(source: Source, number: int, error: Exception) -> InputError:
    if isinstance(error, csv.Error) and "new-line" in str(error):
        error = ValueError("it has a CR inside; end every line alike, with LF")
    return InputError(f"line {number} of {source.path} is not a request: {error}")
