"""What a display is told: counts and quantiles of the attempts that it was told of."""

import datetime as dt
from typing import Any

import pytest

from headrace.jobs import Attempt, JobEnd
from headrace.runner.traffic.tally import Tally, quantiles

MOMENT = dt.datetime(2026, 6, 9, 8, 30, tzinfo=dt.UTC)


def attempt(**fields: Any) -> Attempt:
    common = {"index": 0, "custom_id": "a", "model": "m", "url": "/v1/chat/completions"}
    return Attempt(**{**common, "attempt": 1, "due_at": MOMENT, "phase": "measure", **fields})


def failed() -> JobEnd:
    return JobEnd(status="failed", ended_at=MOMENT, total_s=0.0, body_digest="")


def test_errors_are_counted_by_status_and_kind() -> None:
    tally = Tally(start_s=0.0)
    for kind, status in (("http", 429), ("http", 429), ("http", 503), ("timeout", None)):
        tally.attempt_ended(attempt(error_kind=kind, http_status=status), failed(), 1.0)
    assert tally.errors.most_common() == [("HTTP 429", 2), ("HTTP 503", 1), ("timeout", 1)]
    assert (tally.answered, tally.failed_jobs) == (0, 4)


def test_the_most_in_flight_at_once_is_kept() -> None:
    tally = Tally(start_s=0.0)
    for _ in range(3):
        tally.request_left(0.0)
    tally.attempt_ended(attempt(sent_at=MOMENT), None, 1.0)
    tally.attempt_ended(attempt(error_kind="connect"), None, 1.0)  # which was never sent
    tally.request_left(1.0)
    assert (tally.in_flight, tally.in_flight_max) == (3, 3)


def test_only_what_is_measured_has_quantiles() -> None:
    tally = Tally(start_s=0.0)
    for phase, ttft_s in (("warmup", 9.0), ("measure", 0.5), ("drain", 9.0)):
        tally.attempt_ended(attempt(phase=phase, ttft_s=ttft_s, latency_s=1.0), None, 1.0)
    assert tally.answered == 3
    assert tally.measured == 1
    assert quantiles(tally.ttft).p99_s == pytest.approx(0.5, rel=0.02)


def test_the_rate_is_over_the_last_five_whole_seconds() -> None:
    tally = Tally(start_s=100.0)
    assert tally.rate_per_s(100.5) == 0
    for n in range(200):  # 10/s for 10 s, then 20/s for 5 s
        tally.request_left(100.0 + (n / 10 if n < 100 else 10 + (n - 100) / 20))
    assert tally.rate_per_s(115.3) == 20.0
    assert tally.rate_per_s(117.9) == 60 / 5  # the last two seconds had none
    assert tally.sent == 200


def test_the_course_has_a_median_for_each_second_and_gaps_where_nothing_came() -> None:
    tally = Tally(start_s=0.0)
    for at_s, latency_s in ((0.1, 1.0), (0.2, 3.0), (0.3, 2.0), (2.5, 0.25)):
        tally.attempt_ended(attempt(latency_s=latency_s), None, at_s)
    course = tally.course("latency", 4.2)
    assert [each is None for each in course] == [False, True, False, True]
    assert course[0] == pytest.approx(2.0, rel=0.02)
    assert course[2] == pytest.approx(0.25, rel=0.02)
    assert tally.course("ttft", 4.2) == [None] * 4


def test_the_gap_of_an_answer_is_the_median_of_its_gaps() -> None:
    tally = Tally(start_s=0.0)
    tally.attempt_ended(attempt(gaps_s=[0.01, 9.0, 0.02]), None, 1.0)
    assert quantiles(tally.gap).p50_s == pytest.approx(0.02, rel=0.02)
