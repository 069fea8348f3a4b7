"""Money lent to workers: its sum stays below the ceiling after every event, and none lies idle
while another worker waits for it."""

import random
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.runner.errors import OutOfMoneyError
from headrace.runner.money import Budget, LeasedBudget, LeaseUse, max_cost_ceiling
from headrace.runner.workers import Leases

ZERO = Decimal(0)


def totals_of(spent: int = 0, kept: int = 0) -> Any:
    return SimpleNamespace(spent=Decimal(spent), kept=Decimal(kept), unaccounted=0, unbilled_s=None)


class Coordinator:
    """The real budget and leases, and what is on its way to the workers and from them."""

    def __init__(self, ceiling: Decimal | None, *, spent: int = 0) -> None:
        self.totals = totals_of(spent)
        limit = None if ceiling is None else max_cost_ceiling(ceiling, "CNY")
        self.budget = Budget(self.totals, currency="CNY", ceiling=limit)
        self.leases = Leases(self.budget, self.totals)
        self.workers: dict[str, Worker] = {}

    def join(self, name: str) -> "Worker":
        self.leases.join(name)
        self.workers[name] = Worker()
        return self.workers[name]

    def hear(self, name: str) -> None:
        if up := self.workers[name].up:
            self.leases.report(name, up.pop(0), now_s=0.0)

    def tell(self) -> None:
        for name in [cast(str, each) for each in self.leases.untold()]:
            lease = self.leases.hand_out(name)
            if name in self.workers:
                self.workers[name].down.append(lease)

    def exchange(self) -> None:
        """Until nothing is on its way any more."""
        for _ in range(6):
            for name, worker in self.workers.items():
                worker.report()
                while worker.up:
                    self.hear(name)
            self.tell()
            for worker in self.workers.values():
                while worker.down:
                    worker.budget.take(worker.down.pop(0))


class Worker:
    """The real budget of a worker; its attempts are bounds in flight."""

    def __init__(self) -> None:
        self.totals = totals_of()
        self.budget = LeasedBudget(self.totals, currency="CNY")
        self.in_flight: list[Decimal] = []
        self.waits: Decimal | None = None
        self.up: list[Any] = []
        self.down: list[Any] = []

    def report(self) -> None:
        self.up.append(self.budget.use(0.0))

    def send(self, bound: Decimal) -> bool:
        """Let an attempt out, or ask for what it lacks."""
        if self.budget.has_room(bound):
            if self.waits is not None:
                self.budget._needs.remove(self.waits)
                self.waits = None
            self.budget.reserve(bound)
            self.in_flight.append(bound)
            return True
        if self.waits is None:
            self.budget.ask_for(bound)
            self.waits = bound
        return False

    def answer(self, share: Decimal, *, unknown: bool = False) -> None:
        """The oldest attempt ends, and costs this share of its bound; or nobody knows."""
        bound = self.in_flight.pop(0)
        if unknown:
            self.totals.kept += bound
        else:
            self.totals.spent += bound * share
        self.budget.release(bound)

    @property
    def has(self) -> Decimal:
        """Spent, kept, set aside and spare."""
        return cast(Decimal, self.totals.spent + self.totals.kept + self.budget.reserved) + max(
            ZERO, self.budget.spare
        )


def test_a_worker_is_lent_what_it_needs_and_some_more() -> None:
    coordinator = Coordinator(Decimal(1000))
    a = coordinator.join("a")
    assert not a.send(Decimal(1))
    coordinator.exchange()
    assert a.budget.spare == 1 + 63
    assert coordinator.budget.reserved == 64
    assert a.send(Decimal(1))


def test_more_is_asked_for_before_it_is_needed() -> None:
    coordinator = Coordinator(Decimal(10_000))
    a = coordinator.join("a")
    a.send(Decimal(1))
    coordinator.exchange()
    for _ in range(33):
        assert a.send(Decimal(1))
    assert a.budget.spare == 31
    coordinator.exchange()
    assert a.budget.spare == 31 + 8 * 64  # the first block lasted no time


