"""One session of a bulk run: the jobs of a file, those without a result."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Any

import trio

from headrace.jobs import CostBounds, JobReader, PriceTable, Source, open_source

from ..assembly import Assembly
from ..clock import RunClock
from ..errors import StorageError
from ..images import ImageStore, fetch_missing
from ..limits import Concurrency, Lane, Lanes
from ..money import AccountLimits
from ..record import Journal, JournalLeft, Recorder, RecoveredState, RunDirectory, Totals, recover
from ..session import RunEnvironment, RunSession, history_points
from ..settings import RunSettings
from ..stderr import show
from .copies import Copies
from .engine import Engine, FilePass
from .lookahead import LookAhead
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
        admission, recorder, prices = parts.admission, parts.recorder, parts.prices
        lanes, concurrency = admission.lanes, admission.concurrency
        copies = Copies(state) if self._bulk.dedupe else None
        engine = self._engine(parts, copies)
        ahead = None
        if parts.limits is not None and prices is not None:
            ahead = self._look_ahead(parts.limits, recorder.totals, prices)
        with ExitStack() as opened:
            if copies is not None:
                opened.callback(copies.close)
            sources = [self._source]
            if self._reread:
                path = self._source.path
                sources += [opened.enter_context(open_source(path)) for _ in lanes.own]
            passes = self._passes(sources, lanes, prices)
            async with trio.open_nursery() as nursery:
                if parts.watch is not None:
                    nursery.start_soon(parts.watch.run)
                if parts.limits is not None and ahead is not None:
                    nursery.start_soon(parts.limits.renew)
                    await self._forecast(ahead, state, nursery)
                if self._display is not None:
                    progress = Progress(
                        totals=recorder.totals,
                        lanes=lanes,
                        concurrency=concurrency,
                        unfinished=lambda: engine.unfinished,
                        ahead=partial(engine.ahead, passes),
                        budget=admission.budget,
                        currency=None if prices is None else prices.currency,
                        projection=None if ahead is None else ahead.projection,
                        stop=self._stop,
                        clock=self._clock,
                    )
                    nursery.start_soon(show, self._display, progress)
                nursery.start_soon(self._stop.on_error, partial(self._save_history, concurrency))
                await self._run_and_fetch(engine, passes, parts.images, recorder, state, copies)
                nursery.cancel_scope.cancel()

    def _engine(self, parts: Assembly, copies: Copies | None) -> Engine:
        return Engine(**self._engine_parts(parts, copies))

    def _engine_parts(self, parts: Assembly, copies: Copies | None) -> dict[str, Any]:
        return {
            "attempts": parts.attempts,
            "admission": parts.admission,
            "recorder": parts.recorder,
            "bounds": None if parts.prices is None else CostBounds(parts.prices),
            "copies": copies,
            "stop": self._stop,
        }

    @property
    def _reread(self) -> bool:
        """Whether the file can be read more than once: a pipe can't be."""
        return self._source.identity.size_bytes is not None

    def _passes(
        self, sources: Sequence[Source], lanes: Lanes, prices: PriceTable | None
    ) -> list[FilePass]:
        """What the lanes read: each its own source, or all of them the only one."""
        shares: list[list[Lane]] = [list(lanes)] if len(sources) == 1 else [[one] for one in lanes]
        return [
            FilePass(self._reader(source, prices), share)
            for source, share in zip(sources, shares, strict=True)
        ]

    def _reader(self, source: Source, prices: PriceTable | None) -> JobReader:
        return JobReader(
            source,
            tpm=self._bulk.tpm,
            model_limits=self._bulk.model_limits,
            bounded_by=prices if self._bulk.max_cost is not None else None,
            others=self._bulk.others,
        )

    def _look_ahead(self, limits: AccountLimits, totals: Totals, prices: PriceTable) -> LookAhead:
        return LookAhead(
            limits,
            totals,
            prices=prices,
            settings=self._bulk,
            clock=self._clock,
            stop=self._stop,
            read=self._environment.read,
            announce=self._environment.announce,
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
        images: ImageStore,
        recorder: Recorder,
        state: RecoveredState,
        copies: Copies | None,
    ) -> None:
        """Run the jobs, and beside them fetch what earlier sessions left as links."""
        async with trio.open_nursery() as nursery:
            fetched = trio.Event()
            if images.downloads is None:
                fetched.set()
            else:
                nursery.start_soon(self._fetch_missing, images, recorder, state, fetched)
            await engine.run(passes, state, self._environment.read)
            if copies is not None and not isinstance(self._stop.reason, StorageError):
                give = partial(copies.give, self._run.path, recorder, self._environment.offload)
                await self._stop.on_error(give)
            if not fetched.is_set():
                # The engine had it kept; links may take longer than the jobs.
                nursery.start_soon(self._stop.on_error, recorder.sync_regularly)
                await fetched.wait()
            nursery.cancel_scope.cancel()

    async def _fetch_missing(
        self, images: ImageStore, recorder: Recorder, state: RecoveredState, fetched: trio.Event
    ) -> None:
        with self._stop.fetching:
            await self._stop.on_error(
                lambda: fetch_missing(
                    self._run.path, images, recorder, state, read=self._environment.read
                )
            )
        fetched.set()

    async def _save_history(self, concurrency: Concurrency) -> None:
        """Write the course of the concurrency now and then: a kill takes little of it along."""
        began_s = self._clock.now()
        while True:
            so_far_s = self._clock.now() - began_s
            await trio.sleep(max(SAVE_EVERY_S, SAVE_SHARE * so_far_s))
            points = history_points(concurrency, self._clock)
            await self._environment.offload(partial(self._run.save_concurrency, points))
