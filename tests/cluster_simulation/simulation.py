"""A coordinator and its workers in virtual time: real limits and money, late links, deaths, stops.

What is asked of a case is in `Case`, what came of it in `Found`.
"""

import random
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import trio

from headrace.jobs import Limits
from headrace.runner.limits import WINDOW_S
from headrace.runner.money import Budget, max_cost_ceiling
from headrace.runner.notify import Latch
from headrace.runner.workers import REPORT_S, Dealer, Leases, Past, Shares

from .worker import CURRENCY, URGENT_S, Traffic, Worker
from .world import Link, Post, Service

# Where a case is over before the first minute is, this is enough to have begun.
START_S = 5.0
PRICE = Decimal("0.000002")


class Case(NamedTuple):
    """What is simulated: `workers` with `jobs` each at most; `deaths`, `joins` and `stops` happen
    at random moments. `past` are requests that an earlier session sent in its last minute."""

    workers: int
    seed: int = 1
    rpm: int | None = None
    tpm: int | None = None
    tokens: int = 0  # of the largest job
    slots: int | None = None
    latency_s: float = 2.0
    late_s: float = 0.05
    seconds: float = 240.0
    jobs: int = 10**9
    uneven: bool = False  # most workers run dry early
    deaths: int = 0
    joins: int = 0
    stops: int = 0
    past: int = 0
    max_cost: Decimal | None = None


class Found(NamedTuple):
    """What came of it; rates are shares of the limit, past the first minute, while work waited."""

    sent: int
    used_requests: float
    used_tokens: float
    most_requests: float
    most_tokens: float
    refused: dict[str, int]
    broken: list[str]  # what of the money was not so, after some event
    taken: Decimal
    billed: Decimal
    busy: int  # workers that sent something
    most_in_flight: int
    refusal: str | None


