"""A load run's figures, held against sums over the same rows in plain Python."""

import math
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from headrace.reports import Spread, summarise
from headrace.reports.load import LoadFigures
from tests.docs_page import docs_page
from tests.reports.conftest import RunMaker, at
from tests.reports.load_maker import BEGIN_S, END_S, LoadMaker, facts

WINDOW_S = END_S - BEGIN_S


@pytest.fixture
def loaded(made: RunMaker) -> LoadMaker:
    """A load run to be, named jobs.run."""
    made.load = facts()
    return LoadMaker(made)


def figures(made: RunMaker) -> LoadFigures:
    found = summarise(made.write()).load
    assert found is not None
    return found


def percentile(values: list[float], share: float) -> float:
    """Definition 7 of Hyndman and Fan, written out."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def test_every_time_is_of_the_measured_answers_alone(loaded: LoadMaker) -> None:
    loaded.fill(400)
    loaded.request(5.0, error_kind="stream", latency_s=99.0)
    found = figures(loaded.made)
    rows = loaded.measured()
    expected: dict[tuple[str, str | None], list[float]] = {
        ("wait_s", None): [row["wait_s"] for row in rows],
        ("itl_s", None): [gap for row in rows for gap in row["gaps_s"]],
        ("tpot_s", None): [
            (row["latency_s"] - row["ttft_s"]) / (row["output_tokens"] - 1)
            for row in rows
            if row["output_tokens"] > 1
        ],
    }
    for metric in ("ttft_s", "content_ttft_s", "latency_s"):
        expected[metric, "sent"] = [row[metric] for row in rows]
        expected[metric, "due"] = [row[metric] + row["wait_s"] for row in rows]
    assert {(each.metric, each.since) for each in found.times} == set(expected)
    for spread in found.times:
        values = expected[spread.metric, spread.since]
        assert spread.count == len(values)
        assert (spread.min, spread.max) == (min(values), max(values))
        assert spread.mean == pytest.approx(sum(values) / len(values), rel=1e-12)
        for each in spread.percentiles:
            share = float(each.name.removeprefix("p")) / 100
            assert each.value == pytest.approx(percentile(values, share), rel=1e-12)
    gaps = expected["itl_s", None]
    assert found.coalesced_share == gaps.count(0.0) / len(gaps)


def within(begin: float, end: float) -> float:
    """The part of a stretch that lies in the window."""
    if end == begin:
        return float(BEGIN_S <= begin < END_S)
    return max(0.0, min(end, END_S) - max(begin, BEGIN_S)) / (end - begin)


def test_rates_count_what_ended_within_the_window_and_output_by_its_time(loaded: LoadMaker) -> None:
    loaded.fill(300)
    # Over both edges, over all of the window, and without any length.
    for due_s, ttft_s, latency_s in ((1.5, 0.2, 1.0), (11.5, 0.9, 2.0), (0.5, 0.5, 12.0)):
        loaded.request(due_s, ttft_s=ttft_s, latency_s=latency_s)
    loaded.request(3.0, latency_s=0.0, ttft_s=0.0)
    found = figures(loaded.made)
    requests = inputs = outputs = under_way = 0.0
    for row in loaded.rows:
        begin, end = row["sent_s"], row["sent_s"] + row["latency_s"]
        requests += BEGIN_S <= end < END_S
        inputs += (BEGIN_S <= end < END_S) * row["input_tokens"]
        outputs += within(begin + row["ttft_s"], end) * row["output_tokens"]
        under_way += within(begin, end) * (end - begin)
    rates = found.rates
    assert rates is not None
    assert found.window_s == WINDOW_S
    assert rates.requests_per_s == pytest.approx(requests / WINDOW_S, rel=1e-9)
    assert rates.input_tokens_per_s == pytest.approx(inputs / WINDOW_S, rel=1e-9)
    assert rates.output_tokens_per_s == pytest.approx(outputs / WINDOW_S, rel=1e-9)
    assert rates.in_flight == pytest.approx(under_way / WINDOW_S, rel=1e-9)
    due = sum(row["phase"] == "measure" for row in loaded.rows)
    assert rates.due_per_s == due / WINDOW_S
    assert rates.goodput_per_s is None


def test_the_output_of_a_closed_loop_does_not_depend_on_where_the_window_ends(
    made: RunMaker,
) -> None:
    """Answers of 0.75 s one after the other, all of it output: 9 tokens in 0.75 s are 12 a second.
    The 13 that ended within 10 s would say 11.7."""
    made.load = facts(shape="users", open_loop=False)
    loaded = LoadMaker(made)
    for n in range(17):
        loaded.request(n * 0.75, wait_s=0.0, latency_s=0.75, ttft_s=0.0, output_tokens=9)
    rates = figures(made).rates
    assert rates is not None
    assert rates.output_tokens_per_s == pytest.approx(12, rel=1e-12)
    assert rates.in_flight == pytest.approx(1.0, rel=1e-12)
    assert rates.requests_per_s == 1.3


def test_a_queue_that_grows_is_no_throughput(loaded: LoadMaker) -> None:
    """Due 20 a second and answered 10 a second, each when the one before is done: what waits at the
    end of the window counts for nothing."""
    for n in range(240):
        due_s = n / 20
        end_s = 0.1 * (n + 1)
        loaded.request(due_s, wait_s=0.0, ttft_s=end_s - due_s, latency_s=end_s - due_s)
    rates = figures(loaded.made).rates
    assert rates is not None
    assert rates.due_per_s == 20
    assert rates.requests_per_s == pytest.approx(10, abs=0.1)


def test_goodput_counts_what_met_every_objective(loaded: LoadMaker) -> None:
    objectives = ["ttft_s < 200ms", "latency_s + wait_s < 300ms", "tpot_s < 0.02 or ttft_s < 0.1"]
    loaded.made.load = facts(objectives=objectives)
    loaded.fill(300)
    loaded.request(5.0, error_kind="timeout", ttft_s=0.001, latency_s=None)
    loaded.request(6.0, error_kind="cancelled", ttft_s=0.001, latency_s=None)
    found = figures(loaded.made)
    rows = loaded.measured()

    def meets(row: dict[str, Any]) -> list[bool]:
        tokens = row["output_tokens"]
        tpot = (row["latency_s"] - row["ttft_s"]) / (tokens - 1) if tokens > 1 else None
        return [
            row["ttft_s"] < 0.2,
            row["latency_s"] + row["wait_s"] < 0.3,
            (tpot is not None and tpot < 0.02) or row["ttft_s"] < 0.1,
        ]

    met = [meets(row) for row in rows]
    ended = len(rows) + 1  # the timeout too; what was cut off says nothing
    counts = [sum(column) for column in zip(*met, strict=True)]
    assert [(each.objective, each.met) for each in found.objectives] == list(
        zip(objectives, counts, strict=True)
    )
    assert [each.share for each in found.objectives] == [count / ended for count in counts]
    assert found.goodput_share == sum(all(row) for row in met) / ended
    assert 0 < found.goodput_share < min(counts) / ended
    assert found.rates is not None
    assert found.rates.goodput_per_s is not None
    assert 0 < found.rates.goodput_per_s < found.rates.requests_per_s


def test_errors_are_by_kind_with_their_share_of_the_measured(loaded: LoadMaker) -> None:
    for n in range(6):
        loaded.request(3.0 + n)
    loaded.request(1.0, error_kind="http", http_status=500)  # warm-up
    for _ in range(2):
        loaded.request(4.0, error_kind="http", http_status=502, error_code="UPSTREAM_ERROR")
    loaded.request(4.0, error_kind="timeout", latency_s=None, ttft_s=None)
    loaded.request(11.9, error_kind="cancelled", latency_s=None, ttft_s=None)
    found = figures(loaded.made)
    groups = [
        (each.error_kind, each.http_status, each.attempts, each.share) for each in found.errors
    ]
    assert groups == [
        ("http", 502, 2, 0.2),
        ("cancelled", None, 1, 0.1),
        ("timeout", None, 1, 0.1),
    ]
    requests = found.requests
    assert (requests.warmup, requests.measured, requests.drain) == (1, 10, 0)
    assert (requests.answered, requests.failed, requests.cut) == (6, 3, 1)
    assert requests.error_rate == 3 / 9


def test_refusals_and_what_retries_cost(loaded: LoadMaker) -> None:
    made = loaded.made
    loaded.request(3.0, wait_s=0.25, latency_s=0.5, ttft_s=None)
    shared: dict[str, Any] = {"phase": "measure", "wait_s": 0.0, "connection_reused": True}
    refused: dict[str, Any] = {"error_kind": "http", "http_status": 429}
    made.attempt(1, due_at=at(4), sent_at=at(4), retry_after_s=2.0, **refused, **shared)
    made.attempt(1, 2, due_at=at(6), sent_at=at(6), latency_s=0.75, **shared)
    made.result(1, attempts=2, total_s=2.75)
    made.attempt(2, due_at=at(4), sent_at=at(4), retry_after_s=4.0, **refused, **shared)
    made.result(2, status="failed", http_status=429, total_s=0.0)
    refusals = figures(made).refusals
    assert (refusals.refused, refusals.share) == (2, 0.5)
    assert (refusals.refused_jobs, refusals.recovered_jobs) == (2, 1)
    assert refusals.retry_after is not None
    assert (refusals.retry_after.min, refusals.retry_after.max) == (2.0, 4.0)
    assert refusals.first_attempt is not None
    assert refusals.with_retries is not None
    assert (refusals.first_attempt.count, refusals.first_attempt.max) == (1, 0.75)
    assert (refusals.with_retries.min, refusals.with_retries.max) == (0.75, 2.75)


def test_connections_opened_and_what_opening_them_took(loaded: LoadMaker) -> None:
    loaded.request(3.0, connection_reused=False, connect_s=0.25)
    loaded.request(3.5, connection_reused=False, connect_s=0.75)
    loaded.request(4.0)
    connections = figures(loaded.made).connections
    assert (connections.opened, connections.reused) == (2, 1)
    assert connections.set_up is not None
    assert (connections.set_up.mean, connections.set_up.max) == (0.5, 0.75)


def test_the_course_has_every_request_in_its_slice(loaded: LoadMaker) -> None:
    loaded.request(1.95, ttft_s=0.125, latency_s=0.25)
    loaded.request(2.0, ttft_s=0.25, latency_s=0.5)
    loaded.request(2.15, ttft_s=0.75, latency_s=1.5)
    loaded.request(12.5, error_kind="reset", latency_s=None)
    slices = figures(loaded.made).slices
    assert slices is not None
    assert slices.width_s == 0.1
    assert [
        (each.at_s, each.due, each.answered, each.failed, each.ttft_p50_s, each.latency_p95_s)
        for each in slices.slices
    ] == [
        (-0.1, 1, 1, 0, 0.125, 0.25),
        (0.0, 1, 1, 0, 0.25, 0.5),
        (0.1, 1, 1, 0, 0.75, 1.5),
        (10.5, 1, 0, 1, None, None),
    ]


def test_the_course_of_a_long_run_has_wider_slices(loaded: LoadMaker) -> None:
    for n in range(200):
        loaded.request(n * 1.0)
    slices = figures(loaded.made).slices
    assert slices is not None
    assert slices.width_s == 2
    assert len(slices.slices) == 100
    assert {each.due for each in slices.slices} == {2}


def test_a_run_that_measured_nothing_is_unknown(loaded: LoadMaker) -> None:
    found = figures(loaded.made)
    assert (found.verdict.verdict, found.verdict.why) == ("unknown", ["no request was measured"])
    assert (found.times, found.slices, found.goodput_share) == ([], None, None)
    assert found.requests.error_rate is None


def test_a_moment_has_no_rates(made: RunMaker) -> None:
    """Each user sent one request, all at once: 3,000,000 were due per second."""
    made.load = facts(measure_to=at(BEGIN_S + 1e-6))
    loaded = LoadMaker(made)
    for _ in range(3):
        loaded.request(BEGIN_S)
    found = figures(made)
    assert (found.requests.measured, found.rates) == (3, None)


def test_a_run_that_was_killed_says_that_it_cannot_be_judged(made: RunMaker) -> None:
    made.load = facts(measure_to=None, ended=None, machine=None)
    LoadMaker(made).request(3.0)
    found = figures(made)
    assert (found.rates, found.window_s) == (None, None)
    assert found.verdict.verdict == "unknown"
    assert found.requests.answered == 1


def test_a_load_run_leaves_its_warmup_out_of_its_times(made: RunMaker) -> None:
    made.load = facts()
    made.job(1, latency_s=2.0, phase="measure")
    made.job(2, latency_s=9.0, phase="warmup")
    summary = summarise(made.write())
    assert {each.max for each in summary.latency if each.metric == "latency_s"} == {2.0}


def test_a_bulk_run_has_no_load_figures(made: RunMaker) -> None:
    made.job(0, latency_s=1.0)
    summary = summarise(made.write())
    assert summary.load is None
    assert summary.latency[0].max == 1.0


def test_the_signs_of_the_verdict_come_from_the_rows(loaded: LoadMaker) -> None:
    for n in range(100):
        loaded.request(3.0 + n / 20, wait_s=0.05 if n < 3 else 0.0, latency_s=0.5)
    verdict = figures(loaded.made).verdict
    assert verdict.verdict == "client-limited"
    assert verdict.why == [
        "1 % of the requests left 50.0 ms or more after they were due (allowed: 5.00 ms)"
    ]


def keys_of(kind: Any, prefix: str) -> Iterator[str]:
    """Every key that a struct has in JSON; a spread is one key, described once."""
    inner = [each for each in (kind, *get_args(kind)) if _is_struct(each)]
    if not inner or inner[0] is Spread or prefix.endswith("workers[].machine"):
        yield prefix
        return
    mark = "[]" if getattr(kind, "__origin__", None) is list else ""
    hints = get_type_hints(inner[0])
    for field in msgspec.structs.fields(inner[0]):
        yield from keys_of(hints[field.name], f"{prefix}{mark}.{field.encode_name}".lstrip("."))


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def test_every_key_is_documented() -> None:
    page = docs_page("reference/load-summary.md")
    documented = set(re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE))
    found = set(keys_of(LoadFigures, ""))
    assert {key.removesuffix("[]") for key in documented} == found


def test_every_figure_is_documented(loaded: LoadMaker) -> None:
    loaded.fill(50)
    page = docs_page("reference/figures.md")
    metrics = [each.metric for each in figures(loaded.made).times]
    assert {"latency_s", "ttft_s"} <= set(metrics)
    assert [metric for metric in metrics if f"`{metric}`" not in page] == []
