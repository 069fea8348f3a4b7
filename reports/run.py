"""A run directory, read: its manifest, its tables, and whether it ended, crashed or is running."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from headrace.jobs import (
    LEFT_OUT,
    Attempt,
    BalanceRead,
    BalanceReading,
    DamagedJournalError,
    DamagedManifestError,
    Decided,
    Ended,
    Gap,
    InputError,
    JournalRecord,
    Manifest,
    Result,
    Row,
    SegmentName,
    Sent,
    check_path,
    check_row_count,
    check_rows,
    check_run_files,
    columns,
    decode_manifest,
    journal_segments,
    missing_segments,
    newer_schema,
    quiet_panics,
    read_journal_segment,
    read_left_out,
    read_run_file,
    row_frame,
    schema,
    sealed_rows,
)

from .completeness import refuse_incomplete
from .run_series import REPEATS_FILE, STEPS_FILE

RUN_JSON_BYTES_MAX = 16 * 1024 * 1024
PIECE_BYTES = 1024 * 1024


class Run(NamedTuple):
    """What a run directory records. The tables are lazy and in no order.

    `under_way` are the attempts in flight, where a process works on the run; where none does, they
    are rows of `attempts` already, as lost. `missing_columns` are
    null in parts that an earlier headrace wrote without them: "attempts.content_ttft_s". `notes`
    say what of the journal was gone, now and when earlier sessions resumed.
    `left_out` results are of rows that the run's table no longer has: `results` is without them.
    `orphaned` is whether only workers are left of a `running` one: they send nothing more.
    """

    directory: Path
    manifest: Manifest
    results: pl.LazyFrame
    attempts: pl.LazyFrame
    readings: pl.DataFrame
    rejected: int
    under_way: list[Sent]
    running: bool
    missing_columns: list[str]
    notes: list[str]
    left_out: int = 0
    orphaned: bool = False

    def allowing(self, client_error_s: float | None) -> "Run":
        """The run, judged as if `--client-error` had been this; as it is where that is None, and
        where it is not a load run."""
        load = self.manifest.load
        if client_error_s is None or load is None:
            return self
        facts = msgspec.structs.replace(load, client_error_s=client_error_s)
        return self._replace(manifest=msgspec.structs.replace(self.manifest, load=facts))

    @property
    def made(self) -> pl.LazyFrame:
        """The attempts that were made at anything: what a load run was due to send and never sent
        has a row, too."""
        unsent = pl.col("sent_at").is_null() & (pl.col("error_kind") == "cancelled")
        return self.attempts.filter(~unsent.fill_null(value=False))

    @property
    def in_flight_since(self) -> list[datetime]:
        """When the attempts that are under way were sent."""
        return [each.sent_at for each in self.under_way]

    @property
    def in_flight(self) -> int:
        """How many attempts are under way."""
        return len(self.under_way)


@contextmanager
def reading_tables(directory: Path) -> Iterator[None]:
    """Around whatever collects rows of a run: a table that can't be read is an InputError."""
    try:
        with quiet_panics():
            yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        said = str(error).partition("\n")[0]
        raise InputError(f"a table in {directory} can't be read: {said}; restore it") from error


def open_run(directory: Path) -> Run:
    """Read a run directory.

    It may be somebody else's: what is not a plain file in it is refused, and so is a table with a
    value that no run records.

    Raises:
        InputError: it is not a run, can't be read, or has lost rows.
    """
    check_path(directory)
    try:
        check_run_files(directory)
    except OSError as error:
        raise InputError(f"cannot read {directory}: {error.strerror}") from error
    with reading_tables(directory):
        return _opened(directory)


def _opened(directory: Path) -> Run:
    manifest = _manifest(directory)
    running = manifest.sessions[-1].state == "running" and _is_locked(directory)
    if not running:
        _refuse_missing(directory / "journal", manifest)
    run = _read(directory, manifest, running=running)
    return run._replace(orphaned=running and _is_orphaned(run))


def check_whole(directory: Path, manifest: Manifest) -> None:
    """Refuse a run that no other process works on where it can't be read, or has lost rows: what
    was paid for would be paid for again. A damaged journal is left to whoever recovers it.

    Args:
        directory: the run.
        manifest: what its run.json has.

    Raises:
        InputError: it is not whole.
    """
    with suppress(DamagedJournalError):
        _read(directory, manifest, running=False)


