"""Conditions judged with the uncertainty of what they name."""

import math

import pytest

from headrace.jobs import parse_condition
from headrace.reports.figures.summary import summary_of
from headrace.reports.objectives.confidence import (
    ConfidentJudgement,
    judge_with_confidence,
    requests_needed,
)
from headrace.reports.run import Run, open_run
from tests.reports.conftest import RunMaker
from tests.reports.load_maker import LoadMaker, facts


def judged(made: RunMaker, text: str) -> ConfidentJudgement:
    run = open_run(made.write())
    return judge_with_confidence(parse_condition(text), run, summary_of(run))


def load_run(made: RunMaker, *, answers: int, failures: int = 0) -> RunMaker:
    """TTFTs of 1 ms, 2 ms and so on; then failures."""
    made.load = facts()
    loaded = LoadMaker(made)
    for n in range(answers):
        loaded.request(3.0, ttft_s=(n + 1) / 1000, latency_s=1.0)
    for _ in range(failures):
        loaded.request(3.0, error_kind="timeout", ttft_s=None, latency_s=None)
    return made


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of 100 answers, read once."""
    made = RunMaker(tmp_path_factory.mktemp("hundred") / "a.run")
    return open_run(load_run(made, answers=100).write())


@pytest.mark.parametrize(
    ("text", "certainty", "met"),
    [
        # The median of 1..100 ms is 50.5 ms, and its interval 40 ms to 61 ms.
        ("p50(ttft_s) < 62ms", "met", True),
        ("p50(ttft_s) < 61ms", "unclear", True),
        ("p50(ttft_s) < 50ms", "unclear", False),
        ("p50(ttft_s) < 40ms", "not met", False),
        ("p50(ttft_s) <= 61ms", "met", True),
        ("p50(ttft_s) > 39ms", "met", True),
        ("p50(ttft_s) >= 62ms", "not met", False),
        ("not p50(ttft_s) < 62ms", "not met", False),
        ("p50(ttft_s) == 61ms", "unclear", False),
        ("p50(ttft_s) != 99ms", "met", True),
        # 100 values say nothing of how high a p99 may be.
        ("p99(ttft_s) < 10s", "unclear", True),
        ("p99(ttft_s) > 95ms", "met", True),
        # Kleene: what is surely so decides, whatever the rest.
        ("p50(ttft_s) < 62ms and p99(ttft_s) < 10s", "unclear", True),
        ("p50(ttft_s) < 40ms and p99(ttft_s) < 10s", "not met", False),
        ("p50(ttft_s) < 62ms or p99(ttft_s) < 10s", "met", True),
        ("p50(ttft_s) < 40ms or p99(ttft_s) < 10s", "unclear", True),
        # Arithmetic of intervals: 2 x [40, 61] = [80, 122]; [40, 61] - [40, 61] = [-21, 21].
        ("2 * p50(ttft_s) < 123ms", "met", True),
        ("2 * p50(ttft_s) < 122ms", "unclear", True),
        ("p50(ttft_s) / 2 > 19ms", "met", True),
        ("1 / p50(ttft_s) < 25.1", "met", True),
        ("-p50(ttft_s) > -62ms", "met", True),
        ("p50(ttft_s) - p50(ttft_s) < 20ms", "unclear", True),
        ("1 + p50(ttft_s) < 1.062", "met", True),
        # Counts and text are exact.
        ("count() == 100", "met", True),
        ('state == "finished"', "met", True),
        ("max(ttft_s) < 100ms", "not met", False),
    ],
)
def test_a_comparison_is_sure_where_it_holds_for_all_of_the_interval(
    hundred: Run, text: str, certainty: str, *, met: bool
) -> None:
    found = judge_with_confidence(parse_condition(text), hundred, summary_of(hundred))
    assert (found.certainty, found.met) == (certainty, met)


def test_the_figures_come_with_their_intervals(made: RunMaker) -> None:
    found = judged(load_run(made, answers=100), "p50(ttft_s) < 1 and p99(ttft_s) < 1")
    half, most = found.figures
    assert (half.figure, half.low, half.high) == ("p50(ttft_s)", 0.04, 0.061)
    assert half.value == pytest.approx(0.0505)
    assert (most.figure, most.high) == ("p99(ttft_s)", None)


@pytest.mark.slow
def test_an_error_rate_has_wilsons_interval(made: RunMaker) -> None:
    """5 of 100: from 2.15 % to 11.18 %, as published tables have it."""
    load_run(made, answers=95, failures=5)
    found = judged(made, "error_rate < 11.2%")
    assert found.certainty == "met"
    (rate,) = found.figures
    assert rate.value == 0.05
    assert (rate.low, rate.high) == pytest.approx((0.02154, 0.11175), abs=5e-5)
    assert judged(made, "error_rate < 11%").certainty == "unclear"
    assert judged(made, "error_rate < 2%").certainty == "not met"


def test_no_error_in_few_requests_proves_little(made: RunMaker) -> None:
    load_run(made, answers=50)
    found = judged(made, "error_rate < 1%")
    assert (found.certainty, found.met) == ("unclear", True)
    assert found.figures[0].low == 0.0


def test_a_mean_has_the_t_interval(made: RunMaker) -> None:
    """Of 1..100 s: 50.5 s and a standard error of 29.01 / 10 s; t of 99 degrees of freedom."""
    made.load = facts()
    loaded = LoadMaker(made)
    for n in range(100):
        loaded.request(3.0, ttft_s=float(n + 1), latency_s=1.0)
    found = judged(made, "mean(ttft_s) < 56.3")
    assert found.certainty == "met"
    (mean,) = found.figures
    error = math.sqrt(100 * 101 / 12) / 10
    assert mean.low == pytest.approx(50.5 - 1.984217 * error)
    assert mean.high == pytest.approx(50.5 + 1.984217 * error)


def test_what_is_not_known_is_surely_not_met(made: RunMaker) -> None:
    """A rate at which nothing is answered has no TTFT."""
    found = judged(load_run(made, answers=0, failures=9), "p95(ttft_s) < 1s")
    assert (found.certainty, found.met) == ("not met", False)
    assert (found.figures[0].value, found.figures[0].low, found.figures[0].high) == (None,) * 3


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        # 0.95 ** 72 and 0.99 ** 368 are the first powers below 2.5 %.
        ("p95(ttft_s) < 1", 73),
        ("p95(ttft_s) < 1 and p99(latency_s) < 3", 369),
        ("p5(ttft_s) > 1", 73),
        # 1.96 ** 2 * 99 = 380.3 requests without an error.
        ("error_rate < 1%", 382),
        ("cost < 5", 2),
    ],
)
def test_how_many_answers_it_takes_to_be_sure(text: str, needed: int) -> None:
    assert requests_needed(text) == needed
