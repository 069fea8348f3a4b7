"""One session of a run: recover, read the balance, send, and close the books."""

import random
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import httpx
import trio

from headrace.jobs import (
    BalanceReading,
    ConcurrencyPoint,
    DownloadTotals,
    Forecast,
    HeadraceError,
    PriceTable,
    Session,
    TokenEstimator,
    strip_zeros,
)

from .admission import Admission
from .attempts import Attempts
from .client import Client
from .clock import RunClock, wall_now
from .errors import InterruptError, OutOfMoneyError, StorageError
from .images import Downloads, ImageStore, connect_public
from .limits import Concurrency, Lane, Lanes, lanes_for
from .money import Account, AccountLimits, Budget, RefusalJudge, max_cost_ceiling
from .offload import Offload, in_thread, in_thread_abandoned
from .record import Journal, Recorder, RunDirectory, State, recover
from .retries import RetryPolicy
from .settings import SendSettings
from .stop import Stop, interruption
from .transport import TrioTransport, transport_to

REASONS_KEPT = 20


class World(NamedTuple):
    """What a run touches outside its directory; a test puts its own in their places."""

    transport: httpx.AsyncBaseTransport | None = None
    foreign: httpx.AsyncBaseTransport | None = None  # to hosts of linked images
    offload: Offload = in_thread
    read: Offload = in_thread_abandoned
    wall: Callable[[], datetime] = wall_now
    stop: Stop | None = None  # by which a program in trio can stop the run
    show_estimate: Callable[[Forecast], None] | None = None  # told what --estimate-first found
    announce: Callable[[str], None] | None = None  # told what the run waits for or foresees


REAL_WORLD = World()


class RunOutcome(NamedTuple):
    """How a run ended. Counts and cost are those of the whole run, earlier sessions included.

    `reason` says why it stopped before its end, None where it did not; `storage_failed` where it
    was the disk, and `resets_at` when there is money again where it was that.
    """

    directory: Path
    exit_code: int
    reason: str | None
    succeeded: int
    failed: int
    rejected: int
    cost: Decimal
    storage_failed: bool = False
    resets_at: datetime | None = None

    @property
    def settled(self) -> int:
        """Jobs that have a result."""
        return self.succeeded + self.failed


