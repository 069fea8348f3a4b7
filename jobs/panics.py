"""Panics of polars: one that a damaged Parquet file causes is an exception like any other here, but
Rust has told its whole stack on standard error by then."""

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# How Rust begins: the thread, and where it was.
_PANIC = re.compile(rb"^\n?thread '.*' .*panicked at ", re.MULTILINE)
_one = threading.Lock()


@contextmanager
def quiet_panics() -> Iterator[None]:
    """Within the block, what is written to standard error is held back, and written at its end
    without what panics told.

    One thread at a time holds it back; within another such block nothing more is done. Where the
    system has no memory files, or standard error is closed, panics are told.
    """
    if not _one.acquire(blocking=False):
        yield
        return
    try:
        yield from _held_back()
    finally:
        _one.release()


def _held_back() -> Iterator[None]:
    try:
        real = os.dup(2)
        held = os.memfd_create("stderr")
    except (OSError, AttributeError):
        yield
        return
    os.dup2(held, 2)
    try:
        yield
    finally:
        with suppress(OSError, ValueError):  # nobody may read it, and it may be closed
            if sys.stderr is not None:
                sys.stderr.flush()
        os.dup2(real, 2)
        with suppress(OSError):
            _tell(held)
        os.close(held)
        os.close(real)


def _tell(held: int) -> None:
    said = os.pread(held, os.fstat(held).st_size, 0)
    if (panic := _PANIC.search(said)) is not None:
        said = said[: panic.start()]
    while said:
        said = said[os.write(2, said) :]
