"""A journal segment as tables: the rows that it holds, in their order.

A full segment has some ten thousand records. Made into objects and taken apart again by column they
would hold up the requests for half a second (one thread runs Python at a time), so polars reads the
records of ended attempts itself. What it may misread is read record by record instead: a segment
whose last line is torn, one with a record that is damaged or rare.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from headrace.jobs import (
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
    row_frame,
    schema,
)

from .files import storage
from .journal import read_segment

# At once from the disk: a read lets go of the GIL, and has to wait to get it back.
READ_BYTES = 1024 * 1024
# How msgspec writes the two kinds that make up all but a few lines: the tag comes first. Neither
# marker can be part of a string, whose quotes are escaped.
_ENDED = b'{"type":"ended","attempt":'
_RESULT = b',"result":'
_SENT = b'{"type":"sent",'
_REOPENED = b'"reopened":true'
_decoder: msgspec.json.Decoder[JournalRecord] = msgspec.json.Decoder(JournalRecord)


class Tables(NamedTuple):
    """What a segment holds; `reopened` are jobs whose earlier result its results replace."""

    attempts: pl.DataFrame
    results: pl.DataFrame
    readings: list[BalanceReading]
    reopened: set[int]


def tables_in(segment: Path) -> Tables:
    """The rows of a segment. Raises StorageError where it can't be read or is damaged."""
    return _at_once(segment) or _one_by_one(segment)


def _at_once(segment: Path) -> Tables | None:
    """The same by polars' own reader; None where it is not sure to be the same."""
    attempts: list[bytes] = []
    results: list[bytes] = []
    reopened: set[int] = set()
    readings: list[BalanceReading] = []
    with storage(segment), segment.open("rb", buffering=READ_BYTES) as lines:
        for line in lines:
            if line.startswith(_ENDED):
                if not line.endswith(b"}}\n"):
                    return None  # torn or damaged
                attempt, _, result = line[len(_ENDED) : -2].partition(_RESULT)
                attempts.append(attempt)
                if result:
                    results.append(result)
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
    try:
        return Tables(_table(attempts, Attempt), _table(results, Result), readings, reopened)
    except (pl.exceptions.PolarsError, _MisreadError):
        return None


class _MisreadError(Exception):
    """Polars made something else of a line than its record."""


def _table(rows: list[bytes], kind: type[Row]) -> pl.DataFrame:
    """Rows in JSON as a table. Raises polars' errors and _MisreadError where one is damaged."""
    if not rows:
        return row_frame(kind, [])
    shape, texts = {}, []
    for name, dtype in schema(kind).items():
        shape[name] = dtype
        if isinstance(dtype, pl.Datetime):
            shape[name] = pl.String()
            texts.append(pl.col(name).str.to_datetime("%+", time_unit="us", time_zone="UTC"))
        elif isinstance(dtype, pl.Decimal):
            shape[name] = pl.String()
            texts.append(pl.col(name).cast(dtype))
    table = pl.read_ndjson(b"\n".join(rows), schema=shape).with_columns(texts)
    # A misread value becomes null, and so does a column that is not there.
    needed = [each.name for each in columns(kind) if not each.nullable]
    if len(table) != len(rows) or any(table[name].null_count() for name in needed):
        raise _MisreadError
    return table


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
    return Tables(row_frame(Attempt, attempts), row_frame(Result, results), readings, reopened)
