"""A journal segment as tables: the rows that it holds, in their order.

A full segment has some ten thousand records. Made into objects and taken apart again by column they
would hold up the requests for half a second (one thread runs Python at a time), so polars reads the
records of ended attempts itself. What it may misread is read record by record instead: a segment
whose last line is torn, one with a record that is damaged or rare.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from headrace.jobs import (
    OF_LAST_ATTEMPT,
    Attempt,
    BalanceRead,
    BalanceReading,
    Column,
    Decided,
    Ended,
    JobEnd,
    JournalRecord,
    Reask,
    Result,
    Sent,
    columns,
    row_frame,
    schema,
)

from ..errors import StorageError
from .files import storage
from .journal import read_segment
from .vectors import vector_lists

# Columns that the journal has in another form.
_STORED = {"vectors": pl.List(pl.String)}
# At once from the disk: a read lets go of the GIL, and has to wait to get it back.
READ_BYTES = 1024 * 1024
# How msgspec writes the two kinds that make up all but a few lines: the tag comes first. Neither
# marker can be part of a string, whose quotes are escaped.
_ENDED = b'{"type":"ended","attempt":'
_RESULT = b',"result":'  # of an earlier version
_REASK = b',"reask":'
_FINISHED = b'{"type":"finished","attempt":'
_JOB = b',"job":'
_SENT = b'{"type":"sent",'
_REOPENED = b'"reopened":true'
_decoder: msgspec.json.Decoder[JournalRecord] = msgspec.json.Decoder(JournalRecord)
_reask_decoder = msgspec.json.Decoder(Reask)


class Tables(NamedTuple):
    """What a segment holds; `reopened` are jobs whose earlier result its results replace."""

    attempts: pl.DataFrame
    results: pl.DataFrame
    readings: pl.DataFrame
    reopened: set[int]
    reasks: list[Reask]


def tables_in(segment: Path, *, skip_damaged: bool = False) -> Tables:
    """The rows of a segment. Raises StorageError where it can't be read, or is damaged and nobody
    said to `skip_damaged`."""
    try:
        if skip_damaged:
            return _one_by_one(segment, skip_damaged=True)
        return _at_once(segment) or _one_by_one(segment)
    except (pl.exceptions.PolarsError, ArithmeticError) as error:
        raise StorageError(
            f"{segment} holds a number that no column takes; restore it, or choose another --out"
        ) from error


def _at_once(segment: Path) -> Tables | None:
    """The same by polars' own reader; None where it is not sure to be the same."""
    attempts: list[bytes] = []
    finished: list[bool] = []  # whether the attempt is the last of its job
    ends: list[bytes] = []
    reopened: set[int] = set()
    readings: list[BalanceReading] = []
    reasks: list[Reask] = []
    with storage(segment), segment.open("rb", buffering=READ_BYTES) as lines:
        for line in lines:
            if line.startswith(_FINISHED):
                attempt, _, end = line[len(_FINISHED) : -2].partition(_JOB)
                if not line.endswith(b"}}\n") or not end:
                    return None  # torn or damaged
                attempts.append(attempt)
                finished.append(True)
                ends.append(end)
            elif line.startswith(_ENDED):
                if not line.endswith(b"}}\n") or _RESULT in line:
                    return None
                attempt, _, unfit = line[len(_ENDED) : -2].partition(_REASK)
                if unfit:
                    try:
                        reasks.append(_reask_decoder.decode(unfit))
                    except (msgspec.DecodeError, UnicodeDecodeError):
                        return None
                attempts.append(attempt)
                finished.append(False)
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
        rows = _table(attempts, columns(Attempt))
        results = _results(rows.filter(pl.Series(finished, dtype=pl.Boolean)), ends)
    except (pl.exceptions.PolarsError, _MisreadError):
        return None
    return Tables(rows, results, row_frame(BalanceReading, readings), reopened, reasks)


def _results(last: pl.DataFrame, ends: list[bytes]) -> pl.DataFrame:
    """The results of jobs, from the rows of their last attempts and what they add to these."""
    shared = last.select(*OF_LAST_ATTEMPT, attempts=pl.col("attempt"))
    own = [each for each in columns(Result) if each.name in JobEnd.__struct_fields__]
    table = _table(ends, [each._replace(dtype=_STORED.get(each.name, each.dtype)) for each in own])
    table = table.with_columns(vector_lists(table["vectors"]))
    return shared.hstack(table.get_columns()).select(schema(Result).names())


class _MisreadError(Exception):
    """Polars made something else of a line than its record."""


def _table(rows: list[bytes], wanted: Sequence[Column]) -> pl.DataFrame:
    """Rows in JSON as a table. Raises polars' errors and _MisreadError where one is damaged."""
    if not rows:
        return pl.DataFrame(schema={each.name: each.dtype for each in wanted})
    shape, texts = {}, []
    for name, dtype, *_ in wanted:
        shape[name] = dtype
        if isinstance(dtype, pl.Datetime):
            shape[name] = pl.String()
            texts.append(pl.col(name).str.to_datetime("%+", time_unit="us", time_zone="UTC"))
        elif isinstance(dtype, pl.Decimal):
            shape[name] = pl.String()
            texts.append(pl.col(name).cast(dtype))
    table = pl.read_ndjson(b"\n".join(rows), schema=shape).with_columns(texts)
    # A misread value becomes null, and so does a column that is not there.
    needed = [each.name for each in wanted if not each.nullable]
    if len(table) != len(rows) or any(table[name].null_count() for name in needed):
        raise _MisreadError
    return table


def _one_by_one(segment: Path, *, skip_damaged: bool = False) -> Tables:
    results: list[Result] = []
    attempts: list[Attempt] = []
    readings: list[BalanceReading] = []
    reopened: set[int] = set()
    reasks: list[Reask] = []
    for record in read_segment(segment, skip_damaged=skip_damaged):
        match record:
            case Sent(reopened=True, index=index):
                reopened.add(index)
            case Ended(attempt=attempt, result=result, reask=reask):
                attempts.append(attempt)
                if reask is not None:
                    reasks.append(reask)
                if result is not None:
                    results.append(result)
            case Decided(result=result, replaces=replaces):
                results.append(result)
                if replaces:
                    reopened.add(result.index)
            case BalanceRead(reading=reading):
                readings.append(reading)
    return Tables(
        row_frame(Attempt, attempts),
        row_frame(Result, results),
        row_frame(BalanceReading, readings),
        reopened,
        reasks,
    )
