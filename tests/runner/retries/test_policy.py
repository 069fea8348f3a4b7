"""The retry policy: tenacity's strategies on the run's clock, and from the run's own generator."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.retries.failure import Failure
from headrace.runner.retries.policy import BACKOFF_MAX_S, RetryPolicy

BUSY = Failure("http", "busy", status=503)


class Drawing(random.Random):
    """Draws the same share of every range."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def random(self) -> float:
        return self.share


def policy(
    *,
    attempts: int = 6,
    deadline_s: float = 1e9,
    now_s: float = 0.0,
    seed: int = 0,
    rng: random.Random | None = None,
) -> RetryPolicy:
    rng = random.Random(seed) if rng is None else rng
    return RetryPolicy(attempts=attempts, deadline_s=deadline_s, now=lambda: now_s, rng=rng)


def pause_s(attempt: int, rng: random.Random, *, asked_s: float | None = None) -> float:
    failure = BUSY._replace(retry_after_s=asked_s)
    verdict = policy(attempts=2000, rng=rng).after(failure, attempt=attempt, first_due_s=0)
    assert verdict.delay_s is not None
    return verdict.delay_s


# After the n-th failure, uniform from 0 to min(60, 2^n) seconds.
BOUNDS_S = {1: 2.0, 2: 4.0, 3: 8.0, 4: 16.0, 5: 32.0, 6: 60.0, 7: 60.0, 33: 60.0, 1000: 60.0}


@pytest.mark.parametrize(("attempt", "bound_s"), BOUNDS_S.items())
def test_the_pause_runs_evenly_from_nothing_to_its_bound(attempt: int, bound_s: float) -> None:
    pauses_s = [pause_s(attempt, Drawing(share)) for share in (0.0, 0.25, 0.5, 1.0)]
    assert pauses_s == [0.0, bound_s / 4, bound_s / 2, bound_s]
    assert BACKOFF_MAX_S == 60.0


@given(seed=st.integers(0, 2**64), attempt=st.integers(1, 1000))
def test_the_pause_is_full_jitter_and_never_above_its_bound(seed: int, attempt: int) -> None:
    """Drawn once, from the run's own generator."""
    rng, beside = random.Random(seed), random.Random(seed)
    found_s = pause_s(attempt, rng)
    assert 0.0 <= found_s <= BOUNDS_S.get(attempt, 60.0)
    assert found_s == pytest.approx(beside.random() * BOUNDS_S.get(attempt, 60.0), rel=1e-12)
    assert rng.getstate() == beside.getstate()


@pytest.mark.parametrize(
    ("asked_s", "found_s"), [(0.0, 4.0), (3.9, 4.0), (4.1, 4.1), (107.0, 107.0), (1e6, 1e6)]
)
def test_retry_after_is_a_floor_of_any_length(asked_s: float, found_s: float) -> None:
    """Beside a draw of 4 s, the middle of 0 to 8."""
    assert pause_s(3, Drawing(0.5), asked_s=asked_s) == found_s


@given(asked_s=st.floats(0, 1e6), seed=st.integers(0, 2**32))
def test_retry_after_is_never_undercut_and_exceeded_only_by_the_jitter(
    asked_s: float, seed: int
) -> None:
    found_s = pause_s(3, random.Random(seed), asked_s=asked_s)
    assert found_s >= asked_s
    assert found_s == asked_s or found_s == pause_s(3, random.Random(seed)) <= 8.0


def test_the_global_generator_is_not_touched() -> None:
    before = random.getstate()
    policy().after(BUSY, attempt=1, first_due_s=0)
    assert random.getstate() == before


@pytest.mark.parametrize(("attempt", "again"), [(1, True), (2, True), (3, False), (4, False)])
def test_attempts_are_counted_from_one(attempt: int, *, again: bool) -> None:
    verdict = policy(attempts=3).after(BUSY, attempt=attempt, first_due_s=0)
    assert (verdict.delay_s is not None) == again
    assert verdict.reason == ("" if again else "after 3 attempts")


def test_the_deadline_runs_from_the_first_due_time_on_the_runs_clock() -> None:
    failure = BUSY._replace(retry_after_s=10.0)
    late = policy(deadline_s=100, now_s=1090.0)
    assert late.after(failure, attempt=1, first_due_s=1000.0).delay_s == 10.0
    assert late.after(failure, attempt=1, first_due_s=999.9).delay_s is None
    assert late.after(failure, attempt=1, first_due_s=999.9).reason == "after 100 s deadline"


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 301, 418])
def test_what_the_job_got_wrong_is_not_sent_again(status: int) -> None:
    verdict = policy().after(Failure("http", "no", status=status), attempt=1, first_due_s=0)
    assert verdict.delay_s is None


def test_calls_share_no_count() -> None:
    """One policy object serves every job: no call may see another's attempts."""
    shared = policy(attempts=2)
    assert shared.after(BUSY, attempt=1, first_due_s=0).delay_s is not None
    assert shared.after(BUSY, attempt=2, first_due_s=0).delay_s is None
    assert shared.after(BUSY, attempt=1, first_due_s=0).delay_s is not None
