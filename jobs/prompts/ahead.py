"""Prompts that are made before they are due, where none depends on an answer."""

from collections import deque

from ..job import Job
from .part import WHOLE, Part
from .prompts import Prompts

AHEAD_JOBS = 64
AHEAD_BYTES = 32 * 1024 * 1024


class AheadPrompts:
    """The jobs of other prompts in the same order, some of them made beforehand by `make_ahead`.

    A long prompt takes milliseconds to make, which whatever is due in the meantime would be late
    by. Held are at most 64 jobs, and as many as begin within 32 MiB.

    Args:
        prompts: whose jobs depend on no answer.
        part: which of the requests are asked for.
    """

    def __init__(self, prompts: Prompts, part: Part = WHOLE) -> None:
        self._prompts = prompts
        self._step = part.of
        self._made: deque[Job] = deque()
        self._held_bytes = 0
        self._next = part.number  # the index of the next one to be made

    def make_ahead(self) -> bool:
        """Make one more. False, and nothing is made, where as many as may be held are there."""
        if len(self._made) >= AHEAD_JOBS or self._held_bytes >= AHEAD_BYTES:
            return False
        job = self._make()
        self._made.append(job)
        self._held_bytes += len(job.body)
        return True

    def next(self, index: int, user: int = 0) -> Job:
        """The job of the request with this index; to be called for one of the part after the
        other."""
        if not self._made:
            job = self._make()
        else:
            job = self._made.popleft()
            self._held_bytes -= len(job.body)
        assert job.index == index
        return job

    def _make(self) -> Job:
        job = self._prompts.next(self._next)
        self._next += self._step
        return job

    def answered(self, job: Job, text: str | None) -> None:
        """Passes it on, though no prompt depends on it."""
        self._prompts.answered(job, text)
