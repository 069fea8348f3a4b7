"""The retry policy: tenacity's strategies on the run's clock, and from the run's own generator."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.retries.failure import Failure
from headrace.runner.retries.policy import BACKOFF_MAX_S, RetryPolicy

BUSY = Failure("http", "busy", status=503)


def policy(
    *, attempts: int = 6, deadline_s: float = 1e9, now_s: float = 0.0, seed: int = 0
) -> RetryPolicy:
    return RetryPolicy(
        attempts=attempts, deadline_s=deadline_s, now=lambda: now_s, rng=random.Random(seed)
    )


@given(seed=st.integers(0, 2**64), attempt=st.integers(1, 1000))
def test_the_pause_is_full_jitter_and_never_above_its_bound(seed: int, attempt: int) -> None:
    delay_s = policy(attempts=2000, seed=seed).after(BUSY, attempt=attempt, first_due_s=0).delay_s
    assert delay_s is not None
    bound_s = 60.0 if attempt >= 6 else 2.0**attempt
    assert BACKOFF_MAX_S == 60.0
    assert delay_s == random.Random(seed).uniform(0, bound_s)


@given(asked_s=st.floats(0, 1e6), seed=st.integers(0, 2**32))
def test_retry_after_is_a_floor_of_any_length(asked_s: float, seed: int) -> None:
    delay_s = (
        policy(seed=seed)
        .after(BUSY._replace(retry_after_s=asked_s), attempt=3, first_due_s=0)
        .delay_s
    )
    assert delay_s == max(asked_s, random.Random(seed).uniform(0, 8.0))


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
