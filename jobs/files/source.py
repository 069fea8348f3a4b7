"""A job file as numbered lines: plain, gzip or zstd, from a path or from standard input."""

import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from hashlib import blake2b
from io import RawIOBase
from itertools import chain
from types import TracebackType
from typing import Self, cast

from ..errors import InputError
from ..records import JobFile
from .decompression import unpacked

MIB = 1024 * 1024
MAX_LINE_BYTES = 64 * MIB
# Ends what is left of a line that was longer than MAX_LINE_BYTES. A NUL is never part of JSON.
TOO_LONG = b"\x00 ... longer than 64 MiB"
KEPT_OF_TOO_LONG_BYTES = 1000
BOM = b"\xef\xbb\xbf"


class Source:
    """One pass over a job file, in bounded memory. Whoever opened it closes it.

    Every method raises InputError where the file can't be read on or its packing is broken.
    """

    def __init__(
        self,
        path: str,
        *,
        read: Callable[[int], bytes],
        close: Callable[[], None] | None = None,
        identity: JobFile | None = None,
    ) -> None:
        self.path = path
        self._close = close
        self._pieces = unpacked(read, _shown(path))
        self._identity = identity
        self._head = b""  # unpacked, and not yet part of a line
        self._begun = False
        # The latest piece was unpacked from what is stored between these two.
        self._stored_before = self._stored_after = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Standard input stays open."""
        if self._close is not None:
            self._close()

    @property
    def identity(self) -> JobFile:
        """What tells this file from another.

        For a regular file: its size, and the digest of its first MiB as stored. A stream (standard
        input, a named pipe) can't be read that far ahead without holding up the first job, so its
        digest is that of the first line (unpacked, without its line break, of at most a MiB): the
        same however slowly it comes, and known as soon as the first job is. Waits for that line.
        """
        if self._identity is None:
            self.begins(lambda head: True if b"\n" in head or len(head) >= MIB else None)
            first = self._head.split(b"\n", 1)[0][:MIB]
            self._identity = JobFile(path=self.path, size_bytes=None, digest=_digest(first))
        return self._identity

    def begins(self, test: Callable[[bytes], bool | None]) -> bool:
        """Whether `test` holds for the beginning of the file, unpacked and without its BOM.

        `test` gets more and more of it until it is sure, that is, does not return None; it is False
        when the file ends first, or a MiB was not enough. Nothing is lost to `lines`; to be called
        before them.
        """
        ended = False
        while True:
            if not self._begun and (ended or not BOM.startswith(self._head)):
                self._begun = True
                self._head = self._head.removeprefix(BOM)
            verdict = test(self._head) if self._begun else None
            if verdict is not None or ended:
                return bool(verdict)
            piece = self._next_piece() if len(self._head) <= MIB else None
            ended = piece is None
            self._head += piece or b""

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines with their numbers, from 1, without the line feed; lazily, as they come.

        A line longer than 64 MiB is not held: its beginning and `TOO_LONG` stand for it.
        """
        return enumerate(chain.from_iterable(self.batches()), 1)

    def batches(self) -> Iterator[list[bytes]]:
        """The same lines, as many at a time as are whole with each piece of the file."""
        parts: list[bytes] = []  # of a line whose end has not come yet
        parts_bytes = 0
        piece: bytes | None = self._rest_of_head()
        while piece is not None:
            lines = piece.split(b"\n")
            rest = lines.pop()
            if lines and parts:
                lines[0] = _joined([*parts, lines[0]], parts_bytes + len(lines[0]))
                parts, parts_bytes = [], 0
            if rest:
                parts_bytes += len(rest)
                if parts_bytes <= MAX_LINE_BYTES or not parts:
                    parts.append(rest)
            if lines:
                yield lines
            piece = self._next_piece()
        if parts:
            yield [_joined(parts, parts_bytes)]

    def read_all(self) -> bytes:
        """All of the file, unpacked; instead of `lines`."""
        parts = [self._rest_of_head()]
        while (piece := self._next_piece()) is not None:
            parts.append(piece)
        return b"".join(parts)

    def fraction(self, of_batch: float) -> float | None:
        """How far in the stored file the reader is, from 0 to 1, who has taken in this share of the
        latest batch; None where no size is known."""
        size = self._identity.size_bytes if self._identity is not None else None
        if size is None:
            return None
        position = self._stored_before + (self._stored_after - self._stored_before) * of_batch
        return min(1.0, position / size) if size else 1.0

    def _rest_of_head(self) -> bytes:
        self.begins(lambda head: True)
        head, self._head = self._head, b""
        return head

    def _next_piece(self) -> bytes | None:
        try:
            piece = next(self._pieces, None)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot read {_shown(self.path)}: {reason}") from error
        if piece is None:
            self._stored_before = self._stored_after
            return None
        if not self._head:
            self._stored_before = self._stored_after
        self._stored_after = piece.stored_bytes
        return piece.data


def open_source(path: str, *, what: str = "the job file") -> Source:
    """Open a job file; "-" is standard input. The caller closes it (or uses it in a `with`).

    `what` names it in an error, where it is another kind of file.

    Raises InputError when there is no such file, when it is a directory, or can't be read.
    """
    if path == "-":
        return Source(path, read=_read_of_standard_input())
    identity = None
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - the source owns it
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            digest = _digest(os.pread(file.fileno(), MIB, 0))
            identity = JobFile(path=path, size_bytes=status.st_size, digest=digest)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {what} {path}: {reason}") from error
    return Source(path, read=file.read, close=file.close, identity=identity)


def _read_of_standard_input() -> Callable[[int], bytes]:
    if sys.stdin is None:
        raise InputError("cannot read standard input: it is closed")
    # Past its buffer, whose lock a read that never returns would hold: a process that is stopped
    # meanwhile could not end but by a crash.
    stream = cast(RawIOBase, getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))

    def read(most_bytes: int) -> bytes:
        while (data := stream.read(most_bytes)) is None:
            select.select([stream], [], [])  # whoever shares it has it not block
        return data

    return read


def _shown(path: str) -> str:
    return "standard input" if path == "-" else path


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _joined(parts: list[bytes], length_bytes: int) -> bytes:
    line = b"".join(parts)
    return line if length_bytes <= MAX_LINE_BYTES else line[:KEPT_OF_TOO_LONG_BYTES] + TOO_LONG
