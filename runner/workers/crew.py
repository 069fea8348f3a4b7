"""The workers of a run, as its coordinator sees them: begun, listened to, told, and missed.

It knows nothing of what they send: a kind of run hands on what is meant for it alone (`Foreman`),
and tells each worker its task. What carries the messages is the link's affair.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from functools import partial
from typing import Literal, NamedTuple, Protocol

import msgspec
import trio

from headrace.jobs import SegmentName, counted

from ..clock import RunClock
from ..errors import RESUME, WorkerError
from ..images import ImageStore
from ..limits import Lane
from ..notify import first_of
from ..offload import Offload
from ..record import Recorder, RunDirectory, Salvage, salvage
from ..session import add_estimates
from ..stop import Stop
from .link import Link, LinkLostError
from .messages import (
    Anchor,
    Begin,
    Done,
    Halt,
    Kill,
    NoMore,
    Note,
    Noted,
    Ready,
    Reason,
    Room,
    Tell,
    ToCoordinator,
    ToWorker,
    Use,
)
from .mirrored_segments import MirroredSegments
from .terms import WorkerUse

# What an ended run waits for its workers' last word, beyond the time that they have by themselves.
LAST_WORD_WITHIN_S = 10.0

WorkerLink = Link[ToWorker, ToCoordinator]


class Place:
    """A machine that workers are on, where it is not the coordinator's. `clock_error_s` is by how
    much its clock may have been taken wrong; it may grow until the workers' block has ended. `lost`
    is whether it went with the end of what its workers wrote."""

    def __init__(self, name: str, clock_error_s: float) -> None:
        self.name = name
        self.clock_error_s = clock_error_s
        self.lost = False


class WorkerEnd(NamedTuple):
    """What a coordinator has of a worker: a link, and `gone`, which returns once the worker
    certainly writes nothing more, and ends it where it would. `place` None is this machine."""

    link: WorkerLink
    gone: Callable[[], Awaitable[None]]
    place: Place | None = None


# Opens so many workers that were not there before; the end of the block is theirs.
OpenWorkers = Callable[[int], AbstractAsyncContextManager[Sequence[WorkerEnd]]]


class Hand:
    """One worker. `number` counts from 1. `told` has the sums of what it told, `lost_s` when its
    link was lost before its last word, on trio's clock."""

    def __init__(self, number: int, end: WorkerEnd) -> None:
        self.number = number
        self.end = end
        self.ready = trio.Event()
        self.over = trio.Event()
        self.done: Done | None = None
        self.lost_s: float | None = None
        self.latest = Tell()
        self.told = Tell()

    @property
    def here(self) -> bool:
        """Whether it still can be told something."""
        return not self.over.is_set()

    def called(self, of: int) -> str:
        """What it is called, among so many."""
        where = "" if self.end.place is None else f" on {self.end.place.name}"
        return f"worker {self.number} of {of}{where}"


class Foreman(Protocol):
    """What a kind of run does with what its workers say. Each may raise HeadraceError, which stops
    the run. `counts_money` where it is lent, and so told by other words; `seals` where full
    segments of other machines become tables while the run works, and not only at its end."""

    counts_money: bool
    seals: bool

    def heard(self, hand: Hand, tell: Tell) -> None:
        """A worker told what it did."""

    def room(self, hand: Hand, room: Room) -> None:
        """A worker has room for more."""

    def used(self, hand: Hand, use: WorkerUse) -> None:
        """A worker reported what it uses of limits and money."""

    async def lost(self, hand: Hand, left: Salvage) -> None:
        """A worker is gone without its last word; what was in flight is recorded as lost. What it
        did and had not told (`hand.told`) is yet to be counted."""


