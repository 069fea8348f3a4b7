"""How a run is going, read from its directory by another process while it works, or after it died.

Everything is from the records: what the limits hold back and what the service refuses show in the
last attempts. Nothing in the directory is changed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from headrace.jobs import (
    OUTAGE_AFTER,
    InputError,
    JobFile,
    Limits,
    open_source,
    toward_outage,
)

from ..run import Run, open_run, reading_tables
from ..service_runs import by_service
from .kept_money import kept_money

STATUS_SCHEMA_VERSION = 1
MINUTE = timedelta(seconds=60)
# The pace is that of the last minutes: long enough to even out a cool-down.
PACE = timedelta(minutes=5)
LINES_BYTES_MAX = 2**30

ORPHANED = "its workers are left, and what they have in flight may finish"


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One service of a run, with its own limits; figures are as those of `RunStatus`. `stopped` is
    why nothing more is sent there in this session."""

    name: str
    succeeded: int
    failed: int
    attempts: int
    in_flight: int
    requests_last_minute: int
    tokens_last_minute: int
    limits: Limits
    cost: Decimal | None
    cooling_down_s: float | None
    failing_since: datetime | None
    failing_attempts: int
    stopped: str | None


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A run at the moment `at`. What isn't known is None.

    `requests_last_minute` and `tokens_last_minute` are what the limits count. `jobs_total` are the
    lines of the job file where it can still be read, `left_s` the time that the rest takes at the
    pace of the last five minutes. `longest_in_flight_s` is the age of the oldest request under way.
    `cooling_down_s` is what is left of the pause that a 429 asked for; `failing_since` begins a row
    of 20 failures or more that has not ended. `kept` is what counts as spent for attempts whose
    bill is unknown, None without prices; `notes` are those of the newest session. `services` are
    left out where there are none; with them, what is said of a pause and of failures is of the one
    that has it worst.
    """

    schema_version: int
    run: str
    kind: str
    at: datetime
    state: str
    reason: str | None
    session_started_at: datetime
    sessions: int
    succeeded: int
    failed: int
    rejected: int
    attempts: int
    in_flight: int
    longest_in_flight_s: float | None
    jobs_total: int | None
    share: float | None
    left_s: float | None
    jobs_per_minute: float | None
    requests_last_minute: int
    tokens_last_minute: int
    limits: Limits
    cost: Decimal | None
    currency: str | None
    kept: Decimal | None
    notes: list[str]
    last_end_at: datetime | None
    cooling_down_s: float | None
    failing_since: datetime | None
    failing_attempts: int
    services: list[ServiceStatus] | msgspec.UnsetType = msgspec.UNSET

    @property
    def by_service(self) -> list[ServiceStatus]:
        """Each service's part; [] where the run has no services."""
        return [] if self.services is msgspec.UNSET else self.services


def status_of(directory: Path, *, now: datetime, before: RunStatus | None = None) -> RunStatus:
    """Look at the run in a directory, and change nothing in it.

    Args:
        directory: the run.
        now: the moment that it is looked at, with a time zone.
        before: what an earlier look found, whose lines of the job file are not counted again.

    Raises:
        InputError: it is not a run, or can't be read.
    """
    run = open_run(directory)
    with reading_tables(directory):
        return _status(run, now, before)


def _status(run: Run, now: datetime, before: RunStatus | None) -> RunStatus:
    last = run.manifest.sessions[-1]
    counts = dict(run.results.group_by("status").len().collect().iter_rows())
    succeeded, failed = counts.get("succeeded", 0), counts.get("failed", 0)
    total = _jobs_total(run) if before is None else before.jobs_total
    finished = succeeded + failed + run.rejected
    sending = run.running and not run.orphaned
    pace = _jobs_per_minute(run, now) if sending else None
    left_s = None
    if total is not None and pace:
        left_s = max(0, total - finished) / pace * 60
    attempts, cost, last_end = _totals(run)
    requests, tokens = _last_minute(run, now)
    services = [_of_service(name, part, now) for name, part in by_service(run).items()]
    held_s, failing_since, failing = _worst(services) if services else _held_up(run, now)
    oldest = min(run.in_flight_since, default=None)
    return RunStatus(
        schema_version=STATUS_SCHEMA_VERSION,
        run=str(run.directory),
        kind=run.manifest.kind,
        at=now,
        state="crashed" if last.state == "running" and not sending else last.state,
        reason=last.reason,
        session_started_at=last.started_at,
        sessions=len(run.manifest.sessions),
        succeeded=succeeded,
        failed=failed,
        rejected=run.rejected,
        attempts=attempts,
        in_flight=run.in_flight,
        longest_in_flight_s=None if oldest is None else (now - oldest).total_seconds(),
        jobs_total=total,
        share=min(1.0, finished / total) if total else None,
        left_s=left_s,
        jobs_per_minute=pace,
        requests_last_minute=requests,
        tokens_last_minute=tokens,
        limits=last.limits,
        cost=cost,
        currency=run.manifest.currency,
        kept=None if run.manifest.currency is None else _kept(run),
        notes=[*last.notes, *([ORPHANED] if run.orphaned else [])],
        last_end_at=last_end,
        cooling_down_s=held_s,
        failing_since=failing_since,
        failing_attempts=failing,
        services=services or msgspec.UNSET,
    )


