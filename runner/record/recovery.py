"""What an earlier session left: its journal sealed, its lost attempts recorded, its state read."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl

from headrace.jobs import (
    LEFT_OUT,
    SCHEMA_CODE,
    Attempt,
    BalanceReading,
    Ended,
    Gap,
    Reask,
    Result,
    SegmentName,
    Sent,
    Status,
    journal_segments,
    kept_for,
    kept_in,
    missing_segments,
    numbered_files,
    read_left_out,
    row_frame,
)

from ..errors import StorageError
from ..limits import WINDOW_S
from .files import make_directory, storage
from .journal import Journal, read_segment
from .reasks import keep_unfit_answers, reasks_of
from .seal import seal
from .upgrade import upgrade, with_columns_of

CHECKED_EVERY = 4096  # records
# What `State.done` says of a line: its job is done, or has a result and is open again.
DONE = 1
REOPENED: dict[Status, int] = {"failed": 2, "succeeded": 3}


class RecentAttempt(NamedTuple):
    """A request that the limits still count."""

    sent_at: datetime
    tokens: int
    model: str
    service: str | None = None


class ServiceState(NamedTuple):
    """What one service has done so far; see `RecoveredState`."""

    succeeded: int
    failed: int
    spent: Decimal
    kept: Decimal
    readings: list[BalanceReading]


UNUSED = ServiceState(0, 0, Decimal(0), Decimal(0), [])


class RecoveredState(NamedTuple):
    """Where a run stands before a session adds to it.

    `done` has one byte for each line up to the last with a result: DONE, REOPENED, or 0.
    `attempts` has the number of attempts of each job without a result. `recent` are the requests
    of the last minute, oldest first; `lost` counts those that this recovery found without an end.
    `spent` is the computed cost, `kept` the bounds of attempts whose bill is unknown, without what
    readings of the account have released. `readings` are those since it began to be kept; the first
    was made when nothing was. Empty where nothing is kept, or where that reading is not known.
    `reasks` are, of jobs without a result, the answers that did not fit, oldest first.
    `by_service` has what each service has done, where there are several.
    """

    done: bytearray
    attempts: dict[int, int]
    recent: list[RecentAttempt]
    succeeded: int
    failed: int
    lost: int
    spent: Decimal
    kept: Decimal
    readings: list[BalanceReading]
    reasks: dict[int, list[Reask]]
    by_service: Mapping[str | None, "ServiceState"] = {}

    def of(self, service: str | None) -> "RecoveredState":
        """The same, with what one of several services has done in the place of what all have."""
        if service is None:
            return self
        recent = [each for each in self.recent if each.service == service]
        return self._replace(recent=recent, **self.by_service.get(service, UNUSED)._asdict())

    def has_result(self, index: int) -> bool:
        """Whether the job at this line is finished."""
        return index < len(self.done) and self.done[index] == DONE

    def replaced(self, index: int) -> Status | None:
        """The status of the result that the next one of this open job replaces, if it has one."""
        flag = self.done[index] if index < len(self.done) else 0
        return next((status for status, each in REOPENED.items() if each == flag), None)


class JournalLeft(NamedTuple):
    """What an earlier session left in the journal: its segments, the attempts without an end, and
    what can't be read of it."""

    segments: list[tuple[SegmentName, Path]]
    unended: list[Sent]
    gaps: list[Gap]

    @property
    def damaged(self) -> set[Path]:
        """Segments with lines that were skipped."""
        return {gap.path for gap in self.gaps if gap.lines}

    @property
    def notes(self) -> list[str]:
        """What can't be read, in words, for the report."""
        return [gap.words for gap in self.gaps]


def _nobody_asks() -> None:
    """Nothing ends it early."""


def journal_left(
    run: Path,
    named: Iterable[SegmentName],
    *,
    skip_damaged: bool = False,
    check: Callable[[], None] = _nobody_asks,
) -> JournalLeft:
    """Read what an earlier session left, and touch nothing.

    Args:
        run: its directory.
        named: the segments that run.json says are not in the tables.
        skip_damaged: continue without what can't be read, as the user said.
        check: called every now and then; what it raises ends it.

    Raises:
        StorageError: something can't be read that is not a crash of ours: to continue would send
            again what may have been paid for.
    """
    directory = run / "journal"
    with storage(directory):
        gaps = missing_segments(directory, named)
        segments = journal_segments(directory)
    if gaps and not skip_damaged:
        raise StorageError(gaps[0].refusal)
    begun: dict[tuple[int, int], Sent] = {}
    ended: set[tuple[int, int]] = set()
    without = {gap.path for gap in gaps}
    for _, path in segments:
        if path in without:
            continue
        # A segment may repeat what began before it.
        records = read_segment(path, told=gaps.append, skip_damaged=skip_damaged)
        for n, record in enumerate(records):
            if n % CHECKED_EVERY == 0:
                check()
            if isinstance(record, Sent):
                begun[record.index, record.attempt] = record
            elif isinstance(record, Ended):
                ended.add((record.attempt.index, record.attempt.attempt))
    unended = [sent for key, sent in begun.items() if key not in ended]
    return JournalLeft(segments, _without_rows(run, unended), gaps)


