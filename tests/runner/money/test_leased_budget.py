"""A worker's budget: what is lent to it, asked for and given back. The sums are in test_leases."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.runner.errors import OutOfMoneyError
from headrace.runner.money import Lease, LeasedBudget, LeaseUse


class Told:
    """Counts what was to be told at once."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def budget_of(lent: int = 0, **totals: int) -> tuple[LeasedBudget, Any, Told]:
    had: Any = SimpleNamespace(spent=Decimal(50), kept=Decimal(5), unaccounted=0, **totals)
    budget, told = LeasedBudget(had, currency="CNY"), Told()
    budget.on_news = told
    budget.take(Lease(Decimal(lent)))
    return budget, had, told


def test_an_attempt_without_a_cost_needs_no_lease() -> None:
    budget, _, _ = budget_of()
    assert budget.has_room(Decimal(0))
    assert not budget.has_room(Decimal("0.01"))


def test_what_is_told_is_since_it_began() -> None:
    budget, totals, _ = budget_of(100)
    budget.reserve(Decimal(30))
    budget.reserve(None)
    totals.spent += 7
    totals.kept += 2
    assert budget.spare == 61
    assert budget.use(0.0) == LeaseUse(
        spent=Decimal(7),
        kept=Decimal(2),
        reserved=Decimal(30),
        lent=Decimal(100),
        want=Decimal(0),
        unbounded=1,
    )


async def test_who_waits_gives_back_what_is_spare_and_says_what_it_needs(
    autojump_clock: MockClock,
) -> None:
    budget, _, told = budget_of(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(budget.until_room, Decimal(25))
        await trio.sleep(1)
        use = budget.use(1.0)
        assert (use.back, use.need) == (Decimal(10), Decimal(25))
        assert use.want == 64 * 25
        assert told.times == 1
        budget.take(Lease(Decimal(35)))
    assert budget.spare == 25
    assert budget.use(1.0).need is None


async def test_a_refusal_reaches_who_waits_and_who_comes(autojump_clock: MockClock) -> None:
    budget, _, _ = budget_of()
    budget.take(Lease(refused="no more"))
    with pytest.raises(OutOfMoneyError, match="no more"):
        await budget.until_room(Decimal(1))


def test_a_recall_gives_back_what_is_not_set_aside() -> None:
    budget, _, told = budget_of(100)
    budget.reserve(Decimal(30))
    budget.take(Lease(Decimal(100), recall=1))
    assert (budget.spare, told.times) == (Decimal(0), 1)
    use = budget.use(0.0)
    assert (use.back, use.recall) == (Decimal(70), 1)


def test_a_recall_leaves_what_was_lent_for_an_attempt_that_waits() -> None:
    budget, _, _ = budget_of(100)
    budget.ask_for(Decimal(40))
    budget.take(Lease(Decimal(100), recall=1))
    assert budget.spare == 40


def test_an_older_message_changes_nothing() -> None:
    budget, _, _ = budget_of(100)
    budget.take(Lease(Decimal(90)))
    assert budget.spare == 100


def test_blocks_grow_while_they_last_less_than_a_second() -> None:
    budget, _, told = budget_of()
    budget.ask_for(Decimal(1))
    asked = [budget.use(10.0).want]
    for n in range(1, 4):
        budget.take(Lease(budget.use(10.0).lent + asked[-1]))
        budget.reserve(budget.spare)
        asked.append(budget.use(10.0 + n * 0.4).want)
    assert asked == [64, 128, 256, 512]
    budget.take(Lease(Decimal(64 + 128 + 256 + 512)))
    budget.reserve(budget.spare)
    assert budget.use(13.0).want == 512
    assert told.times == 5


def test_a_block_that_lasted_a_moment_is_followed_by_one_that_lasts() -> None:
    budget, _, _ = budget_of()
    budget.ask_for(Decimal(1))
    asked = [budget.use(10.0).want]
    for at_s in (10.2, 10.25):
        budget.take(Lease(budget.use(10.0).lent + asked[-1]))
        budget.reserve(budget.spare)
        asked.append(budget.use(at_s).want)
    assert asked == [64, 5 * 64, 8 * 5 * 64]


def test_a_smaller_block_than_was_asked_for_is_half_used_before_the_next_ask() -> None:
    budget, _, told = budget_of()
    budget.ask_for(Decimal(10))
    assert budget.use(0.0).want == 640
    budget.take(Lease(Decimal(100)))
    for _ in range(5):
        budget.reserve(Decimal(10))
    assert told.times == 1
    budget.reserve(Decimal(10))
    assert told.times == 2
