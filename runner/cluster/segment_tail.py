"""What was added to the segments of a journal since the last look, byte for byte.

It runs on a worker's machine. Files are only appended to there, each worker's newest alone; those
that the other side has whole are removed.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PIECE_BYTES = 1024 * 1024


class Piece(NamedTuple):
    """Bytes of a file from `offset` on. What the other side has beyond it was taken back."""

    file: str
    offset: int
    data: bytes


class SegmentTail:
    """Reads a directory's segments. `told` is how far each has been read, in bytes."""

    def __init__(self, directory: Path) -> None:
        self.told: dict[str, int] = {}
        self._directory = directory

    def added(self, most_bytes: int) -> list[Piece]:
        """What is new, at most about so many bytes of it; blocks for as long as the disk takes.

        A file that has just been begun is told of by an empty piece, so that it is there too.
        Raises OSError.
        """
        pieces: list[Piece] = []
        left = most_bytes
        for path in sorted(self._directory.glob("*.jsonl")):
            for piece in self._added_to(path):
                pieces.append(piece)
                left -= len(piece.data)
                if left <= 0:
                    return pieces
        return pieces

    def forget(self, acked: Mapping[str, int]) -> None:
        """Remove what the other side has, but for the last two segments of each worker, which may
        still have to close the one before its newest.

        Args:
            acked: how many bytes it has of the newest segment of each worker that it has anything
                of; it has all of those before.
        """
        for newest in acked:
            for file in self._before(newest)[:-1]:
                (self._directory / file).unlink(missing_ok=True)
                del self.told[file]

    def is_there(self, acked: Mapping[str, int]) -> bool:
        """Whether the other side has all that was told (`acked` as for `forget`)."""
        left = dict(self.told)
        for newest, size in acked.items():
            for file in self._before(newest):
                left.pop(file, None)
            if left.get(newest) == size:
                del left[newest]
        return not left

    def _before(self, newest: str) -> list[str]:
        """The files of the same worker before this one, oldest first."""
        writer = newest.partition("-")[0]
        return sorted(f for f in self.told if f.partition("-")[0] == writer and f < newest)

    def _added_to(self, path: Path) -> Iterator[Piece]:
        size = path.stat().st_size
        told = self.told.get(path.name)
        if told is None or size < told:  # new; or cut after the disk took a record in part
            self.told[path.name] = told = 0 if told is None else size
            yield Piece(path.name, told, b"")
        if size == told:
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            while data := os.pread(descriptor, min(PIECE_BYTES, size - told), told):
                piece = Piece(path.name, told, data)
                told += len(data)
                self.told[path.name] = told
                yield piece
        finally:
            os.close(descriptor)
