"""The run directory itself: whose it is, who works on it, and run.json."""

import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import msgspec

from headrace.jobs import (
    MADE_JOBS,
    SCHEMA_VERSION,
    SPOOLED,
    ConcurrencyPoint,
    DamagedManifestError,
    InputError,
    JobFile,
    Manifest,
    SegmentName,
    Session,
    check_path,
    check_run_files,
    check_tables,
    decode_manifest,
    newer_schema,
    sync_directory,
)

from ..errors import RunDirectoryError
from ..offload import Offload
from .files import replace_file, storage
from .lock import locked
from .same_services import refuse_other_services, services_now

# Answers may be private: a directory is its owner's alone, unless it is shared. The umask comes on
# top, and one that is there keeps its mode.
DIRECTORY_MODE = {False: 0o700, True: 0o777}


class RunDirectory:
    """A directory that this process holds alone, and its manifest.

    Made by `open` or `create`, which hold a lock on the directory until their block ends.
    `job_file` is the file as it is now, which the manifest's may once have been.
    """

    # Whether those who write segments here make tables of them, or leave that to others.
    seals = True

    def __init__(
        self, path: Path, manifest: Manifest, job_file: JobFile | None, *, lock: int | None = None
    ) -> None:
        self.path = path
        self.lock = lock  # the descriptor that holds the directory, for processes of ours
        self.manifest = manifest
        self.job_file = job_file
        self._earlier_course: bytes | None = None  # not read yet
        self._writing = threading.RLock()

    @property
    def journal(self) -> Path:
        return self.path / "journal"

    @property
    def rejects(self) -> Path:
        return self.path / "rejects.jsonl"

    @property
    def images(self) -> Path:
        return self.path / "images"

    @classmethod
    @contextmanager
    def open(
        cls,
        path: Path,
        fresh: Manifest,
        *,
        share: bool = False,
        left_out: Collection[str] = (),
        announce: Callable[[str], None] | None = None,
    ) -> Iterator["RunDirectory"]:
        """Open `path` for the run that `fresh` describes, or make it: for its owner alone, or with
        `share` as the umask says. Workers of a run that was killed are waited for, which `announce`
        is told. `left_out` are services that a session does without.

        Raises RunDirectoryError, with nothing touched, where another process works on it, where it
        is some other directory, or where it records another job file, URL, service or currency or
        is of a later schema.
        """
        _refuse_no_place(path)
        _refuse_what_is_no_run(path)
        _make(path, DIRECTORY_MODE[share])
        with locked(path, announce=announce) as lock:
            _refuse_what_is_no_run(path)
            _refuse_what_no_run_wrote(path)
            known = read_manifest(path)
            if known is not None:
                _refuse_another_run(path, known, fresh, left_out=left_out)
                known.base_url = fresh.base_url
                known.anthropic_base_url = fresh.anthropic_base_url
                known.services = services_now(path, known, fresh)
                known.prices = fresh.prices or known.prices
                known.headrace = fresh.headrace
                known.dataset, known.recipe = fresh.dataset, fresh.recipe
            yield cls(path, known or fresh, fresh.job_file, lock=lock)

    @classmethod
    @contextmanager
    def create(
        cls, path: Path, fresh: Manifest, *, share: bool = False
    ) -> Iterator["RunDirectory"]:
        """Make `path` for a run of its own that nothing resumes; `share` as for `open`.

        Raises RunDirectoryError, with nothing touched, where there is anything already.
        """
        _refuse_no_place(path)
        _make(path.parent, DIRECTORY_MODE[True])
        with storage(path):
            try:
                with making(path):
                    path.mkdir(DIRECTORY_MODE[share])
            except FileExistsError as error:
                raise RunDirectoryError(f"{path} is there already; choose another --out") from error
            sync_directory(path.parent)
        with locked(path) as lock:
            yield cls(path, fresh, fresh.job_file, lock=lock)

    @property
    def file_changed(self) -> bool:
        """Whether the job file is not what it was when its last line was taken in."""
        return not _same_file(self.manifest.job_file, self.job_file)

    def take_in(self) -> None:
        """Every line of the job file as it is now has its result: it is the run's from here on."""
        self.manifest.job_file = self.job_file

    def begin(self, session: Session) -> None:
        """Record that a session works on the run; a run.json exists from here on."""
        self.manifest.sessions.append(session)
        self.save()

    @property
    def unsealed(self) -> list[SegmentName]:
        """The segments that sessions say hold what is in no table."""
        noted = (each for session in self.manifest.sessions for each in session.journal)
        return [SegmentName.noted_as(each) for each in noted]

    def note_segments(self, names: Sequence[SegmentName], *, writer: int | None = None) -> None:
        """Record which segments, of all writers or of this one, hold what is in no table yet: one
        of them that is gone, or empty, is then seen, and its jobs are not sent again. Any thread
        may ask. Raises StorageError."""
        with self._writing:
            known = self.unsealed
            others = [each for each in known if writer is not None and each.writer != writer]
            if (noted := [*others, *names]) != known:
                for session in self.manifest.sessions:
                    session.journal = []
                self.manifest.sessions[-1].journal = [each.noted for each in noted]
                self.save()

    async def noted(self, names: Sequence[SegmentName], *, writer: int, offload: Offload) -> None:
        """`note_segments` of one writer, done by `offload`."""
        await offload(partial(self.note_segments, names, writer=writer))

    def note_unrecorded(self, amount: Decimal) -> None:
        """Record that requests which no record tells of may have been billed so much. Any thread
        may ask. Raises StorageError."""
        with self._writing:
            self.manifest.sessions[-1].unrecorded += amount
            self.save()

    def note(self, said: str) -> None:
        """Record a remark on this session, for its reports. Any thread may ask. Raises
        StorageError."""
        with self._writing:
            self.manifest.sessions[-1].notes.append(said)
            self.save()

    def note_stopped(self, service: str, why: str) -> None:
        """Record that one of several services has stopped in this session. Any thread may ask.
        Raises StorageError."""
        with self._writing:
            self.manifest.sessions[-1].stopped_services[service] = why
            self.save()

    def raise_schema(self) -> None:
        """Record that the tables have this version's columns, as `recover` has seen to.

        Raises StorageError.
        """
        if self.manifest.schema_version < SCHEMA_VERSION:
            self.manifest.schema_version = SCHEMA_VERSION
            self.save()

    def save_concurrency(self, points: Sequence[ConcurrencyPoint]) -> None:
        """Write how the concurrency has gone so far in this session, below what earlier ones wrote.

        Raises StorageError.
        """
        path = self.path / "concurrency.jsonl"
        if self._earlier_course is None:
            with storage(path):
                self._earlier_course = path.read_bytes() if path.exists() else b""
        lines = b"".join(msgspec.json.encode(point) + b"\n" for point in points)
        replace_file(path, self._earlier_course + lines)

    def save(self) -> None:
        """Write run.json. Raises StorageError."""
        with self._writing:  # a thread may note a segment meanwhile
            text = msgspec.json.format(msgspec.json.encode(self.manifest), indent=2)
            replace_file(self.path / "run.json", text + b"\n")


