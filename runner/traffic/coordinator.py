"""The coordinator of a load run: workers send, and it begins, hears, shows and judges them.

It makes no requests of its own but those for the balance.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import trio

from headrace.jobs import MachineFacts, WorkerFacts

from ..assembly import Assembly
from ..record import RecoveredState, Salvage
from ..workers import CoordinatorSession, Crew, Go, Hand, Room, Tell, WorkerUse
from .machine import WORST_KEPT
from .options import LoadOptions
from .recorder import LoadRecorder
from .session import LoadSession
from .tally import SECONDS_SHOWN, SecondNews
from .worker import LoadLook, facts_told, task_of

# From the last worker's being ready to the first due time: every one has to be told.
START_IN_S = 0.1

_look_decoder = msgspec.msgpack.Decoder(LoadLook)


class CrewDemand:
    """The demands of all workers together, as far as they were told."""

    def __init__(self) -> None:
        self.measured = 0
        self.over_s: float | None = None
        self.next_at_s = math.inf

    def next_s(self, now_s: float) -> float:
        """When something is due next, in any of them."""
        return max(self.next_at_s, now_s) if self.next_at_s > now_s - 1.0 else self.next_at_s


class CrewSchedule:
    """The schedules of all workers together."""

    def __init__(self) -> None:
        self.demand = CrewDemand()
        self.out = 0
        self.lost: list[str] = []


class LoadCoordinator(CoordinatorSession, LoadSession):
    """A load run whose requests workers send; `asked` is what makes its plan again."""

    counts_money = False
    seals = False  # that would be work for a core which workers of this machine may be on

    def __init__(self, *given: Any, asked: LoadOptions, **rest: Any) -> None:
        super().__init__(*given, **rest)
        self._asked = asked
        self._schedules = CrewSchedule()
        self._looks: dict[int, LoadLook] = {}
        self._seconds: dict[int, dict[int, SecondNews]] = {}
        self._start_at_s = self._clock.now()

    async def _send(self, parts: Assembly, state: RecoveredState) -> None:
        recorder = parts.recorder
        assert isinstance(recorder, LoadRecorder)
        self._crew_recorder = recorder
        self._slots = parts.admission.concurrency
        for reject in self._source.rejects:
            recorder.reject(reject)
        async with self._open_crew(parts, self) as crew:
            self._crew = crew
            async with trio.open_nursery() as beside:
                beside.start_soon(self._stop.on_error, recorder.sync_regularly)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(crew.run)
                    nursery.start_soon(crew.begin, "load", task_of(self._asked))
                    await crew.all_ready()
                    await self._go(crew, parts, beside)
                beside.cancel_scope.cancel()
        self._end_crew(crew.hands)

    async def _go(self, crew: Crew, parts: Assembly, beside: trio.Nursery) -> None:
        """Name the moment at which all begin, and look on."""
        self._start_at_s = start_s = self._clock.now() + START_IN_S
        window = self._load.window(start_s)
        self._begin_window(window)
        if self._stop.reason is not None:
            return
        await crew.send(Go(start_s=crew.shared_s(start_s)))
        if math.isfinite(window.end_s):
            crew.give_up_at(window.end_s + self._load.grace_s)
        self._look_on(beside, parts, self._schedules, window)
        beside.start_soon(self._show, parts)

    async def _show(self, parts: Assembly) -> None:
        """What is in flight, all workers together, for the display and concurrency.jsonl; and how
        their lanes stand, for who asks."""
        concurrency, lanes = parts.admission.concurrency, parts.admission.lanes
        while True:
            concurrency.show(self._crew.in_flight, now_s=self._clock.now())
            self._crew.show_lanes(lanes)
            await trio.sleep(0.25)

    # -- what workers say

    def heard(self, hand: Hand, tell: Tell) -> None:
        """A worker's counts and times so far."""
        self._slots.show_peak(self._crew.peak, now_s=self._clock.now())
        if not tell.look:
            return
        look = _look_decoder.decode(tell.look)
        self._looks[hand.number] = look
        seconds = self._seconds.setdefault(hand.number, {})
        seconds |= {each.number: each for each in look.tally.seconds}
        for number in [each for each in seconds if each < max(seconds) - SECONDS_SHOWN]:
            del seconds[number]
        looks = self._looks
        self._tally.become((each.tally, self._seconds[n]) for n, each in looks.items())
        demand, ahead_s = self._schedules.demand, self._crew.shared_s(0.0)
        demand.measured = sum(each.measured for each in looks.values())
        # What was due at one that is lost is due no more.
        left = [each.number for each in self._crew.hands if each.lost_s is None]
        looks = {number: looks[number] for number in left if number in looks}
        demand.next_at_s = min(each.next_s for each in looks.values()) - ahead_s
        over = [each.over_s for each in looks.values() if each.over_s is not None]
        demand.over_s = max(over) - ahead_s if len(over) == len(left) else None
        self._schedules.out = sum(each.out for each in looks.values())
        self._loop.stalls = sum(each.stalls for each in looks.values())
        self._loop.longest_s = max(each.longest_stall_s for each in looks.values())

    def room(self, hand: Hand, room: Room) -> None:
        """No worker of a load run asks for jobs."""

    def used(self, hand: Hand, use: WorkerUse) -> None:
        """Nor is one held back by limits or money."""

    async def lost(self, hand: Hand, left: Salvage) -> None:
        """The others continue; the verdict says that one is missing."""
        self._schedules.lost.append(self._said_of_lost(hand))
        told, totals = hand.told, self._crew_recorder.totals
        totals.succeeded += left.succeeded - told.succeeded
        totals.failed += left.failed - told.failed
        totals.spent += left.spent - told.spent
        totals.kept += left.kept - told.kept

    def _said_of_lost(self, hand: Hand) -> str:
        lost_s = self._facts_of(hand).lost_s
        return f"{hand.called(len(self._crew.hands))} was lost at {lost_s:.1f} s"

    # -- the end

    def _end_crew(self, hands: Sequence[Hand]) -> None:
        """Write down what all of them know."""
        facts, clock, stop = self._facts, self._clock, self._stop
        known = [facts_told(hand.done.facts) for hand in hands if hand.done and hand.done.facts]
        facts.workers = [self._facts_of(hand) for hand in hands]
        now = clock.utc(clock.now())
        if facts.measure_from is None:
            facts.measure_from = now  # it stopped before it began
        ends = [each.measure_to for each in known if each.measure_to is not None]
        if stop.reason is not None:
            ends = [min(ends, default=now)]
        if facts.measure_to is None or (stop.reason is not None and ends[0] < facts.measure_to):
            facts.measure_to = max(*ends, facts.measure_from) if ends else now
        facts.ended = max((each.ended for each in known if each.ended is not None), default=now)
        facts.unsent = sum(each.unsent for each in known)
        cut_off = [each.cut_off for each in known if each.cut_off is not None]
        facts.cut_off = max(cut_off, default=None)
        machines = [each.machine for each in known if each.machine is not None]
        facts.machine = together(machines) if machines else None

    def _facts_of(self, hand: Hand) -> WorkerFacts:
        machine = facts_told(hand.done.facts).machine if hand.done and hand.done.facts else None
        lost_s = None if hand.lost_s is None else max(0.0, hand.lost_s - self._start_at_s)
        place = hand.end.place
        return WorkerFacts(
            number=hand.number,
            machine=machine,
            lost_s=lost_s,
            where=None if place is None else place.name,
            clock_error_s=None if place is None else place.clock_error_s,
        )


