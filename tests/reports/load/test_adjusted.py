"""Which requests are in the figures with failures, and as what: from the rows of a run.

The run is measured from 2 s to 12 s, and waited no longer at 13 s.
"""

from typing import Any

import msgspec
import pytest

from headrace.reports import summarise
from headrace.reports.load.spread import AdjustedCounts, Spread
from tests.reports.conftest import RunMaker, at
from tests.reports.load_maker import LoadMaker, facts

UNSTREAMED: dict[str, Any] = {"ttft_s": None, "content_ttft_s": None, "gaps_s": None}


@pytest.fixture
def loaded(made: RunMaker) -> LoadMaker:
    made.load = facts()
    return LoadMaker(made)


def answered(loaded: LoadMaker, count: int, **fields: Any) -> None:
    for n in range(count):
        times = {"wait_s": 0.5, "ttft_s": 0.25, "content_ttft_s": 0.25, "latency_s": 1.0}
        loaded.request(2.0 + n * 0.09, **{**times, **fields})


def unsent(loaded: LoadMaker, due_s: float) -> None:
    loaded.made.attempt(
        len(loaded.rows) + 1000,
        due_at=at(due_s),
        sent_at=None,
        phase="measure",
        error_kind="cancelled",
        stream=True,
    )


def spread(loaded: LoadMaker, metric: str, since: str) -> Spread:
    load = summarise(loaded.made.write()).load
    assert load is not None
    return next(each for each in load.times if (each.metric, each.since) == (metric, since))


def found(spread: Spread, name: str) -> tuple[Any, Any, bool]:
    each = next(each for each in spread.adjusted if each.name == name)
    return each.value, each.at_least, each.infinite


@pytest.mark.parametrize(
    "kind", ["http", "connect", "tls", "protocol", "reset", "stream", "timeout"]
)
def test_a_failure_is_infinite(loaded: LoadMaker, kind: str) -> None:
    answered(loaded, 97)
    for n in range(3):
        loaded.request(3.0 + n, error_kind=kind, latency_s=0.1, **UNSTREAMED)
    latency = spread(loaded, "latency_s", "sent")
    assert latency.percentile("p99").value == pytest.approx(1.0)
    assert found(latency, "p99") == (None, None, True)
    assert found(latency, "p95") == (pytest.approx(1.0), None, False)
    assert latency.adjusted_of == AdjustedCounts(known=97, failed=3, cut=0)


def test_what_was_cut_off_took_at_least_what_it_had_waited(loaded: LoadMaker) -> None:
    answered(loaded, 97)
    for _ in range(3):
        loaded.request(10.4, error_kind="cancelled", wait_s=0.5, latency_s=None, **UNSTREAMED)
    latency = spread(loaded, "latency_s", "sent")
    assert found(latency, "p99") == (None, pytest.approx(2.1), False)
    assert found(latency, "p50")[0] == pytest.approx(1.0)
    assert found(spread(loaded, "latency_s", "due"), "p99")[1] == pytest.approx(2.6)
    assert latency.adjusted_of == AdjustedCounts(known=97, failed=0, cut=3)


def test_what_was_given_up_on_purpose_had_waited_for_as_long_as_was_asked(made: RunMaker) -> None:
    """And not for as long as the run did: then a twentieth of cancelled ones hid the p99."""
    made.load = facts(cancel_share=0.1, cancel_after_s=0.4)
    loaded = LoadMaker(made)
    answered(loaded, 90)
    given_up = {"error_kind": "cancelled", "error_code": "CLIENT_CANCELLED", "latency_s": None}
    for n in range(10):
        loaded.request(2.0 + n * 0.9, wait_s=0.5, **given_up, **UNSTREAMED)
    latency = spread(loaded, "latency_s", "sent")
    assert latency.adjusted_of == AdjustedCounts(known=90, failed=0, cut=10)
    assert [found(latency, name) for name in ("p50", "p99")] == [(1.0, None, False)] * 2


