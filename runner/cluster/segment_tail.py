"""What was added to the segments of a journal since the last look, byte for byte.

It runs on a worker's machine. Files are only appended to there, and never removed before all is
told.
"""

import os
from collections.abc import Iterator
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