def _without_rows(run: Path, unended: list[Sent]) -> list[Sent]:
    """Those whose end is in no table either. What a lost worker had in flight ends in a segment of
    who lost it, which may have become tables before the worker's did. Raises StorageError."""
    if not unended:
        return []
    lines = pl.Series([sent.index for sent in unended], dtype=pl.Int64).implode()
    rows = set[tuple[int, int]]()
    try:
        for _, part in numbered_files(run / "attempts", "part-", ".parquet"):
            # One by one: some may have the columns of another version.
            of_these = pl.scan_parquet(part).filter(pl.col("index").is_in(lines))
            rows.update(of_these.select("index", "attempt").collect().iter_rows())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(
            f"a part in {run / 'attempts'} can't be read ({error}); restore it, or choose another "
            "--out"
        ) from error
    return [sent for sent in unended if (sent.index, sent.attempt) not in rows]


def recover(
    run: Path,
    *,
    now: datetime,
    left: JournalLeft | None = None,
    retry_failed: bool = False,
    changed: Collection[int] = (),
    reask: bool = False,
    unrecorded: Decimal = Decimal(0),
    check: Callable[[], None] = _nobody_asks,
) -> tuple[RecoveredState, Journal]:
    """Bring a run directory to rest, read its state, and open the journal's next segment.

    A crash in here is recovered like any other: lost attempts are journalled in the new segment
    before the segments that hold their beginnings are sealed. All parts then have this version's
    columns. The caller closes the journal.
    `left` is what `journal_left` read; None reads it here. `retry_failed` opens failed jobs again,
    `changed` those at these lines. With `reask` the former are also those whose answer did not fit,
    which is kept beside. `unrecorded` is what may have been billed for requests without a record.
    `check` is called every now and then; what it raises ends the recovery, which the next session
    continues.
    """
    directory = run / "journal"
    with storage(directory):
        make_directory(directory)
    left = left or journal_left(run, ())
    numbers = [name.number for name, _ in left.segments]
    # Above those of all writers: what an earlier session wrote is then before this one's.
    journal = Journal(directory, SegmentName(1 + max(numbers + _part_numbers(run), default=0)))
    try:
        for sent in left.unended:
            journal.append(Ended(attempt=sent.lost()))
        journal.sync()
        for name, segment in left.segments:
            check()
            seal(run, name, segment, damaged=segment in left.damaged)
        check()
        upgrade(run)
        check()
        if retry_failed and reask:
            keep_unfit_answers(run)
        state = _state(
            run,
            left.unended,
            now=now,
            retry_failed=retry_failed,
            changed=changed,
            reask=reask,
            unrecorded=unrecorded,
        )
    except BaseException:
        with suppress(StorageError):
            journal.close()
        raise
    return state, journal


def _part_numbers(run: Path) -> list[int]:
    tables = (run / "results", run / "attempts")
    parts = [name for table in tables for name, _ in numbered_files(table, "part-", ".parquet")]
    parts += [name for name, _ in numbered_files(run / "damaged", "", ".jsonl")]
    return [name.number for name in parts]


