"""Segments of workers on other machines, which are mirrored here byte for byte: their full ones
become tables here while the run works, and go.

A worker of this machine seals its own, and asks for no more than to have them noted.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial

import trio

from headrace.jobs import SegmentName

from ..notify import Notifier
from ..offload import Offload
from ..record import RunDirectory, seal


class MirroredSegments:
    """Of one session. `alone` is held while one becomes tables: whoever reads a worker's segments
    and tables holds it too."""

    def __init__(self, run: RunDirectory, offload: Offload) -> None:
        self.alone = trio.Lock()
        self._run = run
        self._offload = offload
        self._noting = trio.Lock()
        self._full: deque[SegmentName] = deque()
        self._taken = set[SegmentName]()  # are being sealed, or were: run.json names them no more
        self._more = Notifier()

    async def note(self, names: Sequence[SegmentName], *, writer: int) -> None:
        """Have run.json name these segments of a worker, as it asks, but for those that have become
        tables here. Raises StorageError."""
        async with self._noting:
            left = [name for name in names if name not in self._taken]
            await self._run.noted(left, writer=writer, offload=self._offload)

    def are_full(self, names: Iterable[SegmentName]) -> None:
        """All of these is here, and nothing is added to them."""
        known = self._taken.union(self._full)
        self._full.extend(name for name in names if name not in known)
        self._more.notify_all()

    async def seal_regularly(self) -> None:
        """Make tables of those that are full, one after the other, until cancelled. Raises
        StorageError."""
        while True:
            while not self._full:
                await self._more.wait()
            async with self.alone:
                await self._seal(self._full.popleft())

    async def _seal(self, name: SegmentName) -> None:
        # Before it goes: a kill in between must not make it one that is missing.
        async with self._noting:
            self._taken.add(name)
            of_writer = [each for each in self._run.unsealed if each.writer == name.writer]
            others = [each for each in of_writer if each != name]
            await self._run.noted(others, writer=name.writer, offload=self._offload)
        path = self._run.journal / f"{name}.jsonl"
        await self._offload(partial(seal, self._run.path, name, path))
