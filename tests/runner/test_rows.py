"""From an attempt's outcome to its row."""

import datetime as dt
import random

from trio.testing import MockClock

from headrace.jobs import Job
from headrace.runner.admission import InFlight
from headrace.runner.clock import RunClock
from headrace.runner.limits.lane import Lane
from headrace.runner.limits.limiter import Grant, Limiter
from headrace.runner.outcome import AttemptOutcome
from headrace.runner.pending import Pending
from headrace.runner.rows import NO_CHARGE, attempt_row, sent_row

NOON = dt.datetime(2026, 6, 9, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
JOB = Job(
    index=3,
    custom_id="a",
    url="/v1/chat/completions",
    model="m",
    stream=True,
    body=b"{}",
    body_digest="d",
    input_estimate_tokens=1,
)


def flight() -> InFlight:
    """The first attempt, due at 1 s."""
    limiter = Limiter(rpm=None, tpm=None, now_s=0.0)
    lane = Lane(limiter, deadline_s=60.0, outage_limit_s=60.0, rng=random.Random(1))
    return InFlight(Pending(JOB), lane, Grant(1.0, 9), reserved_tokens=9, due_s=1.0)


async def test_every_time_counts_from_the_moment_of_sending(autojump_clock: MockClock) -> None:
    """Due at 1 s, sent at 1.5 s; a thought at 2 s, the answer from 4 s to 6 s."""
    clock, sent = RunClock(lambda: NOON), flight()
    sent.wire.sent_at_s, sent.wire.first_byte_at_s = 1.5, 1.75
    sent.sent = sent_row(sent, clock, sent_s=1.5)
    assert (sent.sent.attempt, sent.sent.reserved_tokens, sent.sent.reopened) == (1, 9, False)
    outcome = AttemptOutcome(
        first_token_at_s=2.0, first_content_at_s=4.0, content_end_at_s=6.0, gaps_s=[2.0]
    )
    row = attempt_row(sent, outcome, NO_CHARGE, clock)
    assert (row.due_at, row.sent_at) == (NOON + SECOND, NOON + 1.5 * SECOND)
    assert (row.wait_s, row.first_byte_s, row.ttft_s) == (0.5, 0.25, 0.5)
    assert (row.content_ttft_s, row.latency_s, row.gaps_s) == (2.5, 4.5, [2.0])
    assert row.stream is True


async def test_what_never_came_is_unknown(autojump_clock: MockClock) -> None:
    row = attempt_row(flight(), AttemptOutcome(), NO_CHARGE, RunClock(lambda: NOON))
    assert row.due_at == NOON + SECOND
    assert row.sent_at is None
    assert (row.wait_s, row.ttft_s, row.content_ttft_s, row.latency_s) == (None,) * 4