def _state(
    run: Path,
    unended: list[Sent],
    *,
    now: datetime,
    retry_failed: bool,
    changed: Collection[int],
    reask: bool,
    unrecorded: Decimal,
) -> RecoveredState:
    results = _read(run / "results", Result, "index", "status", "error_code", "attempts", "service")
    attempts = _read(
        run / "attempts",
        Attempt,
        *("index", "attempt", "sent_at", "model", "input_tokens", "output_tokens", "cost"),
        *("http_status", "cost_bound", "error_kind", "ttft_s", "service"),
    )
    again = pl.col("index").is_in(pl.Series(changed, dtype=pl.Int64).implode())
    if retry_failed:
        unfit = (pl.col("error_code") == SCHEMA_CODE).fill_null(value=False)
        again |= (pl.col("status") == "failed") & (pl.lit(reask) | ~unfit)
    flags = pl.when(again).then(pl.col("status").replace_strict(REOPENED)).otherwise(DONE)
    flagged = results.with_columns(flags.alias("flag"))
    done = bytearray(max(results["index"], default=-1) + 1)
    for index, flag in flagged.select("index", "flag").iter_rows():
        done[index] = flag
    finished = flagged.filter(pl.col("flag") == DONE)
    pending = attempts.join(finished, on="index", how="anti")
    made = dict(pending.group_by("index").agg(pl.col("attempt").max()).iter_rows())
    for sent in unended:
        made[sent.index] = max(made.get(sent.index, 0), sent.attempt)
    stands = pl.when(pl.col("flag") == DONE).then(-1).otherwise(pl.col("attempts"))
    answered = flagged.select("index", stands.alias("attempts"))
    used = pl.col("input_tokens").fill_null(0) + pl.col("output_tokens").fill_null(0)
    minute_ago = now - timedelta(seconds=WINDOW_S)
    late = attempts.filter(pl.col("sent_at") > minute_ago)
    rows = late.select("sent_at", used, "model", "service").iter_rows()
    recent = [RecentAttempt(*row) for row in rows]
    recent += [
        RecentAttempt(sent.sent_at, sent.reserved_tokens, sent.model, sent.service)
        for sent in unended
    ]
    # A wall clock that was set back since would have the limits wait until it is there again.
    recent = [each._replace(sent_at=min(each.sent_at, now)) for each in recent]
    gone = pl.Series([each.index for each in read_left_out(run / LEFT_OUT)], dtype=pl.Int64)
    counted = results.filter(~pl.col("index").is_in(gone.implode()))
    readings = _readings(run / "balance.parquet")
    by_service = _by_service(counted, attempts, unended, readings, unrecorded)
    return RecoveredState(
        done=done,
        attempts=made,
        recent=sorted(recent, key=lambda each: each.sent_at),
        succeeded=sum(each.succeeded for each in by_service.values()),
        failed=sum(each.failed for each in by_service.values()),
        lost=len(unended),
        spent=sum((each.spent for each in by_service.values()), Decimal(0)),
        kept=sum((each.kept for each in by_service.values()), Decimal(0)),
        readings=by_service[None].readings,
        reasks=reasks_of(run, answered, changed),
        by_service=by_service,
    )


def _by_service(
    results: pl.DataFrame,
    attempts: pl.DataFrame,
    unended: Sequence[Sent],
    readings: Sequence[BalanceReading],
    unrecorded: Decimal,
) -> dict[str | None, ServiceState]:
    """What each service has done; None is there always, and has what bears no service's name, and
    what is kept for nothing that is recorded."""
    names = [
        *attempts["service"].unique(),
        *results["service"].unique(),
        *(each.service for each in unended),
        *(each.service for each in readings),
    ]
    states: dict[str | None, ServiceState] = {}
    for name in dict.fromkeys((None, *names)):
        own = pl.col("service").eq_missing(pl.lit(name, dtype=pl.String))
        states[name] = _service_state(
            results.filter(own),
            attempts.filter(own),
            [each for each in unended if each.service == name],
            [each for each in readings if each.service == name],
            Decimal(0) if name is not None else unrecorded,
        )
    return states


def _service_state(
    results: pl.DataFrame,
    attempts: pl.DataFrame,
    unended: Sequence[Sent],
    readings: list[BalanceReading],
    unrecorded: Decimal,
) -> ServiceState:
    succeeded = int((results["status"] == "succeeded").sum())
    kept = sum((kept_for(sent.lost()) for sent in unended), kept_in(attempts) + unrecorded)
    kept = max(Decimal(0), kept - sum(each.released or Decimal(0) for each in readings))
    return ServiceState(
        succeeded=succeeded,
        failed=len(results) - succeeded,
        spent=Decimal(attempts["cost"].sum() or 0),
        kept=kept,
        readings=_since_nothing_kept(readings) if kept else [],
    )


def _since_nothing_kept(readings: list[BalanceReading]) -> list[BalanceReading]:
    """The readings with a balance from the last on that began a session with nothing kept."""
    shown = [each for each in readings if each.balance is not None]
    begins = [n for n, each in enumerate(shown) if each.moment == "before" and each.kept == 0]
    return shown[begins[-1] :] if begins else []


def _readings(path: Path) -> list[BalanceReading]:
    """All readings of the balance, oldest first."""
    if not path.exists():
        return []
    try:
        table = with_columns_of(BalanceReading, pl.read_parquet(path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(f"{path} can't be read ({error}); restore it") from error
    names = BalanceReading.__struct_fields__
    return [BalanceReading(**row) for row in table.select(names).sort("read_at").to_dicts()]


def _read(directory: Path, kind: type[Attempt] | type[Result], *names: str) -> pl.DataFrame:
    """These columns of a table; no rows where it has no part yet."""
    parts = sorted(directory.glob("*.parquet"))
    if not parts:
        return row_frame(kind, []).select(names)
    try:
        return pl.scan_parquet(parts).select(names).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(
            f"a part in {directory} can't be read ({error}); restore it, or choose another --out"
        ) from error
