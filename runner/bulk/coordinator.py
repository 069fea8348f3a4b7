"""The coordinator of a bulk run: it reads the jobs and hands them out, and workers send them.

All else of a session is as with one process: it recovers, reads the balance, looks ahead, tells the
copies of equal jobs, shows, stops, and closes the books.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, cast

import trio

from headrace.jobs import IMAGE_URLS, InputError, Job, Reask

from ..assembly import Assembly
from ..clock import RunClock
from ..errors import WorkerError
from ..limits import Lane
from ..money import LeaseUse
from ..notify import Latch, Notifier
from ..offload import Offload
from ..pending import Pending
from ..record import RecoveredState, Salvage
from ..settings import RunSettings
from ..workers import (
    BLOCK_JOBS,
    REPORT_S,
    CoordinatorSession,
    Crew,
    Deal,
    Dealer,
    Foreman,
    Give,
    GivenJob,
    Hand,
    Leases,
    Past,
    Room,
    Shares,
    Tell,
    WorkerTerms,
    WorkerUse,
)
from .copies import Copies
from .engine import Engine, FilePass
from .session import BulkSession
from .worker import task_of

URGENT_S = 0.02
# A block holds no more once it has so much.
BLOCK_BYTES = 1024 * 1024
SHOW_EVERY_S = 0.25

OpenCrew = Callable[[Foreman], AbstractAsyncContextManager[Crew]]


class Given:
    """What one worker was given, and how many more jobs each of its lanes takes."""

    def __init__(self, lanes: int) -> None:
        self.room = [0] * lanes
        self.jobs: dict[int, tuple[int, Pending]] = {}  # by line: the lane, and the job


class HandingEngine(Engine):
    """Hands the jobs of a file out to workers, and takes back what a lost one had not done."""

    counts_money = True
    seals = True

    def __init__(
        self,
        *,
        settings: RunSettings,
        clock: RunClock,
        open_crew: OpenCrew,
        note: Callable[[str], Awaitable[None]],
        **parts: Any,
    ) -> None:
        super().__init__(**parts)
        self._note = note
        self._began_s = clock.now()
        self._settings = settings
        self._clock = clock
        self._open_crew = open_crew
        self._given: dict[int, Given] = {}
        self._reasks: dict[int, list[Reask]] = {}
        self._room = Notifier()
        self._news = Latch()
        # By lane: those that have room, in the order of their turns.
        self._turns: list[dict[int, Hand]] = [{} for _ in self._backlogs]

    async def run(self, passes: Sequence[FilePass], state: RecoveredState, read: Offload) -> None:
        """As of an engine that sends by itself."""
        self._reasks = dict(state.reasks)
        self._dealer = self._new_dealer(state)
        # Without prices nothing is lent, and what they tell is all that is known of bills.
        self.counts_money = self._dealer.leases is not None
        async with self._open_crew(self) as crew:
            self._crew = crew
            for hand in crew.hands:
                self._given[hand.number] = Given(len(self._backlogs))
                self._dealer.join(hand.number)
            async with trio.open_nursery() as beside:
                beside.start_soon(self._stop.on_error, self._recorder.sync_regularly)
                beside.start_soon(self._deal)
                beside.start_soon(self._show)
                if self._dealer.leases is not None:
                    beside.start_soon(self._dealer.leases.serve)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._listen)
                    task = task_of(self._settings, self._recorder.totals.succeeded)
                    nursery.start_soon(crew.begin, "bulk", task)
                    await self._hand_out_all(passes, state, read)
                    await crew.no_more()
                beside.cancel_scope.cancel()
        self._show_once()

    async def _listen(self) -> None:
        """Hear the workers out. Should all of them end while there are jobs, that is the end."""
        await self._crew.run()
        if self.unfinished:
            self._stop.request(WorkerError("all workers have ended before the jobs were done"))

    def _new_dealer(self, state: RecoveredState) -> Dealer:
        now_s, settings = self._clock.now(), self._settings
        shares = Shares(settings.limits, slots=settings.concurrency, now_s=now_s)
        shares.remember(
            (each.model, Past(self._clock.seconds(each.sent_at), each.tokens))
            for each in state.recent
        )
        budget = self._services[0].admission.budget
        leases = None if budget is None else Leases(budget, self._recorder.totals)
        dealer = Dealer(shares, leases)
        dealer.on_news = self._news.set
        return dealer

    # -- handing out

    async def _hand_out_all(
        self, passes: Sequence[FilePass], state: RecoveredState, read: Offload
    ) -> None:
        """Return once every job has its result, or when the run stops."""
        with self._stop.sending:
            async with trio.open_nursery() as nursery:
                for file_pass in passes:
                    reading = partial(
                        self._read, file_pass, state, read, first=file_pass is passes[0]
                    )
                    nursery.start_soon(self._stop.on_error, reading)
                for number, lane in enumerate(self.lanes):
                    nursery.start_soon(self._hand_out, number, lane, nursery)

    async def _hand_out(self, number: int, lane: Lane, sending: trio.Nursery) -> None:
        """Give the jobs of a lane to whoever has room, in blocks, until all of them are done. One
        that does not read what it has room for holds up no other."""
        backlog = self._backlogs[lane]
        while True:
            taken = await backlog.take()
            if taken is None:
                return
            while (hand := self._next_hand(number)) is None:
                await self._room.wait()
            given = self._given[hand.number]
            block = [taken[0]]
            most, size_bytes = min(BLOCK_JOBS, given.room[number]), len(taken[0].job.body)
            while len(block) < most and size_bytes < BLOCK_BYTES:
                if (more := backlog.take_now()) is None:
                    break
                block.append(more[0])
                size_bytes += len(more[0].job.body)
            given.room[number] -= len(block)
            if given.room[number] > 0:
                self._turns[number][hand.number] = hand
            for pending in block:
                given.jobs[pending.job.index] = number, pending
            jobs = [self._given_job(pending) for pending in block]
            # Where it is lost meanwhile, `lost` comes after this and finds them among the others.
            sending.start_soon(self._crew.send_to, hand, Give(lane=number, jobs=jobs))

    def _next_hand(self, lane: int) -> Hand | None:
        """Whose turn it is, of those that have room in this lane."""
        turns = self._turns[lane]
        while turns:
            hand = turns.pop(next(iter(turns)))
            if hand.here:
                return hand
        return None

    def _given_job(self, pending: Pending) -> GivenJob:
        job = pending.job
        reasks = self._reasks.get(job.index, [])
        return GivenJob(job=job, made=pending.made, replaces=pending.replaces, reasks=reasks)

    def _pending(self, job: Job, state: RecoveredState) -> Pending:
        if self._settings.cluster is not None and job.url in IMAGE_URLS:
            raise InputError(
                f"line {job.index + 1} asks for images, whose files would stay on the machines of "
                "the cluster; run it without --cluster"
            )
        return super()._pending(job, state)

    def _asked(self, job: Any, _earlier: Sequence[Reask]) -> Any:
        return job  # the worker that sends it asks it again

    def _take_back(self, worker: int, attempts: dict[int, int]) -> None:
        """What a worker has not done goes to others."""
        given = self._given[worker]
        jobs, given.jobs = given.jobs, {}
        now_s, lanes = self._clock.now(), list(self.lanes)
        for index, (lane, pending) in jobs.items():
            pending.made = max(pending.made, attempts.get(index, 0))
            self._backlogs[lanes[lane]].retry(pending, now_s)

    # -- what workers say

    def room(self, hand: Hand, room: Room) -> None:
        """A worker takes more jobs."""
        self._given[hand.number].room[room.lane] += room.jobs
        self._turns[room.lane].setdefault(hand.number, hand)
        self._room.notify_all()

    def used(self, hand: Hand, use: WorkerUse) -> None:
        """A worker reported what it uses of limits and money."""
        self._dealer.report(hand.number, use, self._clock.now())
        self._news.set()

    def heard(self, hand: Hand, tell: Tell) -> None:
        """Jobs are done."""
        self._services[0].admission.concurrency.show_peak(self._crew.peak, now_s=self._clock.now())
        jobs = self._given[hand.number].jobs
        lanes = list(self.lanes)
        for index in tell.done:
            found = jobs.pop(index, None)
            if found is not None:
                lane, pending = found
                self._backlogs[lanes[lane]].done(pending, None)

    async def lost(self, hand: Hand, left: Salvage) -> None:
        """Count what the worker had done and not told, and give what it had not done to others."""
        jobs, totals = self._given[hand.number].jobs, self._recorder.totals
        for index, (_, pending) in jobs.items():
            status = left.results.get(index)
            if status is not None:
                totals.succeeded += (status == "succeeded") - (pending.replaces == "succeeded")
                totals.failed += (status == "failed") - (pending.replaces == "failed")
        self._dealer.leave(hand.number, self._clock.now())
        if self._dealer.leases is not None:
            place = hand.end.place
            unseen = self._dealer.leases.lost(
                hand.number,
                LeaseUse(spent=left.spent, kept=left.kept),
                now_s=self._clock.now(),
                unseen_beside=left.bounds if place is not None and place.lost else None,
            )
            if unseen:
                await self._crew.note_unrecorded(unseen)
        for index, reasks in left.reasks.items():
            self._reasks[index] = [*self._reasks.get(index, []), *reasks]
        self.heard(hand, Tell(done=[index for index in jobs if index in left.results]))
        self._take_back(hand.number, left.attempts)
        self._news.set()
        self._room.notify_all()
        await self._note(self._said_of_lost(hand))

    def _said_of_lost(self, hand: Hand) -> str:
        who = hand.called(len(self._crew.hands))
        said = f"{who} was lost at {self._clock.now() - self._began_s:.1f} s"
        if self._stop.reason is not None:
            return said
        return f"{said}; what it had not done goes to others"

    # -- limits, money, and what is shown

    async def _deal(self) -> None:
        news: dict[int, WorkerTerms] = {}  # by worker: the newest, until they are handed over

        async def tell(hand: Hand) -> None:
            told = None
            while (terms := news[hand.number]) is not told:
                await self._crew.send_to(hand, Deal(terms=terms))
                told = terms
            del news[hand.number]

        async with trio.open_nursery() as telling:
            while True:
                if self._dealer.leases is not None:
                    self._dealer.leases.keep_below()
                hands = {hand.number: hand for hand in self._crew.here}
                for worker, terms in self._dealer.terms(self._clock.now()):
                    hand = hands.get(cast(int, worker))
                    if hand is None:
                        continue
                    begins = hand.number not in news
                    news[hand.number] = terms
                    if begins:  # each by itself: one that does not read holds up no other
                        telling.start_soon(tell, hand)
                await trio.sleep(URGENT_S)
                with trio.move_on_after(REPORT_S / 2):
                    await self._news.wait()

    async def _show(self) -> None:
        while True:
            self._show_once()
            await trio.sleep(SHOW_EVERY_S)

    def _show_once(self) -> None:
        """Have slots and lanes stand for those of all workers."""
        now_s = self._clock.now()
        slots = sum(hand.latest.slots for hand in self._crew.here)
        self._services[0].admission.concurrency.show(
            self._crew.in_flight, now_s=now_s, limit=max(1, slots) if slots else None
        )
        self._crew.show_lanes(self.lanes)


class BulkCoordinator(CoordinatorSession, BulkSession):
    """A bulk run whose jobs workers send."""

    def _engine(self, parts: Assembly, copies: Copies | None) -> Engine:
        own = self._engine_parts(parts, copies)
        own["bounds"] = None  # who sends an attempt bounds it
        return HandingEngine(
            settings=self._bulk,
            clock=self._clock,
            open_crew=partial(self._open_crew, parts),
            note=self._note,
            **own,
        )