def _read(directory: Path, manifest: Manifest, *, running: bool) -> Run:
    gaps: list[Gap] = []
    journal = _Journal.read(directory / "journal", gaps.append)
    unended = [] if running else [sent.lost() for sent in journal.unended()]
    results = _table(directory / "results", Result, journal.results, ["index"])
    attempts = _table(
        directory / "attempts", Attempt, [*journal.attempts, *unended], ["index", "attempt"]
    )
    if not running:
        with reading_tables(directory):
            refuse_incomplete(directory, manifest, results, attempts)
    results, left_out = _without_left_out(directory, results)
    return Run(
        directory=directory,
        manifest=manifest,
        results=results,
        attempts=attempts,
        readings=_readings(directory / "balance.parquet", journal.readings),
        rejected=_count_lines(directory / "rejects.jsonl"),
        under_way=journal.unended() if running else [],
        running=running,
        missing_columns=[
            *_missing(directory / "results", Result),
            *_missing(directory / "attempts", Attempt),
        ],
        notes=[
            *(note for session in manifest.sessions for note in session.notes),
            *(gap.words for gap in gaps),
        ],
        left_out=left_out,
    )


def _without_left_out(directory: Path, results: pl.LazyFrame) -> tuple[pl.LazyFrame, int]:
    """The results whose ids the run's table still has, and how many others there are."""
    gone = [each.index for each in read_left_out(directory / LEFT_OUT)]
    if not gone:
        return results, 0
    theirs = pl.col("index").is_in(pl.Series(gone, dtype=pl.Int64).implode())
    return results.filter(~theirs), results.filter(theirs).select(pl.len()).collect().item()


def scan_results(run: str | Path) -> pl.LazyFrame:
    """The results of a run, one row per finished job, also while it is running or after a kill.

    Args:
        run: the run directory.

    Returns:
        Lazy rows in no order, with the columns of docs/reference/records.md.

    Raises:
        InputError: it is not a run directory, or can't be read.
    """
    return open_run(Path(run)).results


def scan_attempts(run: str | Path) -> pl.LazyFrame:
    """The attempts of a run, one row per HTTP request; otherwise as `scan_results`."""
    return open_run(Path(run)).attempts


OF_SEVERAL = {STEPS_FILE: "a sweep or a search", REPEATS_FILE: "repeats of a load test"}


def _what_instead(directory: Path) -> str:
    """What there is where a run was named, and what to name."""
    if not directory.is_dir():
        return "is not there; name the --out of a run"
    several = [name for name in OF_SEVERAL if (directory / name).is_file()]
    if not several:
        return "has no run.json: it is not a run directory; name the --out of a run"
    steps = sorted(each.parent.name for each in directory.glob("*/run.json"))
    example = f", such as {directory / steps[0]}" if steps else ""
    what = OF_SEVERAL[several[0]]
    return f"is {what}: `headrace report` shows it; or name one of its runs{example}"


def _manifest(directory: Path) -> Manifest:
    path = directory / "run.json"
    try:
        text = read_run_file(directory, path.name, most_bytes=RUN_JSON_BYTES_MAX)
        if (newer := newer_schema(text)) is not None:
            raise InputError(f"{directory} {newer}")
        manifest = decode_manifest(text)
    except FileNotFoundError as error:
        raise InputError(f"{directory} {_what_instead(directory)}") from error
    except NotADirectoryError as error:
        raise InputError(f"{directory} is a file; name the --out of a run") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except DamagedManifestError as error:
        raise InputError(f"{path} is damaged: {error}; restore it") from error
    if not manifest.sessions:
        raise InputError(f"{path} names no session; restore it")
    return manifest


def _is_orphaned(run: "Run") -> bool:
    """Whether the process is gone whose workers hold the run: it held the journal's directory."""
    if "workers" not in run.manifest.sessions[-1].arguments:
        return False
    try:
        return not _is_locked(run.directory / "journal")
    except OSError:  # it has come to its end meanwhile
        return False


