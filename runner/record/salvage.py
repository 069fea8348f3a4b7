"""What a worker of this session left when it was lost: read, and nothing touched.

Its parts and segments are whole but for a torn last line, since it is gone. The session that lost
it writes down what was in flight, and seals its segments when it ends.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl

from headrace.jobs import (
    Attempt,
    Decided,
    Ended,
    Reask,
    SegmentName,
    Sent,
    Status,
    journal_segments,
    kept_for,
    kept_in,
    numbered_files,
)

from ..errors import StorageError
from .journal import read_segment


class Salvage(NamedTuple):
    """`unended` are the attempts that were in flight. `results` has the status of each job that the
    worker decided in its journal or its tables, by its line, `attempts` the number of the latest
    attempt of each that it began, `reasks` the answers that did not fit.

    `spent` and `kept` are those of its ended attempts.
    """

    unended: list[Sent]
    results: dict[int, Status]
    attempts: dict[int, int]
    reasks: dict[int, list[Reask]]
    spent: Decimal
    kept: Decimal

    @property
    def bounds(self) -> Decimal:
        """The most that what was in flight may be billed, as far as it has bounds."""
        return sum((kept_for(sent.lost()) for sent in self.unended), Decimal(0))

    @property
    def succeeded(self) -> int:
        return sum(status == "succeeded" for status in self.results.values())

    @property
    def failed(self) -> int:
        return len(self.results) - self.succeeded


def salvage(run: Path, writer: int, since: int) -> Salvage:
    """Read what a worker wrote in this session.

    Args:
        run: the run directory.
        writer: its number.
        since: the number of the session's first segment.

    Raises:
        StorageError: it can't be read.
    """
    begun: dict[tuple[int, int], Sent] = {}
    ends: dict[tuple[int, int], Attempt] = {}
    results: dict[int, Status] = {}
    reasks: dict[int, list[Reask]] = {}
    spent, kept = Decimal(0), Decimal(0)
    made: dict[int, int] = {}
    open_segments = set[SegmentName]()

    def is_its(name: SegmentName) -> bool:
        return name.writer == writer and name.number >= since

    for name, path in journal_segments(run / "journal"):
        if not is_its(name):
            continue
        open_segments.add(name)  # a crash may come between its parts and its removal
        for record in read_segment(path):
            match record:
                case Sent():
                    begun[record.index, record.attempt] = record
                case Ended(attempt=attempt, result=result, reask=reask):
                    ends[attempt.index, attempt.attempt] = attempt
                    if result is not None:
                        results[result.index] = result.status
                    if reask is not None:
                        reasks.setdefault(reask.index, []).append(reask)
                case Decided(result=result):
                    results[result.index] = result.status
    for attempt in ends.values():
        spent += attempt.cost or 0
        kept += kept_for(attempt) if attempt.cost is None else 0
    try:
        for name, part in _parts(run / "attempts"):
            if is_its(name) and name not in open_segments:
                rows = pl.read_parquet(part)
                spent += Decimal(rows["cost"].sum() or 0)
                kept += kept_in(rows)
                for index, attempt_number in rows.select("index", "attempt").iter_rows():
                    made[index] = max(made.get(index, 0), attempt_number)
        for name, part in _parts(run / "results"):
            if is_its(name) and name not in open_segments:
                rows = pl.read_parquet(part, columns=["index", "status"])
                results |= dict(rows.select("index", "status").iter_rows())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(f"a part in {run} can't be read ({error}); restore it") from error
    for index, number in (*begun, *ends):
        made[index] = max(made.get(index, 0), number)
    unended = [sent for key, sent in begun.items() if key not in ends]
    return Salvage(unended, results, made, reasks, spent, kept)


def _parts(directory: Path) -> Sequence[tuple[SegmentName, Path]]:
    return numbered_files(directory, "part-", ".parquet")
