"""One session of a bulk run: the jobs of a file, those without a result."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Any

import trio

from headrace.jobs import CostBounds, Source, open_source

from ..assembly import Assembly
from ..clock import RunClock
from ..errors import StorageError
from ..images import fetch_missing
from ..limits import ConcurrencyHistory, Lane, SlotsOfAll
from ..money import Budget
from ..record import Journal, JournalLeft, Recorder, RecoveredState, RunDirectory, Totals, recover
from ..session import RunEnvironment, RunSession, history_points
from ..settings import RunSettings
from ..stderr import show
from ..stop import Stop
from .copies import Copies
from .engine import Engine, FilePass
from .lookahead import Ceilings, Foretold, LookAhead, SecondReading
from .open_reader import reader_of
from .progress import Display, Progress

# How often the course of the concurrency is written: so many seconds, or this share of the time
# that it is of. A run of a month has no more of it than one of an hour.
SAVE_EVERY_S = 60.0
SAVE_SHARE = 0.05


class BulkSession(RunSession):
    """Works off one job file. `changed` are lines whose jobs run again, although they have a
    result."""

    def __init__(
        self,
        run: RunDirectory,
        settings: RunSettings,
        clock: RunClock,
        environment: RunEnvironment,
        *,
        source: Source,
        changed: Sequence[int] = (),
        display: Display | None = None,
    ) -> None:
        super().__init__(run, settings, clock, environment)
        self._bulk = settings
        self._skip_damaged = settings.skip_damaged
        self._source = source
        self._changed = changed
        self._display = display

    def _recover(self, now: datetime, left: JournalLeft) -> tuple[RecoveredState, Journal]:
        self._run.note_segments([])  # as its base does
        state, journal = recover(
            self._run.path,
            now=now,
            left=left,
            retry_failed=self._bulk.retry_failed,
            changed=self._changed,
            reask=self._bulk.reask > 0,
            unrecorded=self._run.manifest.unrecorded,
            check=self._stop.check,
        )
        recipe = self._run.manifest.recipe
        if self._run.file_changed or recipe is None or recipe.schema is None:
            state = state._replace(reasks={})  # what was asked may be another question now
        return state, journal

    def _all_sent(self, recorder: Recorder) -> None:
        recorder.read_whole()
        self._run.take_in()

    async def _send(self, parts: Assembly, state: RecoveredState) -> None:
        """Run the jobs, and look ahead and show the progress beside them where that is asked."""
        copies = Copies(state) if self._bulk.dedupe else None
        engine = self._engine(parts, copies)
        await self._send_jobs([parts], engine, self._ahead(parts), copies, state)

    async def _send_jobs(
        self,
        services: Sequence[Assembly],
        engine: Engine,
        ahead: LookAhead | None,
        copies: Copies | None,
        state: RecoveredState,
        *,
        budget: Budget | None = None,
    ) -> None:
        """Have the engine send by these services, and look on. `budget` is over all of them, where
        that is not the only one's."""
        recorder = services[0].recorder
        concurrency = [each.admission.concurrency for each in services]
        with ExitStack() as opened:
            if copies is not None:
                opened.callback(copies.close)
            sources = [self._source]
            lanes = list(engine.lanes)
            if self._reread:
                path = self._source.path
                sources += [opened.enter_context(open_source(path)) for _ in lanes[1:]]
            passes = self._passes(sources, lanes)
            async with trio.open_nursery() as nursery:
                for each in services:
                    if each.watch is not None:
                        nursery.start_soon(each.watch.run)
                    if each.limits is not None:
                        nursery.start_soon(each.limits.renew)
                if ahead is not None:
                    await self._forecast(ahead, state, nursery)
                if self._display is not None:
                    progress = Progress(
                        totals=recorder.totals,
                        lanes=lanes,
                        concurrency=SlotsOfAll(concurrency),
                        unfinished=lambda: engine.unfinished,
                        ahead=partial(engine.ahead, passes),
                        budget=budget or services[0].admission.budget,
                        currency=self._run.manifest.currency,
                        projection=None if ahead is None else ahead.shortage,
                        stop=self._stop,
                        clock=self._clock,
                    )
                    nursery.start_soon(show, self._display, progress)
                nursery.start_soon(
                    self._stop.on_error, partial(self._save_history, concurrency[0].history)
                )
                await self._run_and_fetch(engine, passes, services, state, copies)
                nursery.cancel_scope.cancel()

    def _engine(self, parts: Assembly, copies: Copies | None) -> Engine:
        return Engine(**self._engine_parts(parts, copies))

    def _engine_parts(self, parts: Assembly, copies: Copies | None) -> dict[str, Any]:
        return {
            "services": [parts],
            "lanes": parts.admission.lanes,
            "recorder": parts.recorder,
            "bounds": None if parts.prices is None else CostBounds(parts.prices),
            "copies": copies,
            "stop": self._stop,
        }

    @property
    def _reread(self) -> bool:
        """Whether the file can be read more than once: a pipe can't be."""
        return self._source.identity.size_bytes is not None

    def _passes(self, sources: Sequence[Source], lanes: Sequence[Lane]) -> list[FilePass]:
        """What the lanes read: each its own source, or all of them the only one."""
        shares = [lanes] if len(sources) == 1 else [[one] for one in lanes]
        bounded = self._bulk.max_cost is not None
        open_reader = reader_of(self._bulk, self._run.manifest.prices_of, bounded=bounded)
        return [
            FilePass(open_reader(source), share)
            for source, share in zip(sources, shares, strict=True)
        ]

    def _ahead(self, parts: Assembly) -> LookAhead | None:
        """What looks ahead, where costs are known."""
        if parts.limits is None or parts.prices is None:
            return None
        foretold = self._foretold(parts.limits, parts.totals, parts.stop, parts.service)
        return LookAhead(foretold, prices=parts.prices, **self._second_reading())

    def _foretold(
        self, limits: Ceilings, totals: Totals, stop: Stop, service: str | None = None
    ) -> Foretold:
        return Foretold(
            limits,
            totals,
            yes=self._bulk.yes,
            clock=self._clock,
            stop=stop,
            announce=self._announcing(service),
        )

    def _second_reading(self) -> SecondReading:
        return SecondReading(
            reader_of=reader_of(self._bulk, self._run.manifest.prices_of, bounded=False),
            stop=self._stop,
            read=self._environment.read,
            dedupe=self._bulk.dedupe,
        )

    async def _forecast(
        self, ahead: LookAhead, state: RecoveredState, nursery: trio.Nursery
    ) -> None:
        """Look ahead in this nursery, and first where the user asked for that."""
        waits = self._bulk.wait_for_reset
        forecast = partial(ahead.forecast_rest, self._source.path, state, waits=waits)
        if self._reread and self._bulk.estimate_first:
            with self._stop.forecasting:
                await forecast()
        elif self._reread:
            nursery.start_soon(forecast)
        nursery.start_soon(ahead.watch_pace)

    async def _run_and_fetch(
        self,
        engine: Engine,
        passes: Sequence[FilePass],
        services: Sequence[Assembly],
        state: RecoveredState,
        copies: Copies | None,
    ) -> None:
        """Run the jobs, and beside them fetch what earlier sessions left as links."""
        recorder = services[0].recorder
        async with trio.open_nursery() as nursery:
            fetched = trio.Event()
            if services[0].images.downloads is None:
                fetched.set()
            else:
                nursery.start_soon(self._fetch_missing, services, state, fetched)
            running = partial(engine.run, passes, state, self._environment.read)
            await self._stop.on_error(running)  # raised, it would come out in a group
            announce, words = self._environment.announce, engine.not_again.words
            if words is not None and announce is not None:
                announce(f"Warning: {words}.")
            if copies is not None and not isinstance(self._stop.reason, StorageError):
                give = partial(copies.give, self._run.path, recorder, self._environment.offload)
                await self._stop.on_error(give)
            if not fetched.is_set():
                # The engine had it kept; links may take longer than the jobs.
                nursery.start_soon(self._stop.on_error, recorder.sync_regularly)
                await fetched.wait()
            nursery.cancel_scope.cancel()

    async def _fetch_missing(
        self, services: Sequence[Assembly], state: RecoveredState, fetched: trio.Event
    ) -> None:
        for each in services:
            with each.stop.fetching:
                await each.stop.on_error(
                    partial(
                        fetch_missing,
                        self._run.path,
                        each.images,
                        each.recorder,
                        state,
                        service=each.service,
                        read=self._environment.read,
                    )
                )
        fetched.set()

    async def _save_history(self, history: ConcurrencyHistory) -> None:
        """Write the course of the concurrency now and then: a kill takes little of it along."""
        began_s = self._clock.now()
        while True:
            so_far_s = self._clock.now() - began_s
            await trio.sleep(max(SAVE_EVERY_S, SAVE_SHARE * so_far_s))
            points = history_points(history, clock=self._clock)
            await self._environment.offload(partial(self._run.save_concurrency, points))
