"""One session of a run: recover, read the balance, send, and close the books."""

import math
import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import trio

from headrace.jobs import (
    BalanceReading,
    ConcurrencyPoint,
    DownloadTotals,
    EstimateTotals,
    HeadraceError,
    PriceTable,
    Session,
    printable,
    strip_zeros,
)

from .assembly import Assembly, assemble
from .attempts import Attempts
from .clock import RunClock, wall_now
from .errors import InterruptError, OutOfMoneyError, ServicesStoppedError, StorageError
from .images import ImageStore, connect_public
from .limits import Concurrency, ConcurrencyHistory, Lane
from .money import Budget
from .offload import Offload, in_thread, in_thread_abandoned
from .record import (
    Journal,
    JournalLeft,
    Recorder,
    RecoveredState,
    RunDirectory,
    journal_left,
    recover,
)
from .settings import SendSettings
from .signals import SAME_REQUEST_S, interruption, stopping_signals
from .stop import Stop
from .transport import TrioTransport, own_authorities, transport_to

REASONS_KEPT = 20
MONEY_COMES_BACK = (OutOfMoneyError, ServicesStoppedError)  # those that may say when


class RunEnvironment(NamedTuple):
    """What a run touches outside its directory; a test puts its own in their places."""

    transport: httpx.AsyncBaseTransport | None = None
    services: Mapping[str, httpx.AsyncBaseTransport] = {}  # where there are several, by name
    foreign: httpx.AsyncBaseTransport | None = None  # to hosts of linked images
    scraped: httpx.AsyncBaseTransport | None = None  # to the server's metrics
    offload: Offload = in_thread
    read: Offload = in_thread_abandoned
    wall: Callable[[], datetime] = wall_now
    stop: Stop | None = None  # by which a program in trio can stop the run
    announce: Callable[[str], None] | None = None  # told what the run waits for or foresees


REAL_ENVIRONMENT = RunEnvironment()


class Recovered(NamedTuple):
    """A session that has begun: where its run stands, what records, and what draws."""

    state: RecoveredState
    recorder: Recorder
    session: Session
    rng: random.Random


