"""Standard output and standard error of the command, as streams whose writes never fail.

What is shown decides nothing: a terminal that was closed, a full disk or a reader that is gone
costs the words, and neither the run nor its exit code. Standard output is different in one thing:
what could not be written there was asked for, so it is told once, on standard error and by an exit
code of its own. That nobody reads it any more (`| head`) is not told.

A pipe or a terminal may also take nothing for a while (a pager that waits, Ctrl-S). While a run is
under way (`unwaiting`), what standard error doesn't take almost at once is dropped; else it is
waited for.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NOT_WRITTEN_EXIT_CODE = 7
# How long standard error may hold up a run: the first wait, and once a write has begun.
BEGIN_WITHIN_S = 0.02
END_WITHIN_S = 0.1
# What a pipe or a terminal that takes anything takes whole.
PIECE_BYTES = 256


class _Descriptor(io.FileIO):
    """A descriptor to write to. What it doesn't take is dropped; `error` is the first reason."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.error: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            self._put(left)
        except OSError as error:
            self.error = self.error or error
        return size

    def _put(self, left: memoryview) -> None:
        """Write all of it, however long that takes. Raises OSError."""
        while left:
            try:
                left = left[os.write(self.fileno(), left) :]
            except BlockingIOError:  # somebody else set the pipe or terminal to be so
                select.select((), (self.fileno(),), ())


class _Output(_Descriptor):
    """Standard output. Once something was lost, nothing more is written: no holes."""

    def _put(self, left: memoryview) -> None:
        if self.error is None:
            super()._put(left)


class _Closed(_Output):
    """A standard output that was closed from the beginning (`>&-`): whatever is written is lost."""

    def _put(self, left: memoryview) -> None:
        if left:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class _Errors(_Descriptor):
    """Standard error. What comes after a failure is tried: a disk may have room by then."""

    waits = True

    def _put(self, left: memoryview) -> None:
        if self.waits:
            super()._put(left)
            return
        within_s = BEGIN_WITHIN_S
        while left and select.select((), (self.fileno(),), (), within_s)[1]:
            left = left[os.write(self.fileno(), left[:PIECE_BYTES]) :]
            within_s = END_WITHIN_S


def guard() -> None:
    """Put such streams in the places of this process's own, where they still are its own.

    Descriptors 0, 1 and 2 that were closed lead nowhere from now on: else the next file that is
    opened would be one of them, and take in what a library writes to standard error.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdout is None:  # or click would take one for the other
        sys.stdout = _text(_Closed(1), like=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    output, errors = sys.__stdout__, sys.__stderr__
    if output is not None and sys.stdout is output and _descriptor_of(output) == 1:
        sys.stdout = _text(_Output(1), like=output)
    if errors is not None and sys.stderr is errors and _descriptor_of(errors) == 2:
        sys.stderr = _text(_Errors(2), like=errors)


def _descriptor_of(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def _text(raw: _Descriptor, *, like: TextIO) -> io.TextIOWrapper:
    """A text stream to it. A character that its encoding lacks is written as its escape."""
    like.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=like.encoding,
        errors="backslashreplace",
        line_buffering=raw.fileno() == 2 or raw.isatty(),
        write_through=getattr(like, "write_through", False),
    )


@contextmanager
def unwaiting() -> Iterator[None]:
    """While this lasts, standard error holds nobody up."""
    errors = _raw_under(sys.stderr)
    if not isinstance(errors, _Errors):
        yield
        return
    errors.waits = False
    try:
        yield
    finally:
        errors.waits = True


def stdout_is_gone() -> bool:
    """Whether standard output takes nothing any more: there is no point in making more for it."""
    output = _raw_under(sys.stdout)
    return isinstance(output, _Output) and output.error is not None


def exit_code_after(code: int) -> int:
    """Write what is left for standard output, and say where some of it was lost.

    Returns the exit code: `code`, or 7 where all else went well.
    """
    output = _raw_under(sys.stdout)
    if not isinstance(output, _Output):
        return code
    sys.stdout.flush()
    error = output.error
    if error is None or error.errno == errno.EPIPE:
        return code
    why = error.strerror or str(error)
    sys.stderr.write(f"Error: standard output could not be written: {why}\n")
    return code or NOT_WRITTEN_EXIT_CODE


def _raw_under(stream: TextIO) -> object:
    """What a text stream's bytes go to, as far as it has such a thing."""
    return getattr(getattr(stream, "buffer", None), "raw", None)
