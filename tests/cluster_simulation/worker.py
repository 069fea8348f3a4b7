"""A simulated worker: the real admission, lanes, budget and allotment, with a service of its own.

Its jobs are made up, and so are latency and cost of their answers; all else is what a session uses.
"""

import random
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import trio

from headrace.jobs import Limits
from headrace.runner.admission import Admission, InFlight
from headrace.runner.clock import RunClock
from headrace.runner.errors import OutOfMoneyError
from headrace.runner.limits import Concurrency, Grant, SharedLane, lanes_for
from headrace.runner.money import LeasedBudget, LeaseUse, max_cost_ceiling
from headrace.runner.notify import Latch
from headrace.runner.workers import REPORT_S, Allotment, Past, WorkerTerms

from .world import Link, Service

CURRENCY = "CNY"
# Reports that are urgent are at least this far apart.
URGENT_S = 0.02


class Reserves:
    """Stands in for the estimator: a job says itself what it reserves."""

    def reserve(self, job: Any) -> int:
        """Tokens."""
        return int(job.tokens)


class StoppableLane(SharedLane):
    """Does nothing while its process is stopped (SIGSTOP), and looks at the clock anew after it."""

    running: trio.Event

    async def until_ready(self, need_tokens: Callable[[], int]) -> None:
        """As of any lane."""
        await self.running.wait()
        await super().until_ready(need_tokens)
        await self.running.wait()

    def take(self, now_s: float, tokens: int) -> Grant | None:
        """As of any lane."""
        return super().take(now_s, tokens) if self.running.is_set() else None


class Traffic(random.Random):
    """What one worker's jobs are like: all chance of theirs."""

    def __init__(self, seed: int, *, tokens: int, latency_s: float, price: Decimal | None) -> None:
        super().__init__(seed)
        self.tokens = tokens
        self.latency_s = latency_s
        self.price = price  # of a token


class Worker:
    """Sends `jobs` of them, through a link to the coordinator that `send` is the near end of."""

    def __init__(
        self,
        jobs: int,
        limits: Limits,
        traffic: Traffic,
        service: Service,
        *,
        slots: int | None,
        max_cost: Decimal | None,
    ) -> None:
        self.left = jobs
        self.link: Link | None = None  # to the coordinator
        self.refused: str | None = None
        self.sent: list[tuple[str, Past]] = []
        self.totals = SimpleNamespace(spent=Decimal(0), kept=Decimal(0), unaccounted=0)
        self.budget: LeasedBudget | None = None
        if traffic.price is not None:
            ceiling = None if max_cost is None else max_cost_ceiling(max_cost, CURRENCY)
            self.budget = LeasedBudget(cast(Any, self.totals), currency=CURRENCY, ceiling=ceiling)
        self._traffic = traffic
        self._service = service
        self._concurrency = Concurrency(slots)
        lanes = lanes_for(
            limits,
            deadline_s=1e6,
            outage_limit_s=1e6,
            rng=traffic,
            now_s=trio.current_time(),
            kind=StoppableLane,
        )
        self._admission = Admission(
            lanes=lanes,
            concurrency=self._concurrency,
            budget=self.budget,
            estimator=cast(Any, Reserves()),
            clock=RunClock(),
        )
        self._news = Latch()
        self.allotment = Allotment(lanes, self._concurrency, self.budget, on_news=self._news.set)
        self._lanes = [cast(StoppableLane, lane) for lane in lanes]
        self._unread: list[WorkerTerms] = []
        self.stop()
        self.resume()
        self.scope = trio.CancelScope()
        self.done = trio.Event()

    async def run(self) -> None:
        """Work until there are no more jobs, it is refused money, or its scope is cancelled."""
        with self.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._report)
                async with trio.open_nursery() as flights:
                    await self._send(flights)
                self.done.set()
        self.done.set()

    async def _send(self, flights: trio.Nursery) -> None:
        while self.left and self.refused is None:
            tokens = self._traffic.randint(0, self._traffic.tokens)
            bound = None if self._traffic.price is None else self._traffic.price * (tokens + 1)
            job = SimpleNamespace(model="m", tokens=tokens)
            pending: Any = SimpleNamespace(job=job, made=0, cost_bound=bound)
            await self._concurrency.until_room()
            try:
                flight = await self._admission.admit(pending, None)
            except OutOfMoneyError as error:
                self.refused = error.message
                return
            self.left -= 1
            self.sent.append((job.model, Past(trio.current_time(), tokens)))
            flight.lane.sent += 1
            self._service.receive(trio.current_time(), tokens)
            flights.start_soon(self._answer, flight, tokens, bound)

    async def _answer(self, flight: InFlight, tokens: int, bound: Decimal | None) -> None:
        await trio.sleep(self._traffic.uniform(0.1, 1.9) * self._traffic.latency_s)
        await self._running.wait()
        now_s = trio.current_time()
        flight.lane.answered(flight.grant, used_tokens=tokens, now_s=now_s)
        if bound is not None:
            self._bill(bound)
        self._admission.ended(flight, overloaded=False)
        self._concurrency.release()
        self._concurrency.notify_waiting()

    def _bill(self, bound: Decimal) -> None:
        cost = (bound * self._traffic.randint(1, 100)).scaleb(-2)
        if self._traffic.random() < 0.02:  # no bill came, and perhaps it was billed
            self.totals.kept += bound
            self._service.billed += cost * self._traffic.randint(0, 1)
        else:
            self.totals.spent += cost
            self._service.billed += cost

    async def _report(self) -> None:
        assert self.link is not None
        while True:
            if not self._running.is_set():
                await self._running.wait()
            sent_s = trio.current_time()
            self.link.send(self.allotment.report(sent_s))
            with trio.move_on_after(REPORT_S):
                await self._news.wait()
                await trio.sleep_until(sent_s + URGENT_S)

    def take(self, terms: WorkerTerms) -> None:
        """What the coordinator answered; a stopped process reads it later."""
        self._unread.append(terms)
        if self._running.is_set():
            self._read()

    def _read(self) -> None:
        while self._unread:
            self.allotment.take(self._unread.pop(0), trio.current_time())

    def stop(self) -> None:
        """Stop the process (SIGSTOP)."""
        self._running = trio.Event()
        for lane in self._lanes:
            lane.running = self._running

    def resume(self) -> None:
        """Let it run again."""
        self._running.set()
        self._read()

    @property
    def in_flight(self) -> int:
        """Slots taken."""
        return self._concurrency.in_flight

    def will(self) -> LeaseUse:
        """What its journal says once it is dead: what was in flight is kept, and may be billed."""
        assert self.budget is not None
        kept = self.totals.kept + self.budget.reserved
        return LeaseUse(spent=self.totals.spent, kept=kept)
