"""Retries from end to end, in virtual time: exact moments, exact rows."""

from typing import Any

import pytest
from trio.testing import MockClock

# The first draws of the run's own generator, by its seed: shares of the pauses of 2, 4 and 8 s.
DRAWN = {
    1: (0.13436424411240122, 0.8474337369372327, 0.763774618976614),
    7: (0.32383276483316237, 0.15084917392450192),
}


async def test_a_500_is_retried_after_full_jitter(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.error(500) if seen.number <= 2 else service.fine()
    bench.write_chats(1)
    ran = await bench.run(service, seed=7)
    first, second = 2 * DRAWN[7][0], 4 * DRAWN[7][1]
    assert service.post_times_s == [0.0, first, first + second]
    assert ran.outcome.succeeded == 1
    assert ran.attempts["attempt"].to_list() == [1, 2, 3]
    assert ran.attempts["http_status"].to_list() == [500, 500, 200]
    assert ran.attempts["error_kind"].to_list() == ["http", "http", None]
    assert ran.results["attempts"].to_list() == [3]
    assert ran.results["total_s"].to_list() == [first + second]


async def test_retry_after_in_seconds_is_waited_in_full_whatever_its_length(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.error(429, retry_after="107") if seen.number == 1 else service.fine()
    )
    bench.write_chats(1)
    ran = await bench.run(service)
    assert service.post_times_s == [0.0, 107.0]
    assert ran.attempts["retry_after_s"].to_list() == [107.0, None]


async def test_each_retry_after_counts_not_only_the_first(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    waits = iter(["3", "130", "5"])

    def answer(seen: Any) -> Any:
        wait = next(waits, None)
        return service.fine() if wait is None else service.error(429, retry_after=wait)

    service.answer = answer
    bench.write_chats(1)
    await bench.run(service, attempts=6)
    # Jitter may only lengthen it: of up to 2, 4 and 8 s, the third draws more than the 5 s.
    third = 8 * DRAWN[1][2]
    assert 6.1 < third < 6.2
    assert service.post_times_s == [0.0, 3.0, 133.0, 133.0 + third]


async def test_retry_after_as_a_date_is_read_against_the_answers_own_clock(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    # The server's clock is an hour ahead of ours: its dates still mean 30 s.
    service.answer = lambda seen: (
        service.error(
            503,
            retry_after="Tue, 09 Jun 2026 09:31:00 GMT",
            date="Tue, 09 Jun 2026 09:30:30 GMT",
        )
        if seen.number == 1
        else service.fine()
    )
    bench.write_chats(1)
    await bench.run(service)
    assert service.post_times_s == [0.0, 30.0]


async def test_the_delay_named_in_the_message_counts_where_no_header_does(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    message = "Rate limit exceeded. Please retry after 60s."
    service.answer = lambda seen: (
        service.error(429, "RATE_LIMIT", message) if seen.number == 1 else service.fine()
    )
    bench.write_chats(1)
    await bench.run(service)
    assert service.post_times_s == [0.0, 60.0]


async def test_a_429_cools_the_whole_lane_once(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Four at once are refused: nothing leaves until the pause is over, and then all do."""
    service.answer = lambda seen: (
        service.error(429, retry_after="40") if seen.number <= 4 else service.fine(delay_s=1)
    )
    bench.write_chats(8)
    ran = await bench.run(service, concurrency=4)
    assert service.post_times_s[:4] == [0.0] * 4
    assert service.post_times_s[4:8] == [40.0] * 4
    assert service.post_times_s[8:] == [41.0] * 4
    assert ran.outcome.succeeded == 8


async def test_a_retry_after_beyond_the_deadline_fails_the_job_now(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.error(429, retry_after="3601") if seen.number == 1 else service.fine()
    )
    bench.write_chats(1)
    ran = await bench.run(service, deadline_s=3600)
    assert service.post_times_s == [0.0]
    assert ran.results["status"].to_list() == ["failed"]
    assert ran.results["total_s"].to_list() == [0.0]
    assert ran.outcome.exit_code == 1


async def test_attempts_end_and_the_history_stays(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.error(502, "UPSTREAM_ERROR", "upstream is down")
    bench.write_chats(1)
    ran = await bench.run(service, attempts=3)
    assert len(service.posts) == 3
    assert ran.attempts["error_code"].to_list() == ["UPSTREAM_ERROR"] * 3
    (row,) = ran.results.to_dicts()
    assert (row["status"], row["attempts"], row["http_status"]) == ("failed", 3, 502)
    assert row["error_code"] == "UPSTREAM_ERROR"
    assert row["error_message"] == "upstream is down (given up after 3 attempts)"


@pytest.mark.parametrize("status", [400, 404, 413, 422, 301])
async def test_what_no_retry_mends_fails_at_once_and_the_run_goes_on(
    bench: Any, service: Any, autojump_clock: MockClock, status: int
) -> None:
    service.answer = lambda seen: (
        service.error(status, "BAD") if seen.number == 1 else service.fine()
    )
    bench.write_chats(3)
    ran = await bench.run(service, concurrency=1)
    assert ran.results["status"].to_list() == ["failed", "succeeded", "succeeded"]
    assert ran.results["attempts"].to_list() == [1, 1, 1]
    assert ran.outcome.exit_code == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
async def test_each_passing_status_is_retried(
    bench: Any, service: Any, autojump_clock: MockClock, status: int
) -> None:
    service.answer = lambda seen: service.error(status) if seen.number == 1 else service.fine()
    bench.write_chats(1)
    ran = await bench.run(service)
    assert ran.results["status"].to_list() == ["succeeded"]
    assert len(service.posts) == 2


async def test_retries_are_woven_in_with_first_attempts(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The refused job goes again as soon as its pause is over, not after the file's end."""
    service.answer = lambda seen: (
        service.error(500) if seen.number == 1 else service.fine(delay_s=1)
    )
    bench.write_chats(20)
    await bench.run(service, concurrency=1, seed=7)
    assert 0 < 2 * DRAWN[7][0] < 1  # over when the first answer comes
    asked = [seen.content for seen in service.posts]
    again = 1 + asked[1:].index("question 0")
    assert service.posts[again].at_s == pytest.approx(1.0, abs=1e-9)
    assert again < 4


async def test_a_job_that_waits_holds_no_slot(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """With one slot, the others run while the first job waits out its pause."""
    service.answer = lambda seen: (
        service.error(503, retry_after="50") if seen.number == 1 else service.fine(delay_s=1)
    )
    bench.write_chats(5)
    await bench.run(service, concurrency=1)
    assert service.post_times_s == [0.0, 0.0, 1.0, 2.0, 3.0, 50.0]


async def test_an_answer_that_is_no_json_is_asked_for_again(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.fine()._replace(body=b"<html>busy</html>") if seen.number == 1 else service.fine()
    )
    bench.write_chats(1)
    ran = await bench.run(service)
    assert ran.attempts["error_kind"].to_list() == ["protocol", None]
    assert ran.results["status"].to_list() == ["succeeded"]


async def test_a_paid_answer_without_choices_is_kept_and_not_paid_for_twice(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine()._replace(body=b'{"usage": {"prompt_tokens": 9}}')
    bench.write_chats(1)
    ran = await bench.run(service)
    assert len(service.posts) == 1
    assert ran.results["status"].to_list() == ["failed"]
    assert ran.results["response"].to_list() == ['{"usage": {"prompt_tokens": 9}}']


async def test_a_broken_connection_is_a_row_and_is_retried(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.fine()._replace(body=None) if seen.number == 1 else service.fine()
    )
    bench.write_chats(1)
    ran = await bench.run(service)
    assert ran.attempts["error_kind"].to_list() == ["reset", None]
    assert ran.attempts["http_status"].to_list() == [None, 200]


async def test_a_job_whose_attempts_run_out_does_not_hold_up_the_others(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.error(500) if seen.content == "question 1" else service.fine()
    )
    bench.write_chats(4)
    ran = await bench.run(service, attempts=2)
    assert ran.results["status"].to_list() == ["succeeded", "failed", "succeeded", "succeeded"]