def test_what_lies_idle_is_called_back_before_anything_is_refused() -> None:
    coordinator = Coordinator(Decimal(100))
    a, b = coordinator.join("a"), coordinator.join("b")
    a.send(Decimal(10))
    coordinator.exchange()
    a.send(Decimal(10))
    assert a.budget.spare > 0
    b.send(Decimal(90))
    coordinator.exchange()
    assert (a.budget.spare, b.budget.spare) == (ZERO, Decimal(90))
    assert coordinator.budget.taken == 100


def test_who_asked_first_is_served_first_and_nothing_goes_past_it() -> None:
    coordinator = Coordinator(Decimal(100))
    a, b, c = (coordinator.join(name) for name in "abc")
    a.send(Decimal(60))
    coordinator.exchange()
    a.send(Decimal(60))
    b.send(Decimal(50))
    coordinator.exchange()
    c.send(Decimal(30))
    coordinator.exchange()
    assert (b.budget.spare, c.budget.spare) == (ZERO, ZERO)
    a.answer(Decimal(0))
    coordinator.exchange()
    assert b.send(Decimal(50))
    assert c.send(Decimal(30))


def test_without_a_ceiling_everything_is_lent_at_once() -> None:
    coordinator = Coordinator(None)
    a = coordinator.join("a")
    a.send(Decimal(5))
    coordinator.exchange()
    assert a.send(Decimal(5))
    assert coordinator.budget.room is None


def test_what_a_worker_did_moves_into_the_books() -> None:
    coordinator = Coordinator(Decimal(100), spent=7)
    a = coordinator.join("a")
    a.send(Decimal(10))
    coordinator.exchange()
    a.send(Decimal(10))
    a.send(Decimal(2))
    a.answer(Decimal("0.3"))
    a.answer(Decimal(1), unknown=True)
    coordinator.exchange()
    assert (coordinator.totals.spent, coordinator.totals.kept) == (10, 2)
    assert coordinator.totals.unbilled_s == 0.0
    assert coordinator.budget.taken == 7 + a.has


def test_a_dead_workers_lease_stays_until_its_journal_is_read() -> None:
    coordinator = Coordinator(Decimal(100))
    a, b = coordinator.join("a"), coordinator.join("b")
    a.send(Decimal(40))
    coordinator.exchange()
    a.send(Decimal(40))
    del coordinator.workers["a"]
    b.send(Decimal(55))
    coordinator.exchange()
    assert not b.send(Decimal(55))
    coordinator.leases.lost("a", LeaseUse(spent=Decimal(5), kept=Decimal(40)), now_s=9.0)
    coordinator.exchange()
    assert b.send(Decimal(55))
    assert coordinator.budget.taken == 5 + 40 + b.has


def test_what_a_dead_worker_said_of_answers_without_a_cost_stays_said() -> None:
    coordinator = Coordinator(Decimal(100))
    a = coordinator.join("a")
    a.budget.reserve(None)
    a.totals.unaccounted = 2
    coordinator.exchange()
    assert (coordinator.budget.unbounded, coordinator.totals.unaccounted) == (1, 2)
    coordinator.leases.lost("a", LeaseUse(), now_s=9.0)
    assert (coordinator.budget.unbounded, coordinator.totals.unaccounted) == (0, 2)


def test_a_bill_beyond_its_bound_counts_at_once_and_is_paid_for_by_the_next_lease() -> None:
    coordinator = Coordinator(Decimal(1000))
    a = coordinator.join("a")
    a.send(Decimal(10))
    coordinator.exchange()
    a.send(Decimal(10))
    a.answer(Decimal(90))
    assert a.budget.spare < 0
    assert not a.send(Decimal(10))
    coordinator.exchange()
    assert a.send(Decimal(10))
    assert coordinator.budget.taken == a.has


