"""The session of a load run: the schedule's traffic sent, and what the machine did meanwhile."""

import math
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial

import trio

from headrace.jobs import (
    SERVER_SPOOL,
    WHOLE,
    AheadPrompts,
    CostBounds,
    HeadraceError,
    Job,
    LoadFacts,
    Part,
    Phase,
    PriceTable,
    Session,
    with_pages,
)

from ..alarm import Alarm, OpenAlarm
from ..assembly import Assembly
from ..attempts import Attempts
from ..clock import RunClock
from ..dispatch import send_all
from ..errors import InterruptError, StorageError, without_resuming
from ..limits import Concurrency, most_connections
from ..pending import Pending
from ..record import Journal, Recorder, RecoveredState, RunDirectory, file_mode
from ..request_heads import user_agent
from ..rows import unsent_row
from ..scrape import ServerReader, Spool, write_server_table
from ..session import RunEnvironment, RunOutcome, RunSession
from ..signals import interruption
from ..stderr import show
from ..transport import transport_to
from .cancelling import CancellingAttempts
from .demand import MeasureWindow
from .lane import LoadLane
from .machine import LoopMonitor, ProcessUsage, facts_of
from .prompt_source import PromptSource
from .recorder import LoadRecorder
from .schedule import Schedule
from .settings import LoadSettings
from .tally import Tally
from .view import LoadDisplay, LoadProgress, ShownSchedule