class RunOutcome(NamedTuple):
    """How a run ended. Counts and cost are those of the whole run, earlier sessions included.

    `reason` says why it stopped before its end, None where it did not; `storage_failed` where it
    was the disk, and `resets_at` when there is money again where it was that. `kept` is the most
    that attempts whose bill is unknown may have cost beside `cost`.
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
    kept: Decimal = Decimal(0)

    @property
    def finished(self) -> int:
        """Jobs that have a result."""
        return self.succeeded + self.failed


class RunSession(ABC):
    """One session of a run, in a directory that this process holds: recover, read the balance,
    send, and close the books. What a kind of run sends, and when, is for its subclass to say.

    `_timed` has streams dated by the kernel, and the gaps between their tokens kept; `_lane` is
    what requests leave by; `_leased` has money lent by a coordinator; `_skip_damaged` continues
    without what of the journal can't be read.
    """

    _timed = False
    _leased = False
    _skip_damaged = False
    _lane: type[Lane] = Lane

    def __init__(
        self,
        run: RunDirectory,
        settings: SendSettings,
        clock: RunClock,
        environment: RunEnvironment,
    ) -> None:
        self._run = run
        self._settings = settings
        self._clock = clock
        self._environment = environment
        self._stop = environment.stop or Stop(settings.grace_s)

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
            await nursery.start(self._heed)
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
        recovered = await self._recovered()
        try:
            parts = self._assemble(
                recovered, self._settings, transport=transport, foreign=foreign, stop=self._stop
            )
            await self._work(parts, recovered.state)
        except BaseException:
            recovered.recorder.abandon()
            raise
        return await self._close(parts, recovered.session)

    async def _recovered(self) -> Recovered:
        left = await self._environment.offload(self._journal_left)
        rng, session = self._begin(left.notes)
        recovering = partial(self._recover, session.started_at, left)
        try:
            state, journal = await self._environment.offload(recovering)
        except InterruptError as reason:  # nothing is in flight, and the next session continues
            session.state, session.reason = "interrupted", reason.message
            session.ended_at = self._clock.utc(self._clock.now())
            self._run.save()
            raise
        recorder = self._recorder(journal, state)
        try:
            self._run.raise_schema()
        except BaseException:
            recorder.abandon()
            raise
        return Recovered(state, recorder, session, rng)

    def _assemble(
        self,
        recovered: Recovered,
        settings: SendSettings,
        *,
        transport: httpx.AsyncBaseTransport,
        foreign: httpx.AsyncBaseTransport,
        stop: Stop,
        shared: Budget | None = None,
    ) -> Assembly:
        """The parts, of the session or with a `shared` budget of one of its services."""
        return assemble(
            settings,
            self._run,
            recovered.recorder,
            recovered.state.of(settings.service),
            transport=transport,
            foreign=foreign,
            concurrency=self._concurrency(),
            lane=self._lane,
            attempts_of=self._attempts_of(),
            timed=self._timed,
            leased=self._leased,
            clock=self._clock,
            offload=self._environment.offload,
            read=self._environment.read,
            rng=recovered.rng,
            stop=stop,
            shared=shared,
        )

    def _attempts_of(self) -> Callable[..., Attempts]:
        return Attempts

    def _journal_left(self) -> JournalLeft:
        """Raises StorageError where something of it can't be read: then nothing was touched."""
        return journal_left(
            self._run.path,
            self._run.unsealed,
            skip_damaged=self._skip_damaged,
            check=self._stop.check,
        )

    def _begin(self, notes: Sequence[str]) -> tuple[random.Random, Session]:
        settings, clock = self._settings, self._clock
        started_at = clock.utc(clock.now())
        # A seed of its own for each session: two clients must not back off in step.
        seed = int(started_at.timestamp() * 1e6) if settings.seed is None else settings.seed
        session = Session(
            started_at=started_at,
            limits=settings.limits,
            service_limits={each.name: each.limits for each in self._run.manifest.services},
            arguments={**settings.recorded_arguments(), "seed": seed},
            notes=list(notes),
        )
        for note in notes:
            if self._environment.announce is not None:
                self._environment.announce(f"{note[:1].upper()}{note[1:]}.")
        self._run.begin(session)
        return random.Random(seed), session

    def _recover(self, now: datetime, left: JournalLeft) -> tuple[RecoveredState, Journal]:
        """Bring the directory to rest, and open the journal's next segment."""
        # Before any is sealed: a kill in between must not make it one that is missing.
        self._run.note_segments([])
        return recover(self._run.path, now=now, left=left)

    def _recorder(self, journal: Journal, state: RecoveredState) -> Recorder:
        return Recorder(self._run, journal, state, self._environment.offload)

    def _concurrency(self) -> Concurrency:
        return Concurrency(self._settings.concurrency)

    def _transport(self) -> httpx.AsyncBaseTransport:
        settings = self._settings
        urls = settings.base_urls
        return self._environment.transport or transport_to(*urls, http2=settings.http2)

    def _foreign(self) -> httpx.AsyncBaseTransport:
        """Where images are linked to, which the gateway says and nobody else: no key goes here,
        and only public hosts are reached."""
        if self._environment.foreign is not None or not self._settings.download:
            return self._environment.foreign or httpx.AsyncBaseTransport()
        return TrioTransport(connect=connect_public, tls=own_authorities())

    async def _work(self, parts: Assembly, state: RecoveredState) -> None:
        try:
            before = await self._open_account(parts, state)
            if before is not None:
                await self._send(parts, state)
                await self._close_account(parts, before)
        except HeadraceError as error:
            self._stop.request(error)

    async def _open_account(self, parts: Assembly, state: RecoveredState) -> BalanceReading | None:
        """Read the account, and keep to what it has; None where the run stops meanwhile. Raises
        KeyRefusedError and UnreachableError."""
        before: BalanceReading | None = None
        announce = self._announcing(parts.service)
        with parts.stop.opening:
            before = await parts.account.read("before", spent=parts.totals.spent)
            parts.recorder.reading(before)
            self._warn_of_another_currency(parts.prices, before, announce)
        if before is not None:
            if parts.limits is not None:
                parts.limits.hold(before, when="at the start")
            if parts.watch is not None:
                parts.watch.begin(before, state.of(parts.service).readings, announce)
        return before

    async def _close_account(self, parts: Assembly, before: BalanceReading) -> None:
        """Read the account a last time, unless the run stops at once. Raises KeyRefusedError."""
        with parts.stop.closing:
            parts.recorder.reading(await _last_reading(parts, before))

    def _announcing(self, service: str | None) -> Callable[[str], None] | None:
        """What announces, and which of several services it is that something is said of."""
        announce = self._environment.announce
        if announce is None or service is None:
            return announce
        return lambda words: announce(f"{service}: {words}")

    def _warn_of_another_currency(
        self,
        prices: PriceTable | None,
        reading: BalanceReading,
        announce: Callable[[str], None] | None,
    ) -> None:
        """Say so before anything is sent: it may be the wrong price file."""
        if announce is None or prices is None or reading.currency in (None, "", prices.currency):
            return
        announce(
            f"Warning: the prices are in {printable(prices.currency)} and the account is in "
            f"{printable(reading.currency or '')}: its balance and budgets don't hold this run "
            "back, and the cost can't be checked against it."
        )

    @abstractmethod
    async def _send(self, parts: Assembly, state: RecoveredState) -> None:
        """Send what there is to send, and return when nothing is in flight any more."""

    @abstractmethod
    def _all_sent(self, recorder: Recorder) -> None:
        """Record that nothing is left to send; called where nothing stopped the run."""

    def _interruption(self, number: int) -> InterruptError:
        """What a signal means for this kind of run."""
        return interruption(number)

    def _words_of(self, reason: HeadraceError) -> str:
        """Why the run stopped, and what to do, in words."""
        return reason.message

    async def _heed(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """The first Ctrl-C or other signal stops sending, the second ends what is in flight."""
        if threading.current_thread() is not threading.main_thread():
            task_status.started()  # signals come to that one alone
            return
        asked_s = -math.inf
        with trio.open_signal_receiver(*stopping_signals()) as signals:
            task_status.started()
            async for number in signals:
                now_s = trio.current_time()
                if now_s < asked_s + SAME_REQUEST_S:
                    continue
                if self._stop.reason is not None:
                    self._stop.now()
                self._stop.request(self._interruption(number))
                asked_s = now_s

    async def _close(self, parts: Assembly, session: Session) -> RunOutcome:
        return await self._close_books([parts], session)

    def _reason(self) -> HeadraceError | None:
        """Why the session stopped before its end."""
        return self._stop.reason

    async def _close_books(self, parts: Sequence[Assembly], session: Session) -> RunOutcome:
        """Seal what was recorded, and say in run.json how it ended."""
        recorder, reason = parts[0].recorder, self._reason()
        totals = recorder.totals
        left = False
        if isinstance(reason, StorageError):
            recorder.abandon()
        else:
            if reason is None:
                self._all_sent(recorder)
            await self._environment.offload(lambda: self._run.note_segments([]))
            with self._stop.begin_sealing():
                await recorder.finish(self._environment.read)
            if left := self._stop.sealing.cancelled_caught:  # the journal, to the next session
                reason = self._reason()
        words = None if reason is None else self._words_of(reason)
        session.ended_at = self._clock.utc(self._clock.now())
        session.reason = words
        if reason is None:
            session.state = "finished"
        else:
            session.state = "interrupted" if isinstance(reason, InterruptError) else "stopped"
        for each in parts:
            add_estimates(self._run.manifest.estimates, each.admission.estimator.totals())
        session.downloads = download_totals(*(each.images for each in parts))
        try:
            if not isinstance(reason, StorageError):
                slots = parts[0].admission.concurrency
                slots.history.end(self._clock.now(), slots.limit)
                self._run.save_concurrency(history_points(slots.history, clock=self._clock))
            self._run.save()
        except StorageError:
            if not isinstance(reason, StorageError):
                raise
        if left and reason is not None:
            raise reason
        unmet = totals.failed + totals.rejected
        return RunOutcome(
            directory=self._run.path,
            exit_code=self._exit_code(reason) if reason else int(unmet > 0),
            reason=words,
            succeeded=totals.succeeded,
            failed=totals.failed,
            rejected=totals.rejected,
            cost=strip_zeros(totals.spent),
            storage_failed=isinstance(reason, StorageError),
            resets_at=reason.resets_at if isinstance(reason, MONEY_COMES_BACK) else None,
            kept=strip_zeros(totals.kept),
        )

    def _exit_code(self, reason: HeadraceError) -> int:
        return reason.exit_code


async def _last_reading(parts: Assembly, before: BalanceReading) -> BalanceReading:
    account, totals = parts.account, parts.totals
    if parts.prices is not None:
        return await account.read_until_stable(spent=totals.spent, first=before)
    # Its price can be told from the account alone. Whoever stopped the run waits for its end: the
    # next session's first reading tells as well whether all was booked.
    if totals.unaccounted and parts.stop.reason is None:
        return await account.read_until_still(spent=totals.spent, billed_s=totals.unbilled_s)
    return await account.read("after", spent=totals.spent)


def download_totals(*images: ImageStore) -> DownloadTotals | None:
    """What was fetched, and why not; None where nothing was to be."""
    if images[0].downloads is None:
        return None
    failures = sum((each.failures for each in images), Counter[str]())
    return DownloadTotals(
        fetched=sum(each.fetched for each in images),
        failed=failures.total(),
        reasons=dict(failures.most_common(REASONS_KEPT)),
    )


def history_points(history: ConcurrencyHistory, clock: RunClock) -> list[ConcurrencyPoint]:
    """The history of the concurrency so far, as concurrency.jsonl has it."""
    return [
        ConcurrencyPoint(at=clock.utc(sample.at_s), limit=sample.limit, in_flight=sample.in_flight)
        for sample in history.samples
    ]


def add_estimates(known: dict[str, EstimateTotals], found: dict[str, EstimateTotals]) -> None:
    """Add a session's estimates, and what they should have been, to the run's."""
    for model, totals in found.items():
        before = known.get(model)
        if before is not None:
            totals.answers += before.answers
            totals.reserved_tokens += before.reserved_tokens
            totals.used_tokens += before.used_tokens
        known[model] = totals
