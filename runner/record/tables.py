"""A journal segment as tables: the rows that it holds, in their order.

A full segment has some ten thousand records. Made into objects and taken apart again by column they
would hold up the requests for half a second (one thread runs Python at a time), so polars reads the
records of ended attempts itself. What it may misread is read record by record instead: a segment
whose last line is torn, one with a record that is damaged or rare.
"""

import io
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from jobs import (
    Attempt,
    BalanceRead,
    BalanceReading,
    Decided,
    Ended,
    JournalRecord,
    Result,
    Row,
    Sent,
    columns,
    frame,
    schema,
)

from .files import storage
from .journal import read_segment

# How msgspec writes the two kinds that make up all but a few lines: the tag comes first.
_ENDED = b'{"type":"ended",'
_SENT = b'{"type":"sent",'
_REOPENED = b'"reopened":true'
_decoder: msgspec.json.Decoder[JournalRecord] = msgspec.json.Decoder(JournalRecord)
_TEXTS = (pl.Decimal, pl.Datetime)  # JSON has them as strings


class Tables(NamedTuple):
    """What a segment holds; `reopened` are jobs whose earlier result its results replace."""

    attempts: pl.DataFrame
    results: pl.DataFrame
    readings: list[BalanceReading]
    reopened: set[int]


def tables_in(segment: Path) -> Tables:
    """The rows of a segment. Raises StorageError where it can't be read or is damaged."""
    with storage(segment):
        lines = segment.read_bytes().split(b"\n")
    return _at_once(lines) or _one_by_one(segment)


def _at_once(lines: list[bytes]) -> Tables | None:
    """The same by polars' own reader; None where it is not sure to be the same."""
    if lines.pop() != b"":
        return None  # torn
    ended: list[bytes] = []
    reopened: set[int] = set()
    readings: list[BalanceReading] = []
    for line in lines:
        if line.startswith(_ENDED):
            ended.append(line)
        elif not line.startswith(_SENT) or _REOPENED in line:
            try:
                record = _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return None
            if isinstance(record, BalanceRead):
                readings.append(record.reading)
            elif not isinstance(record, Sent):
                return None  # its place is between the others
            elif record.reopened:
                reopened.add(record.index)
    if not ended:
        return None
    kinds: dict[str, type[Row]] = {"attempt": Attempt, "result": Result}
    shape = {name: pl.Struct(_as_json_has(kind)) for name, kind in kinds.items()}
    try:
        both = pl.read_ndjson(io.BytesIO(b"\n".join(ended)), schema=shape)
        attempts = _table(both["attempt"], Attempt)
        results = _table(both["result"].drop_nulls(), Result)
    except pl.exceptions.PolarsError:
        return None
    whole = len(attempts) == len(ended) and _complete(attempts, Attempt)
    if not whole or not _complete(results, Result):
        return None
    return Tables(attempts, results, readings, reopened)


def _as_json_has(kind: type[Row]) -> pl.Schema:
    return pl.Schema(
        {
            name: pl.String() if isinstance(dtype, _TEXTS) else dtype
            for name, dtype in schema(kind).items()
        }
    )


def _table(column: pl.Series, kind: type[Row]) -> pl.DataFrame:
    """A column of objects as a table. Raises polars' errors for a text that is no such value."""
    read = []
    for name, dtype in schema(kind).items():
        if isinstance(dtype, pl.Datetime):
            read.append(pl.col(name).str.to_datetime("%+", time_unit="us", time_zone="UTC"))
        elif isinstance(dtype, pl.Decimal):
            read.append(pl.col(name).cast(dtype))
        else:
            read.append(pl.col(name))
    return column.struct.unnest().select(read)


def _complete(table: pl.DataFrame, kind: type[Row]) -> bool:
    """Whether every column that may not be null has no null: a misread value becomes one."""
    return not any(table[each.name].null_count() for each in columns(kind) if not each.nullable)


def _one_by_one(segment: Path) -> Tables:
    results: list[Result] = []
    attempts: list[Attempt] = []
    readings: list[BalanceReading] = []
    reopened: set[int] = set()
    for record in read_segment(segment):
        match record:
            case Sent(reopened=True, index=index):
                reopened.add(index)
            case Ended(attempt=attempt, result=result):
                attempts.append(attempt)
                if result is not None:
                    results.append(result)
            case Decided(result=result, replaces=replaces):
                results.append(result)
                if replaces:
                    reopened.add(result.index)
            case BalanceRead(reading=reading):
                readings.append(reading)
    return Tables(frame(Attempt, attempts), frame(Result, results), readings, reopened)