class LoadSession(RunSession):
    """Sends what a shape wants, in a directory made for it. `alarm` opens what wakes the schedule
    at each due time."""

    _timed = True
    _lane = LoadLane
    _part: Part = WHOLE

    def __init__(
        self,
        run: RunDirectory,
        settings: LoadSettings,
        clock: RunClock,
        environment: RunEnvironment,
        *,
        source: PromptSource,
        display: LoadDisplay | None,
        open_alarm: OpenAlarm,
    ) -> None:
        super().__init__(run, settings, clock, environment)
        assert run.manifest.load is not None
        self._facts: LoadFacts = run.manifest.load
        self._load = settings
        self._source = source
        self._display = display
        self._open_alarm = open_alarm
        self._tally = Tally(clock.now())
        self._loop = LoopMonitor(clock)
        self._usage = ProcessUsage()
        self._server = None if settings.scrape is None else self._server_reader(settings.scrape)

    def _server_reader(self, url: str) -> ServerReader:
        environment = self._environment
        return ServerReader(
            url,
            Spool(self._run.path / SERVER_SPOOL, file_mode(self._run.path)),
            transport=environment.scraped or transport_to(url),
            user_agent=user_agent(),
            hidden=self._settings.hidden,
            utc=self._clock.utc,
            offload=environment.offload,
            announce=environment.announce,
        )

    def _recorder(self, journal: Journal, state: RecoveredState) -> Recorder:
        return LoadRecorder(
            self._run,
            journal,
            state,
            self._environment.offload,
            phase_of=self._phase_of,
            tally=self._tally,
        )

    def _concurrency(self) -> Concurrency:
        limit = self._load.concurrency
        return Concurrency(most_connections() if limit is None else self._part.share(limit))

    def _attempts_of(self) -> Callable[..., Attempts]:
        cancelling, seed = self._load.cancel, self._load.seed
        if cancelling is None:
            return super()._attempts_of()
        assert seed is not None
        return partial(CancellingAttempts, cancelling=cancelling, seed=seed)

    def _phase_of(self, due_at: datetime) -> Phase:
        facts = self._facts
        if facts.measure_from is None or due_at < facts.measure_from:
            return "warmup"
        return "measure" if facts.measure_to is None or due_at < facts.measure_to else "drain"

    def _interruption(self, number: int) -> InterruptError:
        return interruption(number, "what was measured until then is in the report")

    def _words_of(self, reason: HeadraceError) -> str:
        return without_resuming(reason.message)

    async def _send(self, parts: Assembly, state: RecoveredState) -> None:
        recorder, prices = parts.recorder, parts.prices
        assert isinstance(recorder, LoadRecorder)
        for reject in self._source.rejects:
            recorder.reject(reject)
        with ExitStack() as stack:
            due_alarm = stack.enter_context(self._open_alarm())
            loop_alarm = stack.enter_context(self._open_alarm())
            stack.enter_context(self._loop.garbage_timed())
            await self._make_first_prompts()
            window = self._load.window(await self._start_s())
            schedule = self._schedule(prices, window, due_alarm)
            self._begin_window(window)
            self._shown(schedule)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._loop.watch, loop_alarm)
                    nursery.start_soon(self._usage.watch)
                    nursery.start_soon(self._begin_measuring, window)
                    nursery.start_soon(self._end_measuring, schedule)
                    self._look_on(nursery, parts, schedule, window)
                    await send_all(
                        [schedule],
                        recorder.sync_regularly,
                        attempts=parts.attempts,
                        admission=parts.admission,
                        stop=self._stop,
                    )
                    nursery.cancel_scope.cancel()
            finally:
                self._end_run(schedule, recorder)

    async def _start_s(self) -> float:
        """When it starts, on trio's clock; by then all is there that can be made beforehand."""
        return self._clock.now()

    def _shown(self, schedule: ShownSchedule) -> None:
        """For those who look on from elsewhere."""

    def _look_on(
        self, nursery: trio.Nursery, parts: Assembly, schedule: ShownSchedule, window: MeasureWindow
    ) -> None:
        """Start what looks at the account, the server and the run itself while it sends."""
        nursery.start_soon(self._save)
        if parts.limits is not None:
            nursery.start_soon(parts.limits.renew)
        if parts.watch is not None:
            nursery.start_soon(parts.watch.run)
        if self._server is not None:
            nursery.start_soon(self._stop.on_error, self._server.watch)
        if self._display is not None:
            nursery.start_soon(show, self._display, self._progress(parts, schedule, window))

    def _progress(
        self, parts: Assembly, schedule: ShownSchedule, window: MeasureWindow
    ) -> LoadProgress:
        return LoadProgress(
            totals=parts.recorder.totals,
            lanes=parts.admission.lanes,
            concurrency=parts.admission.concurrency,
            budget=parts.admission.budget,
            schedule=schedule,
            tally=self._tally,
            loop=self._loop,
            window=window,
            settings=self._load,
            currency=None if parts.prices is None else parts.prices.currency,
            stop=self._stop,
        )

    def _all_sent(self, recorder: Recorder) -> None:
        recorder.read_whole()

    def _schedule(self, prices: PriceTable | None, window: MeasureWindow, alarm: Alarm) -> Schedule:
        settings = self._load
        assert settings.seed is not None
        demand = settings.shape.demand(
            window, warmup_s=settings.warmup_s, seed=settings.seed, part=self._part
        )
        bounds = None if prices is None else CostBounds(prices)
        prompts = self._source.prompts
        return Schedule(
            demand,
            prompts,
            alarm=alarm,
            pend=partial(_pend, bounds),
            make_ahead=prompts.make_ahead if isinstance(prompts, AheadPrompts) else None,
        )

    async def _make_first_prompts(self) -> None:
        """Where they can be made ahead, the first of them are there before anything is due."""
        prompts = self._source.prompts
        while isinstance(prompts, AheadPrompts) and prompts.make_ahead():
            await trio.lowlevel.checkpoint()

    def _begin_window(self, window: MeasureWindow) -> None:
        facts, utc = self._facts, self._clock.utc
        facts.measure_from = utc(window.from_s)
        if math.isfinite(window.end_s):
            facts.measure_to = utc(window.end_s)
            # Also where the concurrency limit keeps the last ones waiting.
            self._stop.in_flight.deadline = window.end_s + self._load.grace_s

    async def _save(self) -> None:
        """Have run.json say what is measured, should the process be killed."""
        try:
            await self._environment.offload(self._run.save)
        except StorageError as error:
            self._stop.request(error)

    async def _begin_measuring(self, window: MeasureWindow) -> None:
        """What the machine does counts from the beginning of the window."""
        await trio.sleep_until(window.from_s)
        self._loop.begin()
        self._usage.begin()
        self._tally.in_flight_max = self._tally.in_flight

    async def _end_measuring(self, schedule: Schedule) -> None:
        """Once nothing more is wanted, what is in flight has the grace time."""
        await schedule.over.wait()
        over_s = schedule.demand.over_s
        assert over_s is not None
        self._facts.measure_to = self._clock.utc(over_s)
        if self._stop.reason is not None:
            return  # then it has less
        self._stop.in_flight.deadline = max(over_s, self._clock.now()) + self._load.grace_s

    def _record_unsent(self, schedule: Schedule, recorder: LoadRecorder, until: datetime) -> int:
        """Have a row of all that was due and never left, and say how many there are."""
        count, service = 0, self._load.service
        for job, due_s in schedule.unsent(self._clock.seconds(until)):
            count += 1
            try:
                recorder.never_sent(unsent_row(job, self._clock.utc(due_s), service=service))
            except StorageError as error:
                self._stop.request(error)
        return count

    async def _close(self, parts: Assembly, session: Session) -> RunOutcome:
        if self._server is not None:
            await self._stop.on_error(partial(self._read_server, self._server))
        return await super()._close(parts, session)

    async def _read_server(self, server: ServerReader) -> None:
        """Make a table of what the server said; where the run stops at once, its pages stay."""
        server.spool.close()
        write = partial(
            write_server_table,
            self._run.path,
            server.spool.path,
            check=self._stop.check,
        )
        self._facts.scrape = server.facts
        if not isinstance(self._stop.reason, StorageError):
            self._facts.scrape = with_pages(server.facts, await self._environment.read(write))

    def _end_run(self, schedule: Schedule, recorder: LoadRecorder) -> None:
        """Write down what is known now."""
        facts, clock, stop = self._facts, self._clock, self._stop
        now_s = clock.now()
        end = clock.utc(now_s if stop.requested_s is None else stop.requested_s)
        assert facts.measure_from is not None
        if facts.measure_to is None or (stop.reason is not None and end < facts.measure_to):
            facts.measure_to = max(end, facts.measure_from)
        facts.ended = clock.utc(now_s)
        facts.unsent = self._record_unsent(schedule, recorder, facts.measure_to)
        if facts.unsent or stop.in_flight.cancel_called:
            facts.cut_off = clock.utc(min(now_s, stop.in_flight.deadline))
        facts.machine = facts_of(self._loop, self._usage, in_flight_max=self._tally.in_flight_max)


def _pend(bounds: CostBounds | None, job: Job) -> Pending:
    return Pending(job, cost_bound=None if bounds is None else bounds.of(job))