class Crew:
    """The workers of one session. `run` reads what they say until each has had its last word.

    Args:
        ends: of the workers, in the order of their numbers.
        run: the run directory, which the coordinator holds.
        recorder: the coordinator's own.
        foreman: what is meant for the kind of run.
        clock: the run's.
        stop: told of what stops a worker; when it is asked to stop, all workers are.
        offload: for work that blocks.
    """

    def __init__(
        self,
        ends: Sequence[WorkerEnd],
        *,
        run: RunDirectory,
        recorder: Recorder,
        foreman: Foreman,
        clock: RunClock,
        stop: Stop,
        offload: Offload,
    ) -> None:
        self.hands = [Hand(number, end) for number, end in enumerate(ends, 1)]
        self._run = run
        self._recorder = recorder
        self._foreman = foreman
        self._clock = clock
        self._stop = stop
        self._offload = offload
        self._segments = MirroredSegments(run, offload)
        self._segment = recorder.segment.number  # the first that anybody writes in this session
        self._patience = trio.CancelScope()

    @property
    def here(self) -> list[Hand]:
        """The workers that are left."""
        return [hand for hand in self.hands if hand.here]

    @property
    def in_flight(self) -> int:
        """Attempts under way, as far as was told."""
        return sum(hand.latest.in_flight for hand in self.here)

    @property
    def peak(self) -> int:
        """The peak in flight of late: the sum of those of all workers since they told before."""
        return sum(hand.latest.peak for hand in self.here)

    def show_lanes(self, lanes: Iterable[Lane]) -> None:
        """Have these lanes stand for those of all workers, as far as was told."""
        now_s, ahead_s = self._clock.now(), self.shared_s(0.0)
        for number, lane in enumerate(lanes):
            told = [hand.latest.lanes[number] for hand in self.hands if hand.latest.lanes]
            lane.sent = sum(each.sent for each in told)
            lane.used_tokens = sum(each.used_tokens for each in told)
            lane.cool_downs = sum(each.cool_downs for each in told)
            held_s = [each.held_until_s for each in told if each.held_until_s is not None]
            if held_s:
                lane.hold_until(max(held_s) - ahead_s)
            here = [hand.latest.lanes[number] for hand in self.here if hand.latest.lanes]
            failing_s = [each.failing_s for each in here if each.failing_s is not None]
            lane.outage_since_s = now_s - max(failing_s) if failing_s else None

    async def begin(self, kind: Literal["load", "bulk"], task: bytes) -> None:
        """Tell each worker its task, as its kind of run has it. Returns once all have read it, or
        are gone."""
        run, anchor = self._run, self._anchor()
        manifest = msgspec.json.encode(run.manifest)
        async with trio.open_nursery() as nursery:
            for hand in self.hands:
                begin = Begin(
                    kind=kind,
                    worker=hand.number,
                    of=len(self.hands),
                    directory=str(run.path),
                    manifest=manifest,
                    segment=self._segment,
                    anchor=anchor,
                    task=task,
                )
                nursery.start_soon(self.send_to, hand, begin)

    async def all_ready(self) -> None:
        """Wait until all are ready, or the run stops."""
        for hand in self.hands:
            await first_of(hand.ready, hand.over, self._stop.requested)

    async def no_more(self) -> None:
        """All that there was to do is done: those that are ready end by themselves."""
        await self._let_go()
        await self.send(NoMore())

    async def _let_go(self) -> None:
        """End those that are not ready: they have done nothing that they would have to tell."""
        for hand in self.here:
            if not hand.ready.is_set():
                hand.over.set()
                await hand.end.link.aclose()

    def _anchor(self) -> Anchor:
        """A moment on both clocks."""
        now_s, shared_s = self._clock.now(), self.hands[0].end.link.shared_s()
        return Anchor(utc=self._clock.utc(now_s), shared_s=shared_s)

    def shared_s(self, moment_s: float) -> float:
        """A moment on trio's clock, on the one that is shared."""
        return self.hands[0].end.link.shared_s() + moment_s - self._clock.now()

    async def send(self, message: ToWorker) -> None:
        """Tell all that are left, each by itself: one that does not read holds up no other."""
        async with trio.open_nursery() as nursery:
            for hand in self.here:
                nursery.start_soon(self.send_to, hand, message)

    async def send_to(self, hand: Hand, message: ToWorker) -> None:
        """Tell one of them; nothing where it is gone."""
        try:
            await hand.end.link.send(message)
        except LinkLostError:
            return  # whoever listens to it sees that too

    def give_up_at(self, moment_s: float) -> None:
        """Wait for no last word beyond this moment on trio's clock, and a little more: by then a
        worker has given up whatever was in flight."""
        self._patience.deadline = min(self._patience.deadline, moment_s + LAST_WORD_WITHIN_S)

    def close(self, images: ImageStore) -> None:
        """Add what the workers' last words have to the run's own account of itself."""
        for hand in self.hands:
            if hand.done is None:
                continue
            add_estimates(self._run.manifest.estimates, hand.done.estimates)
            if (downloads := hand.done.downloads) is not None:
                images.fetched += downloads.fetched
                images.failures.update(downloads.reasons)

    async def note_unrecorded(self, amount: Decimal) -> None:
        """Record what a machine that was lost may have been billed for beyond all records. Raises
        StorageError."""
        await self._offload(partial(self._run.note_unrecorded, amount))

    async def run(self) -> None:
        """Listen to all of them until each has had its last word, or is lost."""
        async with trio.open_nursery() as beside:
            beside.start_soon(self._hand_on_the_stop)
            beside.start_soon(self._stop.on_error, self._segments.seal_regularly)
            with self._patience:
                async with trio.open_nursery() as listening:
                    for hand in self.hands:
                        listening.start_soon(self._listen, hand)
            for hand in self.here:  # stopped, or stuck: it is ended
                await self._lose(hand)
            beside.cancel_scope.cancel()

    async def _hand_on_the_stop(self) -> None:
        await self._stop.requested.wait()
        reason = self._stop.reason
        assert reason is not None
        await self._let_go()
        self.give_up_at(self._clock.now() + self._stop.grace_s)
        await self.send(Halt(reason=Reason.of(reason)))
        await self._stop.requested_now.wait()
        self.give_up_at(self._clock.now())
        await self.send(Kill())

    async def _listen(self, hand: Hand) -> None:
        try:
            while hand.done is None:
                message = await hand.end.link.receive()
                await self._stop.on_error(partial(self._take, hand, message))
            hand.over.set()
        except LinkLostError:
            if hand.here:  # and was not let go
                await self._lose(hand)

    async def _lose(self, hand: Hand) -> None:
        hand.lost_s = self._clock.now()
        hand.over.set()
        await hand.end.link.aclose()
        await self._stop.on_error(partial(self._salvage, hand))

    async def _take(self, hand: Hand, message: ToCoordinator) -> None:
        match message:
            case Tell():
                self._count(hand, message)
                self._foreman.heard(hand, message)
            case Room():
                self._foreman.room(hand, message)
            case Note():
                names = [SegmentName.noted_as(each) for each in message.segments]
                await self._segments.note(names, writer=hand.number)
                await self.send_to(hand, Noted())
                if hand.end.place is not None and self._foreman.seals:
                    self._segments.are_full(names[:-1])
            case Use():
                self._foreman.used(hand, message.use)
            case Halt():
                self._stop.request(message.reason.error())
            case Ready():
                hand.ready.set()
            case Done():
                hand.done = message

    def _count(self, hand: Hand, tell: Tell) -> None:
        """Add what a worker did to what the run has done."""
        hand.latest = tell
        before = hand.told
        hand.told = Tell(
            succeeded=before.succeeded + tell.succeeded,
            failed=before.failed + tell.failed,
            spent=before.spent + tell.spent,
            kept=before.kept + tell.kept,
        )
        totals = self._recorder.totals
        totals.succeeded += tell.succeeded
        totals.failed += tell.failed
        if not self._foreman.counts_money:
            totals.spent += tell.spent
            totals.kept += tell.kept
            totals.unaccounted += tell.unaccounted
            if tell.unbilled:
                totals.unbilled_s = self._clock.now()
        for reading in tell.readings:
            self._recorder.reading(msgspec.structs.replace(reading, spent=totals.spent))

    async def _salvage(self, hand: Hand) -> None:
        """Record what a lost worker left: what was in flight as lost, and what it had not told."""
        await hand.end.gone()
        async with self._segments.alone:
            left = await self._offload(lambda: salvage(self._run.path, hand.number, self._segment))
        for sent in left.unended:
            self._recorder.ended(sent.lost(), None)
        await self._recorder.sync()
        await self._foreman.lost(hand, left)
        if all(each.lost_s is not None for each in self.hands):
            raise WorkerError(
                f"{counted(len(self.hands), 'worker')} ended by themselves, and none is left; "
                f"give fewer --workers where memory is short{RESUME}"
            )
