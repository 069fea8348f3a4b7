"""From an attempt's outcome to its row."""

import datetime as dt

from trio.testing import MockClock

from headrace.jobs import Job, Usage
from headrace.runner.client import Outcome
from headrace.runner.clock import RunClock
from headrace.runner.rows import Made, attempt_row, sent_row
from headrace.runner.transport import Wire

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


async def test_every_time_counts_from_the_moment_of_sending(autojump_clock: MockClock) -> None:
    """Due at 1 s, sent at 1.5 s; a thought at 2 s, the answer from 4 s to 6 s."""
    wire = Wire()
    wire.sent_at, wire.first_byte_at = 1.5, 1.75
    outcome = Outcome(first_token_at=2.0, first_content_at=4.0, content_end_at=6.0, gaps_s=[2.0])
    clock = RunClock(lambda: NOON)
    sent = sent_row(
        JOB,
        clock,
        number=1,
        due_s=1.0,
        sent_s=1.5,
        reserved_tokens=9,
        cost_bound=None,
        reopened=False,
    )
    row = attempt_row(Made(JOB, 1, 1.0, sent, wire, outcome, Usage()), clock)
    assert (row.due_at, row.sent_at) == (NOON + SECOND, NOON + 1.5 * SECOND)
    assert (row.wait_s, row.first_byte_s, row.ttft_s) == (0.5, 0.25, 0.5)
    assert (row.content_ttft_s, row.latency_s, row.gaps_s) == (2.5, 4.5, [2.0])


async def test_what_never_came_is_unknown(autojump_clock: MockClock) -> None:
    made = Made(JOB, 1, 1.0, None, Wire(), Outcome(), Usage())
    row = attempt_row(made, RunClock(lambda: NOON))
    assert row.due_at == NOON + SECOND
    assert row.sent_at is None
    assert (row.wait_s, row.ttft_s, row.content_ttft_s, row.latency_s) == (None,) * 4