def test_a_ceiling_that_falls_calls_back_what_lies_idle() -> None:
    coordinator = Coordinator(Decimal(1000))
    a = coordinator.join("a")
    a.send(Decimal(10))
    coordinator.exchange()
    a.send(Decimal(10))
    coordinator.leases.keep_below()
    coordinator.exchange()
    assert a.budget.spare > 0  # there is room for all of it
    coordinator.budget.set_account_ceilings([max_cost_ceiling(Decimal(20), "CNY")])
    coordinator.leases.keep_below()
    coordinator.exchange()
    assert (a.budget.spare, coordinator.budget.taken) == (ZERO, Decimal(10))


async def test_what_fits_nowhere_is_refused_once_nothing_is_out(
    autojump_clock: MockClock,
) -> None:
    coordinator = Coordinator(Decimal(100))
    a, b = coordinator.join("a"), coordinator.join("b")
    a.send(Decimal(90))
    coordinator.exchange()
    a.send(Decimal(90))
    refused = []

    async def wait_for_room() -> None:
        try:
            await b.budget.until_room(Decimal(20))
        except OutOfMoneyError as error:
            refused.append(error.message)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(coordinator.leases.serve)
        nursery.start_soon(wait_for_room)
        await trio.sleep(1)
        coordinator.exchange()
        await trio.sleep(1)
        assert refused == []
        a.answer(Decimal(1))
        coordinator.exchange()
        await trio.sleep(1)
        coordinator.exchange()
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert refused == [
        "the next job may cost up to 20 CNY, and with 90 spent that goes beyond --max-cost 100 "
        "CNY; raise --max-cost, and run the same command again to resume"
    ]
    # And so is whatever comes after it.
    a.send(Decimal(20))
    coordinator.exchange()
    assert a.budget._lease.refused == refused[0]


async def test_what_is_given_back_reaches_who_waits(autojump_clock: MockClock) -> None:
    coordinator = Coordinator(Decimal(100))
    a, b = coordinator.join("a"), coordinator.join("b")
    a.send(Decimal(90))
    coordinator.exchange()
    a.send(Decimal(90))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(coordinator.leases.serve)
        with trio.fail_after(10):
            nursery.start_soon(b.budget.until_room, Decimal(20))
            await trio.sleep(1)
            coordinator.exchange()
            a.answer(Decimal("0.5"))
            coordinator.exchange()
            await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert b.send(Decimal(20))