def test_what_was_never_sent_counts_from_due_alone(loaded: LoadMaker) -> None:
    answered(loaded, 97)
    for _ in range(3):
        unsent(loaded, 9.0)
    assert found(spread(loaded, "ttft_s", "due"), "p99") == (None, pytest.approx(4.0), False)
    assert found(spread(loaded, "ttft_s", "sent"), "p99")[0] == pytest.approx(0.25)


def test_the_run_may_have_waited_less_long_than_it_took_to_end(loaded: LoadMaker) -> None:
    loaded.made.load = facts(cut_off=at(12.5))
    answered(loaded, 10)
    unsent(loaded, 9.0)
    assert found(spread(loaded, "latency_s", "due"), "p99")[1] == pytest.approx(3.5 - 0.2, abs=0.01)


@pytest.mark.slow
def test_the_first_token_of_a_stream_that_broke_or_was_cut_off_later_is_known(
    loaded: LoadMaker,
) -> None:
    answered(loaded, 8)
    answered(loaded, 1, ttft_s=0.75, content_ttft_s=None, error_kind="stream")
    answered(loaded, 1, ttft_s=0.5, content_ttft_s=None, latency_s=None, error_kind="cancelled")
    first = spread(loaded, "ttft_s", "sent")
    assert first.adjusted_of == AdjustedCounts(known=10, failed=0, cut=0)
    assert found(first, "p99.9")[0] == pytest.approx(0.75, abs=0.01)
    assert spread(loaded, "content_ttft_s", "sent").adjusted_of == AdjustedCounts(
        known=8, failed=1, cut=1
    )
    assert spread(loaded, "latency_s", "sent").adjusted_of == AdjustedCounts(
        known=8, failed=1, cut=1
    )


def test_of_a_request_only_its_first_attempt_counts(loaded: LoadMaker) -> None:
    answered(loaded, 3)
    loaded.made.attempt(0, 2, due_at=at(5.0), sent_at=at(5.0), phase="measure", error_kind="reset")
    assert spread(loaded, "latency_s", "sent").adjusted_of == AdjustedCounts(
        known=3, failed=0, cut=0
    )


def test_requests_without_streams_have_no_first_token_to_wait_for(loaded: LoadMaker) -> None:
    answered(loaded, 3, stream=True)
    answered(loaded, 2, stream=False, error_kind="http", **UNSTREAMED)
    assert spread(loaded, "ttft_s", "sent").adjusted_of == AdjustedCounts(known=3, failed=0, cut=0)
    assert spread(loaded, "latency_s", "sent").adjusted_of == AdjustedCounts(
        known=3, failed=2, cut=0
    )


def test_where_nothing_was_answered_it_is_known_what_was_waited(loaded: LoadMaker) -> None:
    answered(loaded, 2, error_kind="cancelled", latency_s=None, **UNSTREAMED)
    latency = spread(loaded, "latency_s", "due")
    assert (latency.count, latency.mean, latency.percentiles) == (0, None, [])
    assert found(latency, "p50") == (None, pytest.approx(10.955), False)
    load = summarise(loaded.made.directory).load
    assert load is not None
    assert load.spread("latency_s", "due") is None


def test_with_every_request_answered_the_two_are_the_same(loaded: LoadMaker) -> None:
    loaded.fill(200)
    latency = spread(loaded, "latency_s", "due")
    values = {each.name: each.value for each in latency.percentiles}
    assert {each.name: each.value for each in latency.adjusted} == pytest.approx(values)


def test_in_json_it_stands_beside_the_percentiles(loaded: LoadMaker) -> None:
    answered(loaded, 97)
    answered(loaded, 3, error_kind="http", latency_s=None, **UNSTREAMED)
    written = msgspec.json.decode(msgspec.json.encode(spread(loaded, "latency_s", "sent")))
    assert [each["name"] for each in written["adjusted"]] == [
        each["name"] for each in written["percentiles"]
    ]
    assert written["adjusted"][3] == {
        "name": "p99",
        "value": None,
        "at_least": None,
        "infinite": True,
        "low": 1.0,
        "high": None,
    }
