"""What the coordinators of all kinds of run have in common."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Any

from headrace.jobs import Session

from ..assembly import Assembly
from ..record import coordinating
from ..session import RunOutcome, RunSession
from .crew import Crew, Foreman, OpenWorkers


class CoordinatorSession(RunSession):
    """A session whose requests workers send; `workers` of them, opened by `open_workers`. To be put
    before the kind's own session among the bases.

    As long as it works, others can tell that it is there, and not only workers that outlived it.
    """

    def __init__(self, *given: Any, workers: int, open_workers: OpenWorkers, **rest: Any) -> None:
        super().__init__(*given, **rest)
        self._workers = workers
        self._open_workers = open_workers
        self._held = ExitStack()

    async def work(self) -> RunOutcome:
        """As of any session."""
        with self._held:
            return await super().work()

    @asynccontextmanager
    async def _open_crew(self, parts: Assembly, foreman: Foreman) -> AsyncIterator[Crew]:
        """The workers, opened and yet to be begun. Once the block has ended what their last words
        have is in the books."""
        async with self._open_workers(self._workers) as ends:
            crew = Crew(
                ends,
                run=self._run,
                recorder=parts.recorder,
                foreman=foreman,
                clock=self._clock,
                stop=self._stop,
                offload=self._environment.offload,
            )
            yield crew
        crew.close(parts.images)

    async def _note(self, said: str) -> None:
        """Say it now, and have the run's reports say it. Raises StorageError."""
        if self._environment.announce is not None:
            self._environment.announce(f"{said[:1].upper()}{said[1:]}.")
        await self._environment.offload(partial(self._run.note, said))

    def _begin(self, notes: Sequence[str]) -> tuple[random.Random, Session]:
        self._held.enter_context(coordinating(self._run.path))  # before run.json tells of workers
        return super()._begin(notes)
