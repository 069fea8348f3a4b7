"""Which failures are tried again, and whom they charge; in virtual time."""

import json
import random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import ErrorKind
from headrace.runner.retries import RetryPolicy
from headrace.runner.retries.failure import Failure
from tests.runner.conftest import Bench, Reply, Service

TRIED_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 524, 529, 599)
NOT = (400, 401, 402, 403, 404, 405, 410, 413, 418, 422, 451, 501, 505)


@pytest.mark.parametrize(
    ("status", "retried"), [*((s, True) for s in TRIED_AGAIN), *((s, False) for s in NOT)]
)
def test_what_is_tried_again_by_its_status(status: int, *, retried: bool) -> None:
    assert Failure("http", "m", status=status).retried == retried
    assert not Failure("http", "m", status=status, final=True).retried


def test_a_service_may_say_whether_to_try_again_but_not_of_the_key_or_the_money() -> None:
    told = {
        (s, t): Failure("http", "m", status=s, retry_told=t).retried
        for s in (400, 401, 402, 403, 429, 500)
        for t in (True, False)
    }
    assert {key for key, retried in told.items() if retried} == {
        (400, True),
        (429, True),
        (500, True),
    }


@pytest.mark.parametrize(
    ("failure", "waited_s", "too_long"),
    [
        (Failure("http", "m", status=504), 9.99, False),
        (Failure("http", "m", status=504), 10.0, True),
        (Failure("stream", "m", status=504), 60.0, True),  # inside a 200
        (Failure("timeout", "m"), 9.99, False),
        (Failure("timeout", "m"), 10.0, True),
        (Failure("timeout", "m"), None, False),  # never sent
        (Failure("http", "m", status=503), 60.0, False),
        (Failure("http", "m", status=524), 60.0, False),
        (Failure("reset", "m"), 60.0, False),
    ],
)
def test_what_something_on_the_way_gave_up_on(
    failure: Failure, waited_s: float | None, *, too_long: bool
) -> None:
    assert failure.took_too_long(waited_s) == too_long


KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)


def meant(failure: Failure) -> bool:
    """Section 7 of the design, written out: 408, 409, 425, 429, every 5xx but 501 and 505, the same
    codes inside a 200, connection failures, timeouts, broken streams. x-should-retry is obeyed but
    of 401, 402 and 403; what was paid for and can't be read is not bought again."""
    status = failure.status
    if failure.final:
        return False
    if failure.retry_told is not None:
        return failure.retry_told and status not in (401, 402, 403)
    if failure.kind in ("connect", "tls", "timeout", "reset", "protocol", "stream"):
        return status not in (501, 505)
    if failure.kind != "http" or status is None:
        return False
    return status in (408, 409, 425, 429) or (500 <= status <= 599 and status not in (501, 505))


@given(
    kind=st.sampled_from(KINDS),
    status=st.none() | st.integers(300, 599) | st.sampled_from(TRIED_AGAIN + NOT),
    told=st.sampled_from([None, None, True, False]),
    final=st.booleans(),
    attempt=st.integers(1, 7),
)
def test_any_failure_is_tried_again_as_the_design_says(
    kind: ErrorKind, status: int | None, told: bool | None, final: bool, attempt: int
) -> None:
    failure = Failure(kind, "m", status=status, retry_told=told, final=final)
    assert failure.retried == meant(failure)
    policy = RetryPolicy(attempts=6, deadline_s=1e9, now=lambda: 0.0, rng=random.Random(1))
    decision = policy.after(failure, attempt=attempt, first_due_s=0.0)
    assert (decision.delay_s is not None) == (meant(failure) and attempt < 6)


async def test_x_should_retry_is_obeyed(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    says = {1: (400, "True"), 2: (500, "false")}

    def answer(seen: Any) -> Reply:
        if seen.number not in says:
            return service.fine()
        status, told = says[seen.number]
        return Reply(status, b'{"error": {"message": "m"}}', (("x-should-retry", told),))

    service.answer = answer
    bench.write_chats(1)
    ran = await bench.run(service)
    assert ran.attempts["http_status"].to_list() == [400, 500]
    assert ran.outcome.failed == 1


@pytest.mark.parametrize("tries", [2, 3])
async def test_a_job_that_outlasts_a_proxy_is_given_up_and_holds_nobody_in_an_outage(
    bench: Bench, service: Service, autojump_clock: MockClock, tries: int
) -> None:
    """504 after 60 s each: 35 of them were billed for nothing, in an outage that never ended."""

    def answer(seen: Any) -> Reply:
        if json.loads(seen.body)["messages"][0]["content"] == "question 3":
            return Reply(504, b"<title>Gateway Time-out</title>", delay_s=60.0)
        return service.fine()

    service.answer = answer
    bench.write_chats(8)
    ran = await bench.run(service, concurrency=1, attempts=tries)
    assert (ran.outcome.succeeded, ran.outcome.failed) == (7, 1)
    assert len(service.posts) == 7 + tries
    [message] = ran.results.filter(status="failed")["error_message"]
    assert message == f"Gateway Time-out (given up after {tries} attempts)"


async def test_jobs_that_all_outlast_a_proxy_are_given_up_one_by_one(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """Nothing has ever succeeded, so it is an outage; but its probes are charged."""
    service.answer = lambda seen: Reply(504, b"{}", delay_s=60.0)
    bench.write_chats(12)
    ran = await bench.run(service, concurrency=4, attempts=2, outage_s=24 * 3600.0)
    assert (ran.outcome.failed, len(service.posts)) == (12, 24)
