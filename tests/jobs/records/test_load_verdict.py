"""Valid, client-limited or unknown: each rule alone, at its very edge."""

from typing import Any

import pytest

from headrace.jobs import LoadSigns, judge_load


def signs(**fields: Any) -> LoadSigns:
    """Signs of a run with nothing wrong."""
    defaults: dict[str, Any] = {
        "open_loop": True,
        "measured": 100,
        "answered": 100,
        "wait_p99_s": 0.001,
        "median_latency_s": 0.1,
        "lag_p99_s": 0.001,
        "median_gap_s": 0.01,
        "stalls": 0,
        "longest_stall_s": 0.02,
    }
    return LoadSigns(**{**defaults, **fields})


def test_nothing_wrong_is_valid() -> None:
    verdict = judge_load(signs())
    assert (verdict.verdict, verdict.why, verdict.valid) == ("valid", [], True)


@pytest.mark.parametrize(
    "fields",
    [
        {"wait_p99_s": 0.002},  # 2 ms, where 1 % of the median latency is less
        {"wait_p99_s": 0.02, "median_latency_s": 2.0},  # 1 % of the median latency
        {"wait_p99_s": 5.0, "open_loop": False},  # a closed loop's users wait for each other
        {"wait_p99_s": None},
        {"lag_p99_s": 0.01},  # a median gap
        {"lag_p99_s": 0.001, "median_gap_s": 0.0001},  # so little harms nothing
        {"lag_p99_s": None},
        {"lag_p99_s": 9.0, "median_gap_s": None},  # no streams
    ],
)
def test_what_is_allowed_is_valid(fields: dict[str, Any]) -> None:
    assert judge_load(signs(**fields)).verdict == "valid"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"wait_p99_s": 0.0021},
            "1 % of the requests left 2.10 ms or more after they were due (allowed: 2.00 ms)",
        ),
        (
            {"wait_p99_s": 0.021, "median_latency_s": 2.0},
            "1 % of the requests left 21.0 ms or more after they were due (allowed: 20.0 ms)",
        ),
        (
            {"wait_p99_s": 1.5, "concurrency_limit": 8},
            "1 % of the requests left 1.50 s or more after they were due (allowed: 2.00 ms); "
            "the limit of 8 in flight makes requests wait",
        ),
        (
            {"wait_p99_s": 0.1, "connect_p99_s": 0.09},
            "1 % of the requests left 100 ms or more after they were due (allowed: 2.00 ms); "
            "connecting took up to 90.0 ms at p99",
        ),
        (
            {"lag_p99_s": 0.0101},
            "in 1 % of the answers bytes waited 10.1 ms or more to be read "
            "(allowed: 10.0 ms, a median gap)",
        ),
        (
            {"stalls": 1, "longest_stall_s": 0.5},
            "the client stood still once for more than 100 ms, at most for 500 ms",
        ),
        (
            {"stalls": 3, "longest_stall_s": 0.25, "open_loop": False},
            "the client stood still 3 times for more than 100 ms, at most for 250 ms",
        ),
    ],
)
def test_what_is_beyond_is_client_limited_with_the_reason(fields: dict[str, Any], why: str) -> None:
    verdict = judge_load(signs(**fields))
    assert (verdict.verdict, verdict.why, verdict.valid) == ("client-limited", [why], False)


def test_every_reason_is_given() -> None:
    verdict = judge_load(signs(wait_p99_s=1.0, lag_p99_s=1.0, stalls=1))
    assert len(verdict.why) == 3


def test_too_little_known_is_unknown_but_a_reason_is_a_reason() -> None:
    assert judge_load(signs(measured=0)).verdict == "unknown"
    assert judge_load(signs(stalls=None)).verdict == "unknown"
    none = judge_load(signs(answered=0, median_latency_s=None))
    assert none.verdict == "unknown"
    assert none.why == ["no answer in the window: there is nothing to judge"]
    assert judge_load(signs(answered=0, wait_p99_s=1.0)).verdict == "client-limited"
    assert judge_load(signs(stalls=None, wait_p99_s=1.0)).verdict == "client-limited"


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"wait_p99_s": 0.01}, "valid"),  # where 1 % of the median latency is 1 ms
        ({"wait_p99_s": 0.0101}, "client-limited"),
        ({"lag_p99_s": 0.01, "median_gap_s": 0.0005}, "valid"),
        ({"lag_p99_s": 0.0101, "median_gap_s": 9.0}, "client-limited"),
        ({"lag_p99_s": 0.0101, "median_gap_s": None}, "client-limited"),  # not streamed either
        ({"stalls": 1, "longest_stall_s": 0.15}, "client-limited"),
        ({"stalls": 1, "longest_stall_s": 0.15, "client_error_s": 0.2}, "valid"),
    ],
)
def test_what_the_user_tolerates_stands_in_for_the_rules(
    fields: dict[str, Any], verdict: str
) -> None:
    assert judge_load(signs(**{"client_error_s": 0.01, **fields})).verdict == verdict


def test_the_tolerance_is_named_as_what_allowed_it() -> None:
    verdict = judge_load(signs(client_error_s=0.01, wait_p99_s=0.02, lag_p99_s=0.03))
    assert verdict.why == [
        "1 % of the requests left 20.0 ms or more after they were due "
        "(allowed: 10.0 ms, by --client-error)",
        "in 1 % of the answers bytes waited 30.0 ms or more to be read "
        "(allowed: 10.0 ms, by --client-error)",
    ]


def test_where_no_kernel_dates_the_bytes_a_late_loop_leaves_it_unknown() -> None:
    undated = {"lag_p99_s": None, "median_gap_s": 0.01}
    assert judge_load(signs(**undated, loop_lag_p99_s=0.01)).verdict == "valid"
    verdict = judge_load(signs(**undated, loop_lag_p99_s=0.0101))
    assert verdict.verdict == "unknown"
    assert "the client's loop was late by 10.1 ms at p99" in verdict.why[0]
