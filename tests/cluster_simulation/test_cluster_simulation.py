"""One case of each promise that `make cluster` tries hundreds of times, in virtual time."""

import pytest
from trio.testing import MockClock

from .simulation import Case, Cluster

pytestmark = pytest.mark.slow
NONE = {"fixed": 0, "sliding": 0, "bucket": 0}


async def test_four_workers_use_the_limit_as_one_does_and_break_none(
    autojump_clock: MockClock,
) -> None:
    found = await Cluster(Case(workers=4, rpm=600, seconds=180)).run()
    assert found.refused == NONE
    assert found.most_requests <= 1.0
    assert found.used_requests >= 0.99
    assert found.busy == 4


async def test_a_limit_that_is_too_small_for_all_goes_to_few(autojump_clock: MockClock) -> None:
    found = await Cluster(Case(workers=8, rpm=60, tpm=100_000, tokens=1000, seconds=180)).run()
    assert found.refused == NONE
    assert found.used_requests >= 0.98
    assert found.busy == 1
