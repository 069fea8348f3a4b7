"""A load run's figures beside the truth: the gateway's log, and arithmetic."""

import heapq
from typing import Any

import polars as pl
import pytest
import trio
from trio.testing import MockClock

from reports import summarise

BASE_S = 0.01  # what every answer takes
FREEZE_FROM_S, FREEZE_TO_S = 10.0, 12.0


@pytest.mark.slow
async def test_counts_and_times_are_those_of_the_gateway_s_log(
    traffic: Any, autojump_clock: MockClock
) -> None:
    """Exact timings: 300 ms to the first token, 20 ms between tokens, on one virtual clock."""
    gateway = traffic.gateway(ttft_s=0.3, itl_s=0.02, log_chunks=True, output_tokens=40)
    ran = await traffic.on(
        gateway, rate="8/s", arrivals="poisson", duration_s=5.0, warmup_s=1.0, output_tokens="40"
    )
    seen = [row for row in gateway.log_rows if row.method == "POST"]
    attempts = ran.attempts
    assert len(attempts) == len(seen) > 30
    by_id = {row.request_id: row for row in seen}
    for attempt in attempts.iter_rows(named=True):
        row = by_id[attempt["request_id"]]
        assert attempt["http_status"] == row.status == 200
        assert attempt["input_tokens"] == row.input_tokens
        assert attempt["output_tokens"] == row.output_tokens
        # Token-bearing chunks: one more than there are gaps between them.
        assert len(attempt["gaps_s"]) + 1 == row.output_events
        assert attempt["ttft_s"] == pytest.approx(0.3, abs=1e-9)
        assert attempt["gaps_s"] == pytest.approx([0.02] * (row.output_events - 1), abs=1e-9)
        assert attempt["latency_s"] == pytest.approx(
            0.3 + 0.02 * (row.output_events - 1), abs=0.021
        )
    assert attempts["output_tokens"].sum() == sum(row.output_tokens for row in seen)


def from_due_s(ceiling: int | None) -> list[float]:
    """What each of 400 requests at 20/s has from its due time to its answer, where the service
    answers nothing for two seconds. With a ceiling, a request leaves once one before it is back."""
    back: list[float] = []
    found = []
    for n in range(400):
        sent_s = due_s = n / 20
        if ceiling is not None and len(back) == ceiling:
            sent_s = max(due_s, heapq.heappop(back))
        answered_s = (FREEZE_TO_S if FREEZE_FROM_S <= sent_s < FREEZE_TO_S else sent_s) + BASE_S
        heapq.heappush(back, answered_s)
        found.append(answered_s - due_s)
    return found


def percentile(values: list[float], share: float) -> float:
    """By the definition that the report names: linear between the two nearest ranks."""
    ranked, place = sorted(values), share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])


@pytest.mark.slow
@pytest.mark.parametrize("ceiling", [None, 4])
async def test_a_service_that_freezes_shows_from_due_as_theory_says(
    traffic: Any, service: Any, autojump_clock: MockClock, ceiling: int | None
) -> None:
    """Two seconds of 20. With a ceiling, few are sent into the freeze, and from sent all but those
    look quick: only from due does it show (coordinated omission)."""
    began_s = trio.current_time()

    def answer(seen: Any) -> Any:
        at_s = seen.at_s - began_s
        frozen_s = FREEZE_TO_S - at_s if FREEZE_FROM_S <= at_s < FREEZE_TO_S else 0.0
        return service.fine(delay_s=frozen_s + BASE_S)

    service.answer = answer
    ran = await traffic.over(
        service.connect, rate="20/s", duration_s=20.0, concurrency=ceiling, stream=False
    )
    expected_s = from_due_s(ceiling)
    rows = ran.attempts.select("latency_s", due_s=pl.col("latency_s") + pl.col("wait_s"))
    assert rows["due_s"].to_list() == pytest.approx(expected_s, abs=1e-6)
    figures = summarise(ran.directory).load
    assert figures is not None
    from_due, from_sent = figures.spread("latency_s", "due"), figures.spread("latency_s", "sent")
    assert from_due is not None
    assert from_sent is not None
    shown = {each.name: each.value for each in from_due.percentiles}
    theory = {
        name: percentile(expected_s, share)
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99))
    }
    assert {name: shown[name] for name in theory} == pytest.approx(theory, abs=1e-6)
    # A tenth of all requests came due in the freeze, evenly: half of them had a second or more.
    assert theory["p50"] == pytest.approx(BASE_S)
    assert theory["p95"] == pytest.approx(1.0, abs=0.08)
    sent = {each.name: each.value for each in from_sent.percentiles}
    assert sent["p95"] == pytest.approx(theory["p95"] if ceiling is None else BASE_S, abs=1e-6)
