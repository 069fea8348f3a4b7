"""Who holds a run directory: one process, and the workers that it handed its lock on to.

The lock is the directory's (flock), and ends with the last process that has its descriptor. A
process whose run workers send holds the journal's directory too, by a descriptor that they don't
have: so one can tell whether it is there, or only its workers are, which end by themselves.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from headrace.jobs import counted, read_run_file

from ..errors import RunDirectoryError
from .files import make_directory, storage

# Real time: who holds the lock is another process, of whose end nothing tells, and nothing of this
# run has begun by then that would have to wait.
LOOKS = 20
LOOK_EVERY_S = 0.01
RUN_JSON_BYTES_MAX = 16 * 1024 * 1024


@contextmanager
def locked(path: Path, *, announce: Callable[[str], None] | None = None) -> Iterator[int]:
    """Hold the directory alone, by a descriptor. The lock ends with the process, however it ends,
    and with those that it was handed on to.

    Where only workers of a run that was killed hold it, they are waited for, and that is told.
    Raises RunDirectoryError where another process works on it.
    """
    with storage(path):
        descriptor = os.open(path, os.O_RDONLY)
    try:
        told = False
        while not _taken(descriptor):
            left = _workers_left(path)
            if not left:
                raise RunDirectoryError(
                    f"another headrace works on {path}; wait for it, or choose another --out"
                )
            if announce is not None and not told:
                announce(
                    f"Waiting for {counted(left, 'worker')} of a run of {path} that was killed: "
                    "what is in flight may finish."
                )
            told = True
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def coordinating(run: Path) -> Iterator[None]:
    """Be seen to be there as long as workers send for this run. Raises StorageError."""
    with held(run / "journal"):
        yield


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold a directory, which is made where there is none, once nobody else does. Raises
    StorageError."""
    with storage(directory):
        make_directory(directory)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Take the lock; False where others keep it."""
    for look in range(LOOKS):
        if _lock(descriptor, fcntl.LOCK_EX):
            return True
        # A report holds a shared lock for an instant, to see whether a run is running.
        if look + 1 == LOOKS or not _lock(descriptor, fcntl.LOCK_SH):
            break
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(LOOK_EVERY_S)
    time.sleep(LOOK_EVERY_S)
    return False


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Session(msgspec.Struct):
    state: str = "running"  # as run.json leaves it out
    arguments: dict[str, object] = {}


class _Sessions(msgspec.Struct):
    sessions: list[_Session] = []


def _workers_left(path: Path) -> int:
    """How many workers the newest session has, where its own process is gone; else 0."""
    try:
        text = read_run_file(path, "run.json", most_bytes=RUN_JSON_BYTES_MAX)
        sessions = msgspec.json.decode(text, type=_Sessions).sessions
        workers = sessions[-1].arguments.get("workers") if sessions else None
        if not isinstance(workers, int) or sessions[-1].state != "running":
            return 0
        journal = os.open(path / "journal", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    try:
        return workers if _lock(journal, fcntl.LOCK_SH) else 0
    finally:
        os.close(journal)