def together(machines: Sequence[MachineFacts]) -> MachineFacts:
    """What several processes of one machine saw: times are the longest that any of them had, CPU
    and descriptors add up, and what is the machine's own is the same in all."""

    def most(name: str) -> Any:
        return max((v for each in machines if (v := getattr(each, name)) is not None), default=None)

    def total(name: str) -> Any:
        known = [v for each in machines if (v := getattr(each, name)) is not None]
        return sum(known) if known else None

    worst = sorted((s for each in machines for s in each.worst_stalls), key=lambda s: -s.length_s)
    return MachineFacts(
        stalls=total("stalls"),
        longest_stall_s=most("longest_stall_s"),
        worst_stalls=worst[:WORST_KEPT],
        loop_lag_p50_s=most("loop_lag_p50_s"),
        loop_lag_p99_s=most("loop_lag_p99_s"),
        longest_gc_s=most("longest_gc_s"),
        cpu_share=total("cpu_share"),
        core_wait_share=most("core_wait_share"),
        core_shares=max((each.core_shares for each in machines), key=len),
        in_flight_max=total("in_flight_max"),
        open_files_max=total("open_files_max"),
        open_files_limit=most("open_files_limit"),
        ports_max=most("ports_max"),
        ports_limit=most("ports_limit"),
    )
