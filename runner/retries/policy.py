"""Whether a failed attempt is made again, and when: tenacity's policy on the run's own clock.

tenacity's stop, wait and retry strategies are asked directly. Its loop is not used: a job that
waits must hold no task, no slot and no connection. Its `stop_after_delay` reads the wall clock.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

import tenacity

from headrace.jobs import counted

from .failure import Failure

BACKOFF_MAX_S = 60.0


def backoff_max_s(failures: int) -> float:
    """The most that is waited after so many failures in a row: min(60, 2^n) seconds."""
    return min(BACKOFF_MAX_S, 2.0 ** min(failures, 32))


class RetryDecision(NamedTuple):
    """`delay_s` until the next attempt, or None: no further one, and `reason` says why."""

    delay_s: float | None
    reason: str = ""


class FullJitter(tenacity.wait.wait_base):
    """uniform(0, min(60, 2^n)) seconds after the n-th failure, from the run's own generator.

    Source: M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015 ("full
    jitter"). tenacity's `wait_random_exponential` draws from the global generator.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        return self._rng.uniform(0, backoff_max_s(retry_state.attempt_number))


class AtLeastAsked(tenacity.wait.wait_base):
    """What Retry-After asks for is the least, of any length."""

    def __init__(self, otherwise: tenacity.wait.wait_base) -> None:
        self._otherwise = otherwise

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        return max(_failure(retry_state).retry_after_s or 0.0, self._otherwise(retry_state))


class StopAtDeadline(tenacity.stop.stop_base):
    """Stop when the next attempt would begin after the job's deadline, by the run's clock."""

    def __init__(self, deadline_s: float, now: Callable[[], float]) -> None:
        self._deadline_s = deadline_s
        self._now = now

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        begins_s = self._now() + retry_state.upcoming_sleep
        first_due_s: float = retry_state.kwargs["first_due_s"]
        return begins_s > first_due_s + self._deadline_s


def _failure(state: tenacity.RetryCallState) -> Failure:
    assert state.outcome is not None
    failure: Failure = state.outcome.result()
    return failure


class RetryPolicy:
    """`attempts` a job at most, within `deadline_s` of its first due time.

    Stateless between calls: the number of attempts and the first due time come with each.
    """

    def __init__(
        self, *, attempts: int, deadline_s: float, now: Callable[[], float], rng: random.Random
    ) -> None:
        self._attempts = tenacity.stop_after_attempt(attempts)
        self._deadline = StopAtDeadline(deadline_s, now)
        self._limits = counted(attempts, "attempt"), f"{deadline_s:g} s deadline"
        self._policy = tenacity.AsyncRetrying(
            stop=self._attempts | self._deadline,
            wait=AtLeastAsked(FullJitter(rng)),
            retry=tenacity.retry_if_result(lambda failure: failure.retried),
        )

    def after(self, failure: Failure, *, attempt: int, first_due_s: float) -> RetryDecision:
        """What follows the `attempt`-th failure that counts (from 1) of a job."""
        policy = self._policy
        state = tenacity.RetryCallState(policy, None, (), {"first_due_s": first_due_s})
        state.attempt_number = attempt
        state.set_result(failure)
        if not policy.retry(state):
            return RetryDecision(None, "not a failure that another attempt mends")
        state.upcoming_sleep = float(policy.wait(state))
        if not policy.stop(state):
            return RetryDecision(state.upcoming_sleep)
        return RetryDecision(None, f"after {self._limits[0 if self._attempts(state) else 1]}")