def _of_service(name: str, part: Run, now: datetime) -> ServiceStatus:
    counts = dict(part.results.group_by("status").len().collect().iter_rows())
    attempts, cost, _ = _totals(part)
    requests, tokens = _last_minute(part, now)
    held_s, failing_since, failing = _held_up(part, now)
    session = part.manifest.sessions[-1]
    return ServiceStatus(
        name=name,
        succeeded=counts.get("succeeded", 0),
        failed=counts.get("failed", 0),
        attempts=attempts,
        in_flight=part.in_flight,
        requests_last_minute=requests,
        tokens_last_minute=tokens,
        limits=session.limits,
        cost=cost,
        cooling_down_s=held_s,
        failing_since=failing_since,
        failing_attempts=failing,
        stopped=session.stopped_services.get(name),
    )


class _HeldUp(NamedTuple):
    """What keeps a running run from sending: a pause, and failures since some moment."""

    cooling_down_s: float | None
    failing_since: datetime | None
    failing_attempts: int


NOT_HELD_UP = _HeldUp(None, None, 0)


def _held_up(run: Run, now: datetime) -> _HeldUp:
    return _HeldUp(_cooling_down_s(run, now), *_failing(run)) if run.running else NOT_HELD_UP


def _worst(services: Sequence[ServiceStatus]) -> _HeldUp:
    """Of several services: the longest pause, and the failures that have lasted longest."""
    paused = [each.cooling_down_s for each in services if each.cooling_down_s is not None]
    failing = [
        (each.failing_since, each.failing_attempts)
        for each in services
        if each.failing_since is not None
    ]
    return _HeldUp(max(paused, default=None), *min(failing, default=(None, 0)))


def _totals(run: Run) -> tuple[int, Decimal | None, datetime | None]:
    """Attempts, their cost (0 before the first), and when the last result came."""
    row = run.made.select(pl.len().alias("attempts"), pl.col("cost").sum()).collect()
    end = run.results.select(pl.col("ended_at").max()).collect().item()
    cost = None if run.manifest.currency is None else Decimal(row["cost"][0] or 0)
    return row["attempts"][0], cost, end


def _kept(run: Run) -> Decimal:
    found = kept_money(run)
    return Decimal(0) if found is None else found.kept


def _jobs_per_minute(run: Run, now: datetime) -> float | None:
    """Results of the last minutes, of this session; None before the first ten seconds are over."""
    since = max(now - PACE, run.manifest.sessions[-1].started_at)
    minutes = (now - since).total_seconds() / 60
    if minutes * 60 < 10:
        return None
    ended = run.results.filter(pl.col("ended_at") > since).select(pl.len()).collect().item()
    return float(ended / minutes)


def _last_minute(run: Run, now: datetime) -> tuple[int, int]:
    """Requests sent in the last minute, those under way too, and the tokens of their answers."""
    used = pl.col("input_tokens").fill_null(0) + pl.col("output_tokens").fill_null(0)
    row = (
        run.attempts.filter(pl.col("sent_at") > now - MINUTE)
        .select(pl.len().alias("requests"), used.sum().alias("tokens"))
        .collect()
        .row(0)
    )
    under_way = sum(sent > now - MINUTE for sent in run.in_flight_since)
    return row[0] + under_way, int(row[1])


def _cooling_down_s(run: Run, now: datetime) -> float | None:
    """What is left of the pause that the latest 429 with a Retry-After asked for."""
    asked = run.attempts.filter(
        (pl.col("http_status") == 429) & pl.col("retry_after_s").is_not_null()
    )
    answered = pl.col("sent_at") + pl.duration(
        microseconds=(pl.col("first_byte_s").fill_null(0.0) + pl.col("retry_after_s")) * 1e6
    )
    until = asked.select(answered.max()).collect().item()
    left_s = 0.0 if until is None else (until - now).total_seconds()
    return left_s if left_s > 0 else None


def _failing(run: Run) -> tuple[datetime | None, int]:
    """Since when, and how often, nothing but failures of the service came back."""
    failing = toward_outage()
    ended = run.attempts.filter(pl.col("sent_at").is_not_null())
    working = ended.filter(~failing).select(pl.col("sent_at").max()).collect().item()
    row = ended.filter(failing)
    if working is not None:
        row = row.filter(pl.col("sent_at") > working)
    since, count = row.select(pl.col("sent_at").min(), pl.len().alias("n")).collect().row(0)
    return (since, count) if count >= OUTAGE_AFTER else (None, 0)


def _jobs_total(run: Run) -> int | None:
    """The lines of the job file, where it is there and still the one that the run began with."""
    file = run.manifest.job_file
    if run.manifest.kind != "bulk" or file is None or file.size_bytes is None:
        return None
    if file.size_bytes > LINES_BYTES_MAX or not Path(file.path).is_file():
        return None
    try:
        return _lines(file)
    except InputError:  # it can't be read any more: then the total is not known
        return None


def _lines(file: JobFile) -> int | None:
    with open_source(file.path) as source:
        if source.identity != file:
            return None
        count = size_bytes = 0
        for _, line in source.lines():
            size_bytes += len(line)
            if size_bytes > LINES_BYTES_MAX:  # unpacked: a small file may hold any number
                return None
            if not count and line.strip() and not _is_job(line):
                return None
            count += bool(line.strip())
        return count


def _is_job(line: bytes) -> bool:
    """Whether a line is a job by itself, and not the beginning of a document."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(found, dict) and "requests" not in found