class RunSession(ABC):
    """One session of a run, in a directory that this process holds: recover, read the balance,
    send, and close the books. What a kind of run sends, and when, is for its subclass to say.

    `_timed` has streams dated by the kernel, and the gaps between their tokens kept; `_lane` is
    what requests leave by.
    """

    _timed = False
    _lane: type[Lane] = Lane

    def __init__(
        self, run: RunDirectory, settings: SendSettings, clock: RunClock, world: World
    ) -> None:
        self._run = run
        self._settings = settings
        self._clock = clock
        self._world = world
        self._stop = world.stop or Stop(settings.grace_s)

    async def work(self) -> RunOutcome:
        """Send whatever has no result yet.

        What stops the run is in the outcome. Raises StorageError where the directory can't be
        recovered or written to.
        """
        outcome: RunOutcome | None = None
        failure: HeadraceError | None = None
        async with (
            self._transport() as transport,
            self._foreign() as foreign,
            trio.open_nursery() as nursery,
        ):
            if threading.current_thread() is threading.main_thread():
                await nursery.start(self._heed_signals)
            try:
                outcome = await self._recover_and_work(transport, foreign)
            except HeadraceError as error:
                failure = error  # raised outside: a nursery would wrap it in a group
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        assert outcome is not None
        return outcome

    async def _recover_and_work(
        self, transport: httpx.AsyncBaseTransport, foreign: httpx.AsyncBaseTransport
    ) -> RunOutcome:
        rng, session = self._begin()
        state, journal = await self._world.offload(lambda: self._recover(session.started_at))
        recorder = self._recorder(journal, state)
        try:
            self._run.raise_schema()
            client = self._client(transport)
            account = Account(client, self._clock)
            attempts = self._attempts(client, account, foreign, recorder, state, rng)
            await self._work(attempts, account, state)
        except BaseException:
            recorder.abandon()
            raise
        return await self._close(attempts, session)

    def _begin(self) -> tuple[random.Random, Session]:
        settings, clock = self._settings, self._clock
        started_at = clock.utc(clock.now())
        # A seed of its own for each session: two clients must not back off in step.
        seed = int(started_at.timestamp() * 1e6) if settings.seed is None else settings.seed
        session = Session(
            started_at=started_at,
            limits=settings.limits,
            arguments={**settings.told(), "seed": seed},
        )
        self._run.begin(session)
        return random.Random(seed), session

    def _recover(self, now: datetime) -> tuple[State, Journal]:
        """Bring the directory to rest, and open the journal's next segment."""
        return recover(self._run.path, now=now)

    def _recorder(self, journal: Journal, state: State) -> Recorder:
        return Recorder(self._run, journal, state, self._world.offload)

    def _concurrency(self) -> Concurrency:
        return Concurrency(self._settings.concurrency)

    def _transport(self) -> httpx.AsyncBaseTransport:
        settings = self._settings
        return self._world.transport or transport_to(settings.base_url, http2=settings.http2)

    def _foreign(self) -> httpx.AsyncBaseTransport:
        """Where images are linked to, which the gateway says and nobody else: no key goes here,
        and only public hosts are reached."""
        if self._world.foreign is not None or not self._settings.download:
            return self._world.foreign or httpx.AsyncBaseTransport()
        return TrioTransport(connect=connect_public)

    def _client(self, transport: httpx.AsyncBaseTransport) -> Client:
        settings = self._settings
        return Client(
            transport,
            base_url=settings.base_url,
            key=settings.key,
            headers=settings.headers,
            clock=self._clock,
            timed=self._timed,
        )

    def _attempts(
        self,
        client: Client,
        account: Account,
        foreign: httpx.AsyncBaseTransport,
        recorder: Recorder,
        state: State,
        rng: random.Random,
    ) -> Attempts:
        settings, clock = self._settings, self._clock
        prices = self._run.manifest.prices
        downloads = Downloads(client, foreign) if settings.download else None
        return Attempts(
            client=client,
            admission=Admission(
                lanes=self._lanes(state, rng),
                concurrency=self._concurrency(),
                budget=None if prices is None else self._budget(recorder, prices),
                estimator=TokenEstimator(),
                clock=clock,
            ),
            policy=RetryPolicy(
                attempts=settings.attempts,
                deadline_s=settings.deadline_s,
                now=clock.now,
                rng=rng,
            ),
            refusals=RefusalJudge(account, recorder),
            recorder=recorder,
            prices=prices,
            images=ImageStore(self._run.path, offload=self._world.offload, downloads=downloads),
            clock=clock,
            stop=self._stop,
        )

    def _lanes(self, state: State, rng: random.Random) -> Lanes:
        """The lanes, which remember what the last minute of an earlier session sent."""
        settings, clock = self._settings, self._clock
        lanes = lanes_for(
            settings.limits,
            deadline_s=settings.deadline_s,
            outage_limit_s=settings.outage_s,
            rng=rng,
            now_s=clock.now(),
            kind=self._lane,
        )
        for attempt in state.recent:
            limiter = lanes.of(attempt.model).limiter
            limiter.remember(clock.seconds(attempt.sent_at), attempt.tokens)
        return lanes

    def _budget(self, recorder: Recorder, prices: PriceTable) -> Budget:
        limit, currency = self._settings.max_cost, prices.currency
        ceiling = None if limit is None else max_cost_ceiling(limit, currency)
        return Budget(recorder.totals, currency=currency, ceiling=ceiling)

    async def _work(self, attempts: Attempts, account: Account, state: State) -> None:
        recorder, stop = attempts.recorder, self._stop
        before: BalanceReading | None = None
        try:
            with stop.opening:
                before = await account.read("before", spent=recorder.totals.spent)
                recorder.reading(before)
            if before is not None:
                limits = self._account_limits(attempts, account)
                if limits is not None:
                    limits.hold(before, when="at the start")
                await self._send(attempts, state, limits)
                with stop.closing:
                    recorder.reading(await self._last_reading(attempts, account, before))
        except HeadraceError as error:
            stop.request(error)

    def _account_limits(self, attempts: Attempts, account: Account) -> AccountLimits | None:
        budget = attempts.admission.budget
        if budget is None:
            return None
        return AccountLimits(
            account=account,
            recorder=attempts.recorder,
            budget=budget,
            clock=self._clock,
            stop=self._stop,
            settings=self._settings,
        )

    async def _last_reading(
        self, attempts: Attempts, account: Account, before: BalanceReading
    ) -> BalanceReading:
        spent = attempts.recorder.totals.spent
        if attempts.prices is None:
            return await account.read("after", spent=spent)  # there is no cost to wait for
        return await account.read_until_stable(spent=spent, first=before)

    @abstractmethod
    async def _send(self, attempts: Attempts, state: State, limits: AccountLimits | None) -> None:
        """Send what there is to send, and return when nothing is in flight any more."""

    def _interruption(self, number: int) -> InterruptError:
        """What SIGINT or SIGTERM means for this kind of run."""
        return interruption(number)

    async def _heed_signals(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """The first Ctrl-C or SIGTERM stops sending, the second ends what is in flight."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                if self._stop.reason is not None:
                    self._stop.now()
                self._stop.request(self._interruption(number))

    async def _close(self, attempts: Attempts, session: Session) -> RunOutcome:
        recorder, images = attempts.recorder, attempts.images
        reason, totals = self._stop.reason, recorder.totals
        words = None if reason is None else reason.message
        if isinstance(reason, StorageError):
            recorder.abandon()
        else:
            if reason is None:
                recorder.read_whole()
            await recorder.finish()
        session.ended_at = self._clock.utc(self._clock.now())
        session.reason = words
        if reason is None:
            session.state = "finished"
            self._run.take_in()
        else:
            session.state = "interrupted" if isinstance(reason, InterruptError) else "stopped"
        self._add_estimates(attempts.admission.estimator)
        if images.downloads is not None:
            failures = images.failures.most_common(REASONS_KEPT)
            session.downloads = DownloadTotals(
                fetched=images.fetched,
                failed=images.failures.total(),
                reasons=dict(failures),
            )
        try:
            if not isinstance(reason, StorageError):
                self._run.save_concurrency(self._history(attempts.admission.concurrency))
            self._run.save()
        except StorageError:
            if not isinstance(reason, StorageError):
                raise
        unmet = totals.failed + totals.rejected
        return RunOutcome(
            directory=self._run.path,
            exit_code=reason.exit_code if reason else int(unmet > 0),
            reason=words,
            succeeded=totals.succeeded,
            failed=totals.failed,
            rejected=totals.rejected,
            cost=strip_zeros(totals.spent),
            storage_failed=isinstance(reason, StorageError),
            resets_at=reason.resets_at if isinstance(reason, OutOfMoneyError) else None,
        )

    def _history(self, concurrency: Concurrency) -> list[ConcurrencyPoint]:
        return [
            ConcurrencyPoint(
                at=self._clock.utc(sample.at_s), limit=sample.limit, in_flight=sample.in_flight
            )
            for sample in concurrency.history.samples
        ]

    def _add_estimates(self, estimator: TokenEstimator) -> None:
        """Add this session's estimates, and what they should have been, to the run's."""
        known = self._run.manifest.estimates
        for model, totals in estimator.totals().items():
            before = known.get(model)
            if before is not None:
                totals.answers += before.answers
                totals.reserved_tokens += before.reserved_tokens
                totals.used_tokens += before.used_tokens
            known[model] = totals
