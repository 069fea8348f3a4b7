"""One case of each promise that `make cluster` tries many times, in virtual time."""

from decimal import Decimal

import pytest
from trio.testing import MockClock

from .simulation import Case, Cluster

pytestmark = pytest.mark.slow
NONE = {"fixed": 0, "sliding": 0, "bucket": 0}
TWO_MINUTES_S, THREE_MINUTES_S = 122.0, 183.0


async def test_four_workers_use_the_limit_as_one_does_and_break_none(
    autojump_clock: MockClock,
) -> None:
    found = await Cluster(Case(workers=4, rpm=600, seconds=TWO_MINUTES_S)).run()
    assert found.refused == NONE
    assert found.most_requests <= 1.0
    assert found.used_requests >= 0.99
    assert found.busy == 4


async def test_a_limit_that_is_too_small_for_all_goes_to_few(autojump_clock: MockClock) -> None:
    case = Case(workers=8, rpm=60, tpm=100_000, tokens=1000, seconds=TWO_MINUTES_S)
    found = await Cluster(case).run()
    assert found.refused == NONE
    assert found.used_requests >= 0.98
    assert found.busy == 1


async def test_what_workers_that_run_dry_leave_is_used_by_the_others(
    autojump_clock: MockClock,
) -> None:
    """And what an earlier session sent in its last minute counts. What a worker sent before it ran
    dry leaves its share for a minute yet, each part of it as late as a report and its answer: so
    two windows are looked at, since in the first of them that can cost more than 2 %."""
    case = Case(workers=8, rpm=600, uneven=True, past=300, late_s=0.5, seconds=THREE_MINUTES_S)
    found = await Cluster(case).run()
    assert found.refused == NONE
    assert found.used_requests >= 0.98


async def test_nothing_breaks_while_workers_die_join_and_stop(
    autojump_clock: MockClock,
) -> None:
    case = Case(
        workers=6,
        rpm=1200,
        tpm=2_000_000,
        tokens=4000,
        slots=60,
        late_s=0.5,
        max_cost=Decimal(2),
        seconds=300,
        deaths=3,
        joins=3,
        stops=3,
    )
    found = await Cluster(case).run()
    assert (found.refused, found.broken) == (NONE, [])
    assert max(found.most_requests, found.most_tokens) <= 1.0
    assert found.most_in_flight <= 60
    assert Decimal("0.98") < found.taken / 2 <= 1
    assert found.refusal is not None


async def test_a_thousand_workers(autojump_clock: MockClock) -> None:
    """Of which a hundred and fifty have enough of the limit to send evenly."""
    found = await Cluster(Case(workers=1000, rpm=6000, tokens=100, tpm=10**7, seconds=7)).run()
    assert (found.refused, found.broken) == (NONE, [])
    assert found.used_requests >= 0.98
    assert found.busy == 150
