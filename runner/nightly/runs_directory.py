"""The directory that holds the nights: one run each, what became of them, and links to two.

RUNS/2026-06-08.run      a night
RUNS/latest              a link to the newest night
RUNS/last-good           a link to the newest night that met its objectives
RUNS/nightly.json        what became of each, and by which eval file
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from headrace.jobs import (
    DamagedManifestError,
    InputError,
    Manifest,
    decode_manifest,
    replace_file,
)

from ..errors import RunDirectoryError
from ..record import storage

MEMORY = "nightly.json"
MEMORY_VERSION = 1
LATEST_LINK, LAST_GOOD_LINK = "latest", "last-good"
# A night that was cut short is resumed while it is younger than this; the next one is due then.
RESUMED_WITHIN = timedelta(hours=20)
# So many good nights make a baseline.
BASELINE_NIGHTS = 5
NIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})\.run")

Verdict = Literal["good", "not met"]


class JudgedNight(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a night, by the eval file of this digest."""

    date: str
    verdict: Verdict
    eval_digest: str


class Memory(msgspec.Struct, kw_only=True):
    """nightly.json. `baseline_since` is the first night that may be part of the baseline."""

    schema_version: int = MEMORY_VERSION
    eval_digest: str | None = None
    baseline_since: str = ""
    nights: list[JudgedNight] = []


class RunsDirectory:
    """The nights, held by this process alone until the block of `open` ends."""

    def __init__(self, path: Path, memory: Memory) -> None:
        self.path = path
        self._memory = memory

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["RunsDirectory"]:
        """Open or make the directory.

        Raises:
            RunDirectoryError: another process works on it, or it is not a directory.
            InputError: nightly.json is damaged.
            StorageError: it can't be made.
        """
        if path.exists() and not path.is_dir():
            raise RunDirectoryError(f"{path} is not a directory; name another as runs")
        if (path / "run.json").exists():
            raise RunDirectoryError(f"{path} is a run; name a directory for the nights as runs")
        with storage(path):
            path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunDirectoryError(
                    f"another process works on a night in {path}; wait until it has ended"
                ) from error
            yield cls(path, _memory(path / MEMORY))
        finally:
            os.close(descriptor)

    def night(self, date: str) -> Path:
        """Where the night of a date is, or will be."""
        return self.path / f"{date}.run"

    def dates(self) -> list[str]:
        """Of all nights that are there, the oldest first."""
        found = (NIGHT.fullmatch(each.name) for each in self.path.iterdir() if each.is_dir())
        return sorted(each[1] for each in found if each)

    def unfinished(self, now: datetime) -> str | None:
        """The newest night, where it was begun but not judged and is young enough to resume."""
        dates = self.dates()
        if not dates or dates[-1] in {each.date for each in self._memory.nights}:
            return None
        started = started_at(self.night(dates[-1]))
        young = started is not None and now - started < RESUMED_WITHIN
        return dates[-1] if young else None

    def is_judged(self, date: str) -> bool:
        """Whether the night of a date has its verdict."""
        return any(each.date == date for each in self._memory.nights)

    def begin(self, date: str, eval_digest: str, *, rebase: bool) -> bool:
        """Take note of the eval file before a night, and say whether a new baseline begins: the
        file changed, or `rebase` says so."""
        changed = self._memory.eval_digest not in (None, eval_digest)
        self._memory.eval_digest = eval_digest
        if changed or rebase:
            self._memory.baseline_since = date
        self._save()
        return changed or rebase

    def baseline(self, before: str) -> list[str]:
        """The first good nights since the eval file changed, of those before a date."""
        since = self._memory.baseline_since
        return [each for each in self._good(before) if each >= since][:BASELINE_NIGHTS]

    def last_good(self, before: str) -> str | None:
        """The newest good night before a date."""
        return next(reversed(self._good(before)), None)

    def _good(self, before: str) -> list[str]:
        there = set(self.dates())
        return sorted(
            each.date
            for each in self._memory.nights
            if each.verdict == "good" and each.date < before and each.date in there
        )

    def link_latest(self) -> None:
        """Have `latest` lead to the newest night."""
        self._link(LATEST_LINK, self.dates()[-1])

    def judged(self, date: str, verdict: Verdict) -> None:
        """Record what became of a night, and have `last-good` lead to the newest good one."""
        assert self._memory.eval_digest is not None
        night = JudgedNight(date=date, verdict=verdict, eval_digest=self._memory.eval_digest)
        others = [each for each in self._memory.nights if each.date != date]
        self._memory.nights = sorted([*others, night], key=lambda each: each.date)
        self._save()
        good = self._good("9999-99-99")
        if good:
            self._link(LAST_GOOD_LINK, good[-1])
        else:
            with suppress(FileNotFoundError):
                (self.path / LAST_GOOD_LINK).unlink()

    def _link(self, name: str, date: str) -> None:
        """A link beside the nights, replaced in one step: whoever follows it finds a night."""
        link, beside = self.path / name, self.path / f"{name}.partial"
        with storage(link):
            with suppress(FileNotFoundError):
                beside.unlink()
            beside.symlink_to(f"{date}.run")
            os.replace(beside, link)

    def _save(self) -> None:
        path = self.path / MEMORY
        with storage(path):
            replace_file(path, msgspec.json.format(msgspec.json.encode(self._memory)) + b"\n")


def manifest_of(night: Path) -> Manifest | None:
    """What run.json of a night says; None where it has none. Raises InputError."""
    path = night / "run.json"
    try:
        return decode_manifest(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except DamagedManifestError as error:
        raise InputError(f"{path} is damaged: {error}; restore it") from error


def has_ended(night: Path) -> bool:
    """Whether its run came to its end. Raises InputError."""
    manifest = manifest_of(night)
    return manifest is not None and manifest.sessions[-1].state == "finished"


def started_at(night: Path) -> datetime | None:
    """When a night began; None where nothing of it was recorded."""
    manifest = manifest_of(night)
    return None if manifest is None or not manifest.sessions else manifest.sessions[0].started_at


def _memory(path: Path) -> Memory:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{path} is damaged: {error}; restore it, or remove it to begin a new baseline"
        ) from error
    if found.schema_version > MEMORY_VERSION:
        raise InputError(f"{path} was written by a later headrace; use that one")
    return found
