"""The journals of workers on other machines, in the run directory byte for byte.

What is here is recovered and sealed as if it had been written here.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from headrace.jobs import SegmentName, sync_directory, write_all

from ..record import storage
from .dask_client import MachineError
from .segment_tail import Piece


class JournalMirror:
    """Takes what one machine tells of its journals. One task at a time calls it.

    Args:
        directory: the run's journal directory.
        writers: the numbers of that machine's workers: it may write no other segment.
    """

    def __init__(self, directory: Path, writers: Collection[int]) -> None:
        # How much is here, and synced, of each writer's newest segment; all of those before it is.
        self.acked: dict[str, int] = {}
        self._directory = directory
        self._writers = writers

    def take(self, pieces: Sequence[Piece]) -> None:
        """Write them, and sync; blocks for as long as the disk takes.

        Raises StorageError where the disk refuses, and MachineError for what is not the next piece
        of one of the machine's segments.
        """
        ends = dict(self.acked)
        newest = {_name(file).writer: _name(file) for file in ends}
        for piece in pieces:
            name = SegmentName.read(piece.file.removesuffix(".jsonl"))
            if name is None or name.writer not in self._writers or f"{name}.jsonl" != piece.file:
                raise MachineError(f"a machine sent {piece.file!r}, which is not its own")
            if name < newest.setdefault(name.writer, name):
                raise MachineError(f"a machine sent {piece.file} after the next one")
            newest[name.writer] = name
            if piece.offset > ends.get(piece.file, 0):
                raise MachineError(f"a machine sent {piece.file} with a gap in it")
            ends[piece.file] = piece.offset + len(piece.data)
        with storage(self._directory):
            for file in dict.fromkeys(piece.file for piece in pieces):
                self._write(file, [piece for piece in pieces if piece.file == file])
                self.acked[file] = ends[file]
        for file in [each for each in self.acked if _name(each) != newest[_name(each).writer]]:
            del self.acked[file]

    def _write(self, file: str, pieces: Sequence[Piece]) -> None:
        new = file not in self.acked
        flags = os.O_WRONLY | os.O_NOFOLLOW | (os.O_CREAT | os.O_EXCL if new else 0)
        descriptor = os.open(self._directory / file, flags, 0o600)
        try:
            for piece in pieces:
                os.ftruncate(descriptor, piece.offset)
                os.lseek(descriptor, piece.offset, os.SEEK_SET)
                write_all(descriptor, piece.data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_directory(self._directory)


def _name(file: str) -> SegmentName:
    """Of a file that is one of ours."""
    name = SegmentName.read(file.removesuffix(".jsonl"))
    assert name is not None
    return name