class Cluster:
    """One case, as it runs."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.rng = random.Random(case.seed)
        self.service = Service(case.rpm, case.tpm, self.rng)
        self.totals = SimpleNamespace(
            spent=Decimal(0), kept=Decimal(0), unaccounted=0, unbilled_s=None
        )
        self.limits = Limits(rpm=case.rpm, tpm=case.tpm, concurrency=case.slots)
        shares = Shares(self.limits, slots=case.slots, now_s=trio.current_time())
        self.leases: Leases | None = None
        if case.max_cost is not None:
            ceiling = max_cost_ceiling(case.max_cost, CURRENCY)
            self.budget = Budget(cast(Any, self.totals), currency=CURRENCY, ceiling=ceiling)
            self.leases = Leases(self.budget, cast(Any, self.totals))
        self.dealer = Dealer(shares, self.leases)
        self.news = Latch()
        self.post = Post(self.rng, case.late_s)
        self.dealer.on_news = self.news.set
        self.workers: dict[int, Worker] = {}
        self.down: dict[int, Link] = {}
        self.names = 0
        self.broken: list[str] = []
        self.most_in_flight = 0
        self._remember_past(shares)

    def _remember_past(self, shares: Shares) -> None:
        """An earlier session that was killed just now."""
        now_s = trio.current_time()
        apart_s = 60 / self.case.rpm if self.case.rpm else 0
        sent = [now_s - (n + 1) * apart_s for n in reversed(range(self.case.past))]
        for at_s in sent:
            self.service.receive(at_s, self.case.tokens)
        shares.remember(("m", Past(at_s, self.case.tokens)) for at_s in sent)

    async def run(self) -> Found:
        """All of it."""
        case = self.case
        with trio.move_on_after(case.seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.post.run)
                nursery.start_soon(self._deal)
                if self.leases is not None:
                    nursery.start_soon(self.leases.serve)
                for _ in range(case.workers):
                    self._start(nursery)
                for what, times in (
                    (self._die, case.deaths),
                    (self._join, case.joins),
                    (self._stop, case.stops),
                ):
                    for _ in range(times):
                        at_s = self.rng.uniform(1, 0.8 * case.seconds)
                        nursery.start_soon(what, at_s, nursery)
                await self._all_done()
                nursery.cancel_scope.cancel()
        return self._found()

    async def _all_done(self) -> None:
        while left := [each for each in self.workers.values() if not each.done.is_set()]:
            await left[0].done.wait()

    def _start(self, nursery: trio.Nursery) -> None:
        case, name = self.case, self.names
        self.names += 1
        jobs = case.jobs
        if case.uneven and name % 4:
            jobs = self.rng.randint(0, 60)
        price = None if case.max_cost is None else PRICE
        traffic = Traffic(
            self.rng.getrandbits(32), tokens=case.tokens, latency_s=case.latency_s, price=price
        )
        worker = Worker(
            jobs, self.limits, traffic, self.service, slots=case.slots, max_cost=case.max_cost
        )
        self.workers[name] = worker
        self.dealer.join(name)
        worker.link = Link(self.post, self._heard(name))
        self.down[name] = Link(self.post, worker.take)
        nursery.start_soon(worker.run)

    def _heard(self, name: int) -> Callable[[Any], None]:
        def heard(use: Any) -> None:
            if name in self.workers:
                self.dealer.report(name, use, trio.current_time())
                self.check(name)

        return heard

    async def _deal(self) -> None:
        while True:
            for name, terms in self.dealer.terms(trio.current_time()):
                self.down[cast(int, name)].send(terms)
            in_flight = sum(each.in_flight for each in self.workers.values())
            self.most_in_flight = max(self.most_in_flight, in_flight)
            self.check()
            await trio.sleep(URGENT_S)
            with trio.move_on_after(REPORT_S / 2):
                await self.news.wait()

    async def _die(self, at_s: float, nursery: trio.Nursery) -> None:
        """A worker is killed; that is noticed at once, and its journal read a little later."""
        await trio.sleep(at_s)
        if len(self.workers) < 2:
            return
        name = self.rng.choice(sorted(self.workers))
        worker = self.workers.pop(name)
        worker.scope.cancel()
        assert worker.link is not None
        worker.link.cut = self.down[name].cut = True
        now_s = trio.current_time()
        sent = [each for each in worker.sent if each[1].sent_at_s > now_s - WINDOW_S]
        self.dealer.leave(name, now_s, sent=sent if self.rng.random() < 0.5 else None)
        if self.leases is not None:
            will = worker.will()
            await trio.sleep(self.rng.uniform(0, 2))
            self.leases.lost(name, will, now_s=trio.current_time())
            self.check()

    async def _join(self, at_s: float, nursery: trio.Nursery) -> None:
        await trio.sleep(at_s)
        self._start(nursery)

    async def _stop(self, at_s: float, nursery: trio.Nursery) -> None:
        """A worker is stopped (SIGSTOP) for a while that may be longer than its share lasts."""
        await trio.sleep(at_s)
        worker = self.workers[self.rng.choice(sorted(self.workers))]
        worker.stop()
        await trio.sleep(self.rng.choice([1, 10, 30, 100]))
        worker.resume()

    def check(self, name: int | None = None) -> None:
        """After every event: the money's sum by the coordinator's books, and what a worker has set
        aside beside what was lent to it."""
        if self.leases is None:
            return
        ceiling = self.case.max_cost
        assert ceiling is not None
        if self.budget.taken > ceiling:
            self.broken.append(f"{self.budget.taken} by the coordinator's books")
        for each in [name] if name is not None else list(self.workers):
            budget = self.workers[each].budget
            assert budget is not None
            if budget.spare < 0:
                self.broken.append(f"worker {each} has set aside more than was lent to it")

    def _found(self) -> Found:
        case, service = self.case, self.service
        ended_s = trio.current_time()
        # Whole windows: each repeats what the one before was like, its first second included.
        windows = (ended_s - WINDOW_S) // WINDOW_S
        used = (0.0, 0.0)
        if windows >= 1:
            used = service.used(WINDOW_S, WINDOW_S * (1 + windows))
        elif ended_s > START_S:
            used = service.used(START_S, ended_s)
        most = service.most_in_a_window()
        taken = self.budget.taken if self.leases is not None else Decimal(0)
        if service.billed > taken:
            self.broken.append(f"{service.billed} billed, {taken} taken")
        return Found(
            sent=len(service.sent),
            used_requests=used[0] / case.rpm if case.rpm else 0.0,
            used_tokens=used[1] / case.tpm if case.tpm else 0.0,
            most_requests=most[0] / case.rpm if case.rpm else 0.0,
            most_tokens=most[1] / case.tpm if case.tpm else 0.0,
            refused=service.refused(),
            broken=self.broken,
            taken=taken,
            billed=service.billed,
            busy=sum(bool(each.sent) for each in self.workers.values()),
            most_in_flight=self.most_in_flight,
            refusal=next((w.refused for w in self.workers.values() if w.refused), None),
        )
