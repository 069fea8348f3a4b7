"""A job file as numbered lines: plain, gzip or zstd, from a path or from standard input."""

import errno
import os
import re
import select
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import blake2b
from io import FileIO, RawIOBase
from itertools import chain
from pathlib import Path
from threading import Timer
from typing import Self, cast

from ..errors import InputError
from ..paths import check_path
from ..records import JobFile
from ..wording import printable
from .encoding import BOM, TextPieces

MIB = 1024 * 1024
MAX_LINE_BYTES = 64 * MIB
MAX_DOCUMENT_BYTES = 512 * MIB
# Ends the stored beginning of a line longer than MAX_LINE_BYTES. A NUL is never part of JSON.
TOO_LONG = b"\x00 ... longer than 64 MiB"
KEPT_OF_TOO_LONG_BYTES = 1000
# Before it is said that a pipe has no writer: a shell's `<(...)` has one at once.
SAID_WAITING_AFTER_S = 0.5
# Of a stream whose first line only opens what follows, as in pretty-printed JSON, more tells it.
OPENINGS = (b"[", b"{", b",")
_LINE_END = re.compile(rb"\n|\r(?=[^\n])")


class Source:
    """One pass over a job file, in bounded memory. Whoever opens it closes it.

    Every method raises InputError where the file can't be read any further, or where its compressed
    data are damaged.
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
        self._pieces = TextPieces(read, display_name(path))
        self._identity = identity
        self._head = b""  # decompressed, and not yet part of a line
        self._begun = False
        # The latest piece was decompressed from the stored bytes between these two offsets.
        self._stored_before = self._stored_after = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Standard input stays open."""
        if self._close is not None:
            self._close()

    @property
    def identity(self) -> JobFile:
        """Identifies the content of the file.

        Of a regular file: its size, and the digest of its first MiB as stored. A stream (standard
        input, a named pipe) can't be read that far ahead without delaying the first job, so its
        digest is of the first line (decompressed, without its line feed, at most a MiB): the same
        however slowly it arrives, and known as soon as the first job is. Waits for that line.
        """
        if self._identity is None:
            head = self.head(lambda head: _LINE_END.search(head) is not None)
            end = _LINE_END.search(head)
            first = head[: end.start()] if end else head
            if first.rstrip().endswith(OPENINGS):
                first = self.head(lambda head: False)
            self._identity = JobFile(path=self.path, size_bytes=None, digest=_digest(first[:MIB]))
        return self._identity

    @property
    def encoding(self) -> str:
        """What the file is stored in: `utf-8`, `utf-16-le` or `utf-16-be`; known once something of
        it was read. Its lines are UTF-8 whatever it is."""
        return self._pieces.encoding

    def begins(self, test: Callable[[bytes], bool | None]) -> bool:
        """Whether `test` holds for the beginning of the file, decompressed and without its BOM.

        To be called before `lines`, which still gives the whole file. `test` is called with more
        and more of the file while it returns None; where all of it, or a MiB, is not enough, the
        answer is False.
        """
        return bool(test(self.head(lambda head: test(head) is not None)))

    def head(self, enough: Callable[[bytes], bool]) -> bytes:
        """The beginning of the file, decompressed and without its BOM: read on until there is
        `enough` of it, a MiB, or all. To be called before `lines`, which gives it again."""
        ended = False
        while True:
            if not self._begun and (ended or not BOM.startswith(self._head)):
                self._begun = True
                self._head = self._head.removeprefix(BOM)
            if ended or len(self._head) > MIB or (self._begun and enough(self._head)):
                return self._head
            piece = self._next_piece()
            ended = piece is None
            self._head += piece or b""

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines with their numbers, from 1, without the line feed; lazily, as they arrive.

        A CR ends a line where the first one ends so, and no LF is in sight. Of a line longer than
        64 MiB only the beginning is kept, followed by `TOO_LONG`.
        """
        return enumerate(chain.from_iterable(self.batches()), 1)

    def batches(self) -> Iterator[list[bytes]]:
        """The same lines, as many at a time as each piece of the file completes."""
        parts: list[bytes] = []  # of a line whose end has not arrived yet
        parts_bytes = 0
        by_cr = self._ended_by_cr()
        piece: bytes | None = self._rest_of_head()
        while piece is not None:
            if by_cr:  # an LF after it may come with the next piece: a blank line more
                piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
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
        """The whole file, decompressed; to be used instead of `lines`.

        Raises InputError also where it is longer than 512 MiB: this is held in memory.
        """
        parts = [self._rest_of_head()]
        held_bytes = len(parts[0])
        while (piece := self._next_piece()) is not None:
            parts.append(piece)
            held_bytes += len(piece)
            if held_bytes > MAX_DOCUMENT_BYTES:
                raise InputError(
                    f"{display_name(self.path)} is one JSON document of more than "
                    f"{MAX_DOCUMENT_BYTES // MIB} MiB, which would be held in memory; write one "
                    "object per line"
                )
        return b"".join(parts)

    def fraction(self, of_batch: float) -> float | None:
        """The share of the stored file that is processed, from 0 to 1.

        Args:
            of_batch: the processed share of the latest batch.

        Returns:
            None where the size of the file is not known.
        """
        size = self._identity.size_bytes if self._identity is not None else None
        if size is None:
            return None
        position = self._stored_before + (self._stored_after - self._stored_before) * of_batch
        return min(1.0, position / size) if size else 1.0

    def _ended_by_cr(self) -> bool:
        head = self.head(lambda head: _LINE_END.search(head) is not None)
        end = _LINE_END.search(head)
        return end is not None and end[0] == b"\r" and b"\n" not in head

    def _rest_of_head(self) -> bytes:
        self.begins(lambda head: True)
        head, self._head = self._head, b""
        return head

    def _next_piece(self) -> bytes | None:
        try:
            piece = next(self._pieces, None)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot read {display_name(self.path)}: {reason}") from error
        if piece is None:
            self._stored_before = self._stored_after
            return None
        if not self._head:
            self._stored_before = self._stored_after
        self._stored_after = piece.stored_bytes
        return piece.data


def open_source(path: str, *, what: str = "the job file") -> Source:
    """Open a job file. The caller closes it, or uses it in a `with`.

    Args:
        path: "-" is standard input.
        what: what the file is called in a message, where it is another kind of file.

    Returns:
        Its lines, unpacked, and what identifies it.

    Raises:
        InputError: when it does not exist, is a directory or can't be read, or when its name
            can't be recorded.
    """
    if path == "-":
        return Source(path, read=_read_of_standard_input())
    check_path(path)
    identity = None
    try:
        file = _opened(path)
        status = os.fstat(file.fileno())
        endless = stat.S_ISCHR(status.st_mode) and not file.isatty()
        if (endless and path != os.devnull) or stat.S_ISBLK(status.st_mode):
            file.close()
            raise OSError(errno.EINVAL, "it is a device, not a file")
        if stat.S_ISREG(status.st_mode):
            digest = _digest(os.pread(file.fileno(), MIB, 0))
            identity = JobFile(path=path, size_bytes=status.st_size, digest=digest)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, FileNotFoundError) and os.path.islink(path):
            reason = f"it is a symbolic link to {os.readlink(path)}, which is not there"
        if isinstance(error, IsADirectoryError):
            reason = "Is a directory; name a file"
        raise InputError(f"cannot read {what} {path}: {reason}") from error
    return Source(path, read=file.read, close=file.close, identity=identity)


def _opened(path: str) -> FileIO:
    """The file. To open a named pipe waits for whoever writes to it, which is said where it takes
    longer than a moment."""
    if not Path(path).is_fifo():
        return open(path, "rb", buffering=0)
    # By the time of the machine: this thread is stuck in open(), and a run's clock may not be there
    # yet.
    said = Timer(SAID_WAITING_AFTER_S, _say_waiting, [path])
    said.daemon = True
    said.start()
    try:
        return open(path, "rb", buffering=0)
    finally:
        said.cancel()


def _say_waiting(path: str) -> None:
    line = f"{printable(path)} is a pipe that nobody writes to yet; waiting for that\n"
    with suppress(OSError, ValueError):  # where it can't be shown, it is lost
        sys.stderr.write(line)
        sys.stderr.flush()


def is_stream(path: str) -> bool:
    """Whether a file can be read only once: `-`, and what is there and is not a regular file."""
    if path == "-":
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False  # whoever opens it says why it can't be read


def _read_of_standard_input() -> Callable[[int], bytes]:
    if sys.stdin is None:
        raise InputError("cannot read standard input: it is closed")
    # Without its buffer, whose lock would be held by a read that never returns: a process that is
    # stopped meanwhile could only crash.
    stream = cast(RawIOBase, getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))

    def read(most_bytes: int) -> bytes:
        while (data := stream.read(most_bytes)) is None:
            select.select([stream], [], [])  # another process has made it non-blocking
        return data

    return read


def display_name(path: str) -> str:
    return "standard input" if path == "-" else path


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _joined(parts: list[bytes], length_bytes: int) -> bytes:
    line = b"".join(parts)
    return line if length_bytes <= MAX_LINE_BYTES else line[:KEPT_OF_TOO_LONG_BYTES] + TOO_LONG