@contextmanager
def claimed(path: Path, *, share: bool = False) -> Iterator[None]:
    """Hold a run directory alone, or one that is made for a run, to put into it what the run needs.

    `share` as for `open`.

    Raises RunDirectoryError, with nothing touched, as `RunDirectory.open`.
    """
    _refuse_no_place(path)
    _refuse_what_is_no_run(path)
    _make(path, DIRECTORY_MODE[share])
    with locked(path):
        yield


def read_manifest(path: Path) -> Manifest | None:
    """The manifest in a directory, or None where there is none."""
    try:
        check_run_files(path)
        text = (path / "run.json").read_bytes()
    except InputError as error:
        raise RunDirectoryError(f"{error.said}, or choose another --out") from error
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RunDirectoryError(
            f"{path / 'run.json'} can't be read ({error.strerror}); choose another --out"
        ) from error
    if (newer := newer_schema(text)) is not None:
        raise RunDirectoryError(f"{path} {newer}, or choose another --out")
    try:
        return decode_manifest(text)
    except DamagedManifestError as error:
        raise RunDirectoryError(
            f"{path / 'run.json'} can't be read ({error}); choose another --out"
        ) from error


def _refuse_no_place(path: Path) -> None:
    """Refuse a path that no directory of ours can have."""
    check_path(path)
    if path.is_symlink() and not path.exists():
        raise RunDirectoryError(
            f"{path} is a symbolic link to {path.readlink()}, which is not there; make that, or "
            "choose another --out"
        )