class LateMessages:
    """A random course of sending, answers, reports, messages that are late, deaths and joins."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.ceiling = Decimal(rng.choice([5, 50, 500, 10**6])) / rng.choice([1, 7, 1000])
        self.ceiling = self.ceiling.quantize(Decimal("1e-9"))
        self.coordinator = Coordinator(self.ceiling)
        self.late = rng.choice([0.1, 0.5, 0.9])
        self.names = 0
        self.sent = 0
        self.beyond = self.over = self.below = ZERO
        self.dead: list[tuple[str, LeaseUse]] = []
        for _ in range(rng.randint(1, 4)):
            self.join()

    def join(self) -> None:
        self.coordinator.join(f"w{self.names}")
        self.names += 1

    def act(self) -> None:
        """One worker does something; then the sums are looked at."""
        rng, coordinator = self.rng, self.coordinator
        name = rng.choice(sorted(coordinator.workers))
        worker = coordinator.workers[name]
        luck = rng.random()
        if luck < 0.4:
            bound = Decimal(rng.randint(1, 9000)).scaleb(-rng.choice([3, 6]))
            self.sent += worker.send(worker.waits or bound)
        elif luck < 0.6 and worker.in_flight:
            unknown = rng.random() < 0.1
            worker.answer(Decimal(rng.randint(0, 1000)).scaleb(-3), unknown=unknown)
        elif luck < 0.75:
            worker.report()
        elif luck < 0.97:
            self.pass_on()
        elif luck < 0.98:
            self.join()
        elif len(coordinator.workers) > 1:
            self.die(name)
        self.look()

    def pass_on(self) -> None:
        coordinator = self.coordinator
        for name, worker in coordinator.workers.items():
            while worker.up and self.rng.random() > self.late:
                coordinator.hear(name)
                self.look()
        coordinator.tell()
        for worker in coordinator.workers.values():
            while worker.down and self.rng.random() > self.late:
                worker.budget.take(worker.down.pop(0))
        for name, use in self.dead:
            coordinator.leases.lost(name, use, now_s=0.0)
        self.dead = []

    def die(self, name: str) -> None:
        worker = self.coordinator.workers.pop(name)
        kept = worker.totals.kept + worker.budget.reserved
        self.dead.append((name, LeaseUse(spent=worker.totals.spent, kept=kept)))

    def look(self) -> None:
        """By the coordinator's books, and by what the workers really have: they know of no more
        than was lent, and have set aside no more than they know of."""
        coordinator = self.coordinator
        workers = coordinator.workers.values()
        really = sum((worker.has for worker in workers), ZERO)
        really += sum((use.spent + use.kept for _, use in self.dead), ZERO)
        self.over = max(self.over, coordinator.budget.taken - self.ceiling)
        self.beyond = max(self.beyond, really - coordinator.budget.taken)
        self.below = min([self.below, *(worker.budget.spare for worker in workers)])


@pytest.mark.slow
@given(seed=st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_the_sum_stays_below_the_ceiling_after_every_event(seed: int) -> None:
    """And nothing is kept from who waits for it, once all messages have come."""
    course = LateMessages(seed)
    for _ in range(400):
        course.act()
    assert [course.over, course.beyond, course.below] == [ZERO] * 3
    course.late = 0.0
    course.pass_on()
    coordinator = course.coordinator
    for worker in coordinator.workers.values():
        while worker.in_flight:
            worker.answer(Decimal(1))
    for _ in range(len(coordinator.workers) + 1):
        coordinator.exchange()
        for worker in coordinator.workers.values():
            if worker.waits is not None and worker.send(worker.waits):
                worker.answer(Decimal(1))
    course.look()
    waiting = [worker.waits for worker in coordinator.workers.values() if worker.waits is not None]
    left = course.ceiling - coordinator.totals.spent - coordinator.totals.kept
    assert [course.over, course.beyond, course.below] == [ZERO] * 3
    # In the order of their asks, so it is the first of them that does not fit.
    assert not waiting or left < max(waiting)
    assert not waiting or coordinator.budget.reserved == 0


@pytest.mark.parametrize(
    ("unseen_beside", "kept", "unseen"), [(None, 2, 0), (0, 9, 7), (4, 5, 3), (8, 2, 0)]
)
def test_of_a_machine_that_went_with_its_journals_end_all_that_was_lent_is_kept(
    unseen_beside: int | None, kept: int, unseen: int
) -> None:
    """What it sent last is recorded nowhere, and may be billed. The bounds of what is recorded as
    lost are kept already, by who records it, and are a part of what was lent."""
    totals = totals_of()
    limit = max_cost_ceiling(Decimal(20), "CNY")
    budget = Budget(totals, currency="CNY", ceiling=limit)
    leases = Leases(budget, totals)
    leases.join("a")
    leases.report("a", LeaseUse(need=Decimal(10)), now_s=0.0)
    lent = leases.hand_out("a").lent
    assert lent == 10
    found = leases.lost(
        "a",
        LeaseUse(spent=Decimal(1), kept=Decimal(2)),
        now_s=1.0,
        unseen_beside=None if unseen_beside is None else Decimal(unseen_beside),
    )
    assert (totals.spent, totals.kept, int(found)) == (1, kept, unseen)
    assert budget.has_room(Decimal(20 - 1 - kept))
    assert not budget.has_room(Decimal(20 - 1 - kept + 1))
