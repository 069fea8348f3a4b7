"""A worker of a load run: the same due times as everyone's, and the requests of its part."""

from pathlib import Path
from typing import Any

import msgspec
import trio

from headrace.jobs import InputError, JobFile, LoadFacts, Part

from ..alarm import OpenAlarm, open_alarm
from ..assembly import Assembly
from ..notify import first_of
from ..secret import Secret
from ..session import RunEnvironment
from ..workers import (
    Begin,
    CoordinatorLink,
    Go,
    Ready,
    Tell,
    ToWorker,
    WorkerSession,
    worker_clock,
    worker_directory,
)
from .machine import freeze_garbage
from .option_files import unpacked
from .options import LoadOptions, plan
from .session import LoadSession
from .tally import Tally, TallyNews
from .view import ShownSchedule


class LoadLook(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How a worker stands, for the display of all. Moments are on the shared clock."""

    tally: TallyNews
    measured: int
    over_s: float | None
    next_s: float
    out: int
    stalls: int
    longest_stall_s: float


def task_of(options: LoadOptions) -> bytes:
    """A load run's options, to be planned again by a worker."""
    return msgspec.msgpack.encode(options, enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return dict(value)  # a mapping of the program's own


def load_worker(
    begin: Begin,
    link: CoordinatorLink,
    environment: RunEnvironment,
    *,
    key: Secret | None = None,
    alarm: OpenAlarm = open_alarm,
) -> "LoadWorker":
    """The session of a worker. A `key` of None is that of the environment.

    Raises InputError where what it is to send can't be made.
    """
    options: LoadOptions = msgspec.msgpack.decode(begin.task)
    options = unpacked(options, begin.files, Path(begin.directory))
    part = Part(begin.worker - 1, begin.of)
    settings, source, *_ = plan(options, key, begin.anchor.utc, part=part)
    settings = msgspec.structs.replace(settings, scrape=None, metrics=None)  # one process does both
    run = worker_directory(begin, link)
    if not _same(source.identity, run.manifest.job_file):
        raise InputError("the file that prompts come from has changed since the run began")
    ahead_s = link.shared_s() - begin.anchor.shared_s
    clock = worker_clock(begin, link)
    session = LoadWorker(
        run,
        settings,
        clock,
        environment._replace(announce=None, stop=None),
        source=source,
        display=None,
        open_alarm=alarm,
        begin=begin,
        link=link,
    )
    session.counts_from(clock.now() - ahead_s)
    return session


def _same(here: JobFile | None, known: JobFile | None) -> bool:
    """Whether it is the same file, wherever it is."""
    if here is None or known is None:
        return here is known
    return (here.size_bytes, here.digest) == (known.size_bytes, known.digest)


class LoadWorker(WorkerSession, LoadSession):
    """Sends its part of the requests, from the moment on that the coordinator names."""

    def __init__(self, *given: Any, **rest: Any) -> None:
        super().__init__(*given, **rest)
        self._part = Part(self.begin.worker - 1, self.begin.of)
        self._go = trio.Event()
        self._at_s = 0.0
        self._schedule_shown: ShownSchedule | None = None

    def counts_from(self, start_s: float) -> None:
        """All workers count seconds from the same moment, here on trio's clock."""
        self._tally = Tally(start_s)

    async def take(self, message: ToWorker) -> None:
        if isinstance(message, Go):
            self._at_s = message.start_s
            self._go.set()

    async def _start_s(self) -> float:
        """The moment that the coordinator names; what is there by then is frozen for the collector
        of garbage."""
        freeze_garbage()
        await self.say(Ready())
        await first_of(self._go, self._stop.requested)
        now_s = self._clock.now()
        if not self._go.is_set():
            return now_s
        return now_s + self._at_s - self.link.shared_s()

    def _shown(self, schedule: ShownSchedule) -> None:
        self._schedule_shown = schedule

    def tell(self, parts: Assembly) -> Tell:
        """With its counts and times so far."""
        known, schedule = super().tell(parts), self._schedule_shown
        if schedule is None:
            return known
        demand, shared_s = schedule.demand, self.link.shared_s() - self._clock.now()
        over_s = demand.over_s
        look = LoadLook(
            tally=self._tally.news(self._clock.now()),
            measured=demand.measured,
            over_s=None if over_s is None else over_s + shared_s,
            next_s=demand.next_s(self._clock.now()) + shared_s,
            out=schedule.out,
            stalls=self._loop.stalls,
            longest_stall_s=self._loop.longest_s,
        )
        return msgspec.structs.replace(known, look=msgspec.msgpack.encode(look))

    def facts(self, parts: Assembly) -> bytes:
        """What it knows of the run at its end."""
        return msgspec.msgpack.encode(self._facts)


def facts_told(told: bytes) -> LoadFacts:
    """What a worker's last word says of the run."""
    return msgspec.msgpack.decode(told, type=LoadFacts)
