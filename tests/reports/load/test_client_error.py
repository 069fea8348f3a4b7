"""The verdict in proportion: what the client did late spoils what it may have changed, and that
alone."""

from typing import Any

import pytest

from headrace.jobs import LoadVerdict, MachineFacts, parse_condition
from headrace.reports import summarise
from headrace.reports.figures import summary_of
from headrace.reports.objectives import judge_within_client_error
from headrace.reports.run import open_run
from tests.reports.conftest import RunMaker
from tests.reports.load_maker import LoadMaker, facts


def loaded(made: RunMaker, *rows: dict[str, Any], **of_run: Any) -> LoadMaker:
    """A run of 200 requests in 10 s, each of 400 ms but for what `rows` say of the first ones."""
    made.load = facts(**of_run)
    maker = LoadMaker(made)
    for n in range(200):
        usual = {"wait_s": 0.0, "ttft_s": 0.4, "content_ttft_s": 0.4, "latency_s": 0.4}
        maker.request(2.0 + n / 20, **{**usual, "gaps_s": [], **(rows[n] if n < len(rows) else {})})
    return maker


def verdict(made: RunMaker) -> LoadVerdict:
    found = summarise(made.write()).load
    assert found is not None
    return found.verdict


LATE = [{"wait_s": 0.05}] * 10  # beyond the 4 ms that 1 % of the median latency allows


def test_lateness_that_moves_a_reported_percentile_is_the_client_s(made: RunMaker) -> None:
    loaded(made, *LATE)
    found = verdict(made)
    assert found.verdict == "client-limited"
    assert [each.partition(" after")[0] for each in found.why] == [
        "1 % of the requests left 50.0 ms or more"
    ]


def test_lateness_too_small_for_any_reported_percentile_is_tolerated(made: RunMaker) -> None:
    """15 ms of 400 ms: more than 1 %, and nothing that anyone reads off a p99."""
    loaded(made, *[{"wait_s": 0.015}] * 10)
    found = verdict(made)
    assert (found.verdict, found.why) == ("valid", [])
    assert found.tolerated == [
        "1 % of the requests left 15.0 ms or more after they were due (allowed: 4.00 ms): "
        "too little to move a figure that is reported"
    ]


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("ttft_s < 0.5", "valid"),  # 0.45 at the worst
        ("ttft_s < 0.45", "client-limited"),  # ten of 200 are at it
        ("ttft_s < 0.3", "valid"),  # missed, whatever the client did
        ("latency_s + wait_s < 0.44", "client-limited"),
        ("latency_s + wait_s < 0.46", "valid"),  # the wait counts once
        ("ttft_s > 0.1 and output_tokens > 0", "valid"),
    ],
)
def test_lateness_spoils_what_it_can_change_of_an_objective(
    made: RunMaker, objective: str, expected: str
) -> None:
    loaded(made, *LATE, objectives=[objective])
    found = verdict(made)
    assert found.verdict == expected
    assert bool(found.tolerated) == (expected == "valid")


def test_the_reason_says_how_many_requests_it_may_decide(made: RunMaker) -> None:
    loaded(made, *LATE, objectives=["ttft_s < 0.45"])
    assert (
        "that may decide whether ttft_s < 0.45 is met for 10 of 200 requests" in verdict(made).why
    )


def test_one_request_in_a_hundred_may_hang_on_it(made: RunMaker) -> None:
    rows = [*[{"wait_s": 0.05}] * 2, *[{"wait_s": 0.01}] * 8]
    loaded(made, *rows, objectives=["ttft_s < 0.45"])
    assert verdict(made).verdict == "valid"


def test_bytes_that_waited_are_taken_out_of_the_times(made: RunMaker) -> None:
    gaps = {"gaps_s": [0.01] * 5, "output_tokens": 6}
    rows = [{**gaps, "client_lag_s": 0.2}] * 10
    loaded(made, *rows, *[gaps] * 190, objectives=["ttft_s < 0.3"])
    found = verdict(made)
    assert found.verdict == "client-limited"
    assert "that may decide whether ttft_s < 0.3 is met for 10 of 200 requests" in found.why


@pytest.mark.parametrize(("answers", "expected"), [(2, "valid"), (5, "client-limited")])
def test_gaps_within_which_bytes_waited_spoil_the_itl(
    made: RunMaker, answers: int, expected: str
) -> None:
    """10 ms late of 400 ms says nothing of TTFT; and is ten of 4,000 gaps."""
    gaps = {"gaps_s": [0.001] * 20, "output_tokens": 21, "client_lag_s": 0.0}
    loaded(made, *[{**gaps, "client_lag_s": 0.01}] * answers, *[gaps] * (200 - answers))
    assert verdict(made).verdict == expected


def test_a_stall_spoils_a_run_of_which_nothing_is_asked(made: RunMaker) -> None:
    loaded(made, machine=MachineFacts(stalls=1, longest_stall_s=0.5))
    assert verdict(made).verdict == "client-limited"


def test_a_stall_that_touched_no_request_changes_no_objective(made: RunMaker) -> None:
    stalled = MachineFacts(stalls=1, longest_stall_s=0.5)
    loaded(made, machine=stalled, objectives=["ttft_s < 0.5"])
    found = verdict(made)
    assert found.verdict == "valid"
    assert "stood still once" in found.tolerated[0]


def test_a_stall_touches_every_request_whose_bytes_nothing_dates(made: RunMaker) -> None:
    stalled = MachineFacts(stalls=1, longest_stall_s=0.5)
    rows = [{"client_lag_s": None}] * 200
    loaded(made, *rows, machine=stalled, objectives=["ttft_s < 0.3"])
    assert verdict(made).verdict == "client-limited"


def test_what_the_user_tolerates_is_in_the_run(made: RunMaker) -> None:
    loaded(made, *LATE, client_error_s=0.05)
    found = verdict(made)
    assert (found.verdict, found.tolerated) == ("valid", [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("condition", "depends"),
    [
        ("p99(latency_s) < 430ms", True),  # 0.40 from sent, 0.45 from due
        ("p99(latency_s) < 500ms", False),
        ("p99(latency_s) < 300ms", False),
        ("error_rate < 0.05", False),
        ("goodput_share > 0.99", True),
        ("p99(attempts.wait_s) < 10ms", True),  # on time, had the client been
    ],
)
def test_a_condition_on_the_run_hangs_on_the_client_where_it_may_change_it(
    made: RunMaker, condition: str, depends: bool
) -> None:
    loaded(made, *LATE, objectives=["ttft_s < 0.45"])
    run = open_run(made.write())
    found = judge_within_client_error(parse_condition(condition), run, summary_of(run))
    assert found.depends_on_client == depends
