"""The figures that any run has: counts, lanes and money. Read when they are asked for."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

import trio

from ..limits import Lane, Slots
from ..money import Budget
from ..record import Totals

# How far back the pace of the spending looks; nearer samples than that of each other are one.
PACE_OVER_S = 600.0
SAMPLE_EVERY_S = 1.0


class Figure(NamedTuple):
    """One metric: `name` without `headrace_`, and without the `_total` of a counter.

    Every value has its labels. Labels are names: of models, currencies, ceilings, errors.
    """

    name: str
    kind: Literal["counter", "gauge"]
    text: str
    values: Sequence[tuple[Mapping[str, str], float]]


class Pace:
    """When the money ends at the pace so far: of the last ten minutes, or since the beginning.

    A sample is taken at each look, so this costs nothing for a job.
    """

    def __init__(self, now_s: float, taken: Decimal) -> None:
        self._samples: deque[tuple[float, Decimal]] = deque([(now_s, taken)])

    def left_s(self, ceiling: Decimal, now_s: float, taken: Decimal) -> float:
        """Until `ceiling` is reached; inf where nothing was spent meanwhile."""
        samples = self._samples
        if now_s - samples[-1][0] >= SAMPLE_EVERY_S:
            samples.append((now_s, taken))
        while len(samples) > 1 and samples[1][0] <= now_s - PACE_OVER_S:
            samples.popleft()
        from_s, before = samples[0]
        left = float(ceiling - taken)
        if left <= 0:
            return 0.0
        gained = float(taken - before)
        return left * (now_s - from_s) / gained if gained > 0 else math.inf


def gauge(name: str, text: str, value: float, **labels: str) -> Figure:
    """A figure of one value."""
    return Figure(name, "gauge", text, [(labels, float(value))])


def common_figures(
    totals: Totals,
    lanes: Iterable[Lane],
    concurrency: Slots,
    budget: Budget | None,
    pace: Pace,
) -> Iterator[Figure]:
    """What every run has.

    Args:
        totals: of the run, earlier sessions included.
        lanes: with what left by each in this session.
        concurrency: the slots.
        budget: what may be spent; None where no cost is known.
        pace: of this session.

    Returns:
        The figures, lanes by `model` ("" is the lane that models share), and by `service` where
        there are several.
    """
    yield gauge("jobs_done", "Jobs that succeeded.", totals.succeeded)
    yield gauge("jobs_failed", "Jobs that failed.", totals.failed)
    yield gauge("jobs_rejected", "Lines that are not jobs.", totals.rejected)
    yield gauge("jobs_in_flight", "Requests under way.", concurrency.in_flight)
    yield gauge("concurrency_limit", "Slots for requests under way.", concurrency.limit)
    yield from lane_figures(lanes)
    if budget is not None:
        yield from money_figures(totals, budget, pace)


def lane_figures(lanes: Iterable[Lane]) -> Iterator[Figure]:
    """What left by each lane in this session, and what holds it up."""
    now_s = trio.current_time()
    lanes = list(lanes)
    named = [({"model": lane.model or "", **_service(lane)}, lane) for lane in lanes]
    rows: list[tuple[str, Literal["counter", "gauge"], str, list[float]]] = [
        ("requests_sent", "counter", "Requests sent.", [lane.sent for lane in lanes]),
        ("tokens", "counter", "Tokens in and out.", [lane.used_tokens for lane in lanes]),
        ("cool_downs", "counter", "Pauses after a 429.", [lane.cool_downs for lane in lanes]),
        (
            "cool_down_seconds",
            "gauge",
            "What is left of the pause that a 429 asked for.",
            [max(0.0, lane.held_until_s - now_s) for lane in lanes],
        ),
        (
            "outage_seconds",
            "gauge",
            "How long the service has failed every attempt; 0 while it does not.",
            [0.0 if lane.outage_since_s is None else now_s - lane.outage_since_s for lane in lanes],
        ),
    ]
    for name, kind, text, values in rows:
        labelled = [(labels, value) for (labels, _), value in zip(named, values, strict=True)]
        yield Figure(name, kind, text, labelled)


def _service(lane: Lane) -> dict[str, str]:
    return {} if lane.service is None else {"service": lane.service}


def money_figures(totals: Totals, budget: Budget, pace: Pace) -> Iterator[Figure]:
    """What is spent, and what may be; amounts in the currency of the prices."""
    currency = budget.currency
    taken = totals.spent + totals.kept
    yield gauge("spent", "Computed cost.", float(totals.spent), currency=currency)
    yield gauge(
        "kept",
        "Counted as spent for attempts whose bill is unknown.",
        float(totals.kept),
        currency=currency,
    )
    yield gauge(
        "reserved",
        "Set aside for requests under way.",
        float(budget.reserved),
        currency=currency,
    )
    tightest = budget.tightest
    left_s = pace.left_s(
        Decimal("inf") if tightest is None else tightest.total, trio.current_time(), taken
    )
    if tightest is None:
        return
    yield gauge(
        "ceiling",
        "The most that the run may come to.",
        float(tightest.total),
        currency=currency,
        whose=tightest.whose,
    )
    yield gauge(
        "budget_left_seconds", "Until the ceiling is reached, at the pace of ten minutes.", left_s
    )