def _is_locked(directory: Path) -> bool:
    """Whether a process works on the run now: it holds a lock on the directory."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class _Journal(NamedTuple):
    """What is not yet in Parquet, or is in both for a moment."""

    results: list[Result]
    attempts: list[Attempt]
    readings: list[BalanceReading]
    sent: dict[tuple[int, int], Sent]

    @classmethod
    def read(cls, directory: Path, told: Callable[[Gap], None]) -> "_Journal":
        journal = cls([], [], [], {})
        for record in _records(directory, told):
            match record:
                case Sent():
                    journal.sent[record.index, record.attempt] = record
                case Ended(attempt=attempt, result=result):
                    journal.attempts.append(attempt)
                    if result is not None:
                        journal.results.append(result)
                case Decided(result=result):
                    journal.results.append(result)
                case BalanceRead(reading=reading):
                    journal.readings.append(reading)
        return journal

    def unended(self) -> list[Sent]:
        ended = {(attempt.index, attempt.attempt) for attempt in self.attempts}
        return [sent for key, sent in self.sent.items() if key not in ended]


def _refuse_missing(directory: Path, manifest: Manifest) -> None:
    """Raises InputError where a segment is gone whose attempts are in no table."""
    noted = (each for session in manifest.sessions for each in session.journal)
    try:
        gaps = missing_segments(directory, map(SegmentName.noted_as, noted))
    except OSError as error:
        raise InputError(f"cannot read {directory}: {error.strerror}; restore it") from error
    if gaps:
        raise InputError(gaps[0].refusal)


def _records(directory: Path, told: Callable[[Gap], None]) -> Iterator[JournalRecord]:
    """All that is in the journal now. Raises InputError where it is damaged, or can't be read."""
    for _, path in journal_segments(directory):
        try:
            yield from read_journal_segment(path, told=told)
        except FileNotFoundError:
            continue  # sealed since it was listed: its rows are in Parquet
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}; restore it") from error


def _table(
    directory: Path, kind: type[Attempt] | type[Result], rows: Sequence[Row], key: list[str]
) -> pl.LazyFrame:
    """Parts and journal together, each row once."""
    parts = sorted(directory.glob("*.parquet"))
    fresh = _journalled(directory.parent / "journal", kind, rows)
    if not parts:
        return fresh
    sealed = _sealed(directory, parts, kind)
    if not rows:
        return sealed
    return pl.concat([sealed, fresh.join(sealed.select(key), on=key, how="anti")])


def _journalled(directory: Path, kind: type[Row], rows: Sequence[Row]) -> pl.LazyFrame:
    """Rows of the journal as a table. Raises InputError where one can't be a row."""
    try:
        table = row_frame(kind, rows).lazy()
    except (pl.exceptions.PolarsError, ValueError, OverflowError, TypeError) as error:
        raise InputError(f"{directory} holds a number that is out of range; restore it") from error
    if rows:
        check_rows(table, kind, directory)
    return table


def _sealed(where: Path, parts: Sequence[Path], kind: type[Row]) -> pl.LazyFrame:
    """The rows of Parquet files. Raises InputError where no run wrote one."""
    for part in parts:
        _check_part(part, kind)
    check_row_count(parts, kind)
    table = sealed_rows(parts, kind)
    check_rows(table, kind, where)
    return table


def _check_part(part: Path, kind: type[Row]) -> None:
    found = _names_in(part)
    needed = [column.name for column in columns(kind) if not column.nullable]
    if missing := [name for name in needed if name not in found]:
        raise InputError(f"{part} lacks the columns {', '.join(missing)}; it is not of this schema")


def _names_in(part: Path) -> list[str]:
    try:
        return list(pl.read_parquet_schema(part))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{part} is damaged or cut short ({error}); restore it from a copy"
        ) from error


def _missing(directory: Path, kind: type[Row]) -> list[str]:
    """The columns that the oldest part lacks: later ones are of this headrace or a later one."""
    parts = sorted(directory.glob("*.parquet"))
    if not parts:
        return []
    found = _names_in(parts[0])
    return [f"{directory.name}.{name}" for name in schema(kind) if name not in found]


def _readings(path: Path, fresh: list[BalanceReading]) -> pl.DataFrame:
    table = _journalled(path.parent / "journal", BalanceReading, fresh).collect()
    if path.exists():
        table = pl.concat([_sealed(path, [path], BalanceReading).collect(), table])
    return table.unique(BalanceReading.KEY, keep="first", maintain_order=True).sort("read_at")


def _count_lines(path: Path) -> int:
    if not path.exists():
        return 0
    count, last = 0, b"\n"
    # In pieces: what somebody else made may be one line without an end.
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE_BYTES):
            count += piece.count(b"\n")
            last = piece
    return count + (not last.endswith(b"\n"))