def _refuse_what_is_no_run(path: Path) -> None:
    try:
        names = set(os.listdir(path))
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        what = f"{path} is a file" if path.exists() else f"a part of {path} is a file"
        raise RunDirectoryError(f"{what}; choose another --out") from error
    except OSError as error:
        raise RunDirectoryError(
            f"{path} can't be read ({error.strerror}); choose another --out"
        ) from error
    # The first run.json may have been on its way when its session was killed, and before it what
    # its jobs are made of.
    begun = {f"{name}.partial" for name in ("run.json", MADE_JOBS, SPOOLED)}
    if MADE_JOBS in names:
        begun |= {MADE_JOBS, SPOOLED}
    if "run.json" not in names and names - begun:
        raise RunDirectoryError(
            f"{path} holds files and is not a run directory; choose another --out"
        )


@contextmanager
def making(path: Path) -> Iterator[None]:
    """Around making a directory: a place that can't have one, as in /proc or below a file, is a
    RunDirectoryError. What is there already stays a FileExistsError."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunDirectoryError(
            f"no directory can be made at {path} ({error.strerror}); choose another --out"
        ) from error


def _refuse_what_no_run_wrote(path: Path) -> None:
    """Refuse files that lead elsewhere, and rows that nothing could be counted with."""
    try:
        check_run_files(path)
        check_tables(path)
    except InputError as error:
        raise RunDirectoryError(f"{error.said}, or choose another --out") from error
    except OSError as error:
        raise RunDirectoryError(
            f"{path} can't be read ({error.strerror}); choose another --out"
        ) from error


def _make(path: Path, mode: int) -> None:
    """Make the directory, and have it and each parent that was missing last."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    with storage(path):
        try:
            with making(path):
                path.mkdir(mode, parents=True, exist_ok=True)
        except FileExistsError as error:
            raise RunDirectoryError(f"{path} is a file; choose another --out") from error
        for each in missing:
            sync_directory(each.parent)


def _refuse_another_run(
    path: Path, known: Manifest, fresh: Manifest, *, left_out: Collection[str]
) -> None:
    if known.kind != fresh.kind:
        raise RunDirectoryError(f"{path} records a {known.kind} run; choose another --out")
    if (known.dataset is None) != (fresh.dataset is None):
        made_of = "a job file" if known.dataset is None else "a table, and needs its --recipe"
        raise RunDirectoryError(f"{path} is the run of {made_of}; choose another --out")
    if not _same_file(known.job_file, fresh.job_file) and not _may_have_changed(known, fresh):
        raise RunDirectoryError(
            f"{path} belongs to another job file ({_named(known)}, or it has changed since); "
            "choose another --out"
        )
    refuse_other_services(path, known, fresh, left_out=left_out)
    counted, given = known.currency, fresh.currency
    if counted and given and counted != given:
        raise RunDirectoryError(
            f"{path} counts in {counted} and the price file in {given}; a run has one currency"
        )


def _named(known: Manifest) -> str:
    return "none" if known.job_file is None else known.job_file.path


def _same_file(known: JobFile | None, now: JobFile | None) -> bool:
    if known is None or now is None:
        return known is now
    return (known.size_bytes, known.digest) == (now.size_bytes, now.digest)


def _may_have_changed(known: Manifest, fresh: Manifest) -> bool:
    """Whether it may be the same file with other lines, which its lines then tell."""
    before, now = known.job_file, fresh.job_file
    if before is None or now is None:
        return False
    same_name = Path(before.path).name == Path(now.path).name
    return same_name and before.size_bytes is not None and now.size_bytes is not None
