"""Several runs as steps of one measurement: the knee, what rises, and the table."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from headrace.jobs import parse_condition
from headrace.reports import Step, Steps, judge_run, print_steps, read_step
from headrace.reports.comparison.steps import knee_of
from headrace.reports.objectives.weighing import FigureInterval
from tests.reports.conftest import START, RunMaker
from tests.reports.load_maker import LoadMaker, facts

GOLDEN = Path(__file__).parents[1] / "golden"


def step(rate_per_s: float | None, latency_p95_s: float | None, **fields: Any) -> Step:
    """A valid step at that rate."""
    defaults: dict[str, Any] = {
        "directory": "all/01.run",
        "asked": f"{rate_per_s:g}/s poisson" if rate_per_s else "8 users",
        "rate_per_s": rate_per_s,
        "users": None if rate_per_s else 8,
        "size": 1.0,
        "verdict": "valid",
        "requests": 100,
        "error_rate": 0.0,
        "requests_per_s": rate_per_s,
        "output_tokens_per_s": 100.0,
        "ttft_p50_s": 0.05,
        "ttft_p95_s": 0.1,
        "latency_p50_s": 0.15,
        "latency_p95_s": latency_p95_s,
        "goodput_share": None,
        "rising": False,
        "certainty": None,
        "met": None,
        "figures": [],
    }
    return Step(**{**defaults, **fields})


def steps(found: list[Step], **fields: Any) -> Steps:
    defaults: dict[str, Any] = {
        "schema_version": 1,
        "kind": "sweep",
        "directory": "all",
        "started_at": START,
        "objective": None,
        "steps": found,
        "highest_met": None,
        "lowest_missed": None,
        "unclear": [],
        "knee": knee_of(found),
        "reason": None,
    }
    return Steps(**{**defaults, **fields})


def printed(report: Steps, width: int = 80) -> str:
    out = StringIO()
    print_steps(report, Console(file=out, width=width, color_system=None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("latencies", "knee"),
    [
        # By hand: at 30 the line is at 1/2 and the curve at 0.1/9.9, which no other step beats.
        ({10: 0.1, 20: 0.15, 30: 0.2, 40: 5.0, 50: 10.0}, 30.0),
        ({10: 0.1, 20: 0.1, 30: 0.1, 40: 1.0}, 30.0),
        ({10: 1.0, 20: 2.0, 30: 3.0}, None),  # too few
        ({10: 1.0, 20: 1.0, 30: 1.0, 40: 1.0}, None),  # flat
        ({10: 0.0, 20: 5.0, 30: 8.0, 40: 9.0}, None),  # it rises ever slower
        ({10: 0.2, 20: 0.5, 30: 0.9, 40: 0.4}, None),  # highest in the middle: none beyond the last
    ],
)
def test_the_knee_is_farthest_below_the_line(
    latencies: dict[int, float], knee: float | None
) -> None:
    assert knee_of([step(float(rate), each) for rate, each in latencies.items()]) == knee


def test_a_latency_that_rises_is_told_from_one_that_varies(made: RunMaker) -> None:
    made.load = facts()
    loaded = LoadMaker(made)
    for n in range(60):
        loaded.request(2.0 + n / 10, latency_s=1.0 + n / 60)
    assert read_step(made.write(), None, size=1.0).rising


def test_a_latency_that_varies_does_not_rise(made: RunMaker) -> None:
    made.load = facts()
    loaded = LoadMaker(made)
    for n in range(60):
        loaded.request(2.0 + n / 10, latency_s=1.0 + (n * 37 % 60) / 60)
    assert not read_step(made.write(), None, size=1.0).rising


def test_a_step_has_the_figures_of_its_run_and_of_its_objective(made: RunMaker) -> None:
    made.load = facts(objectives=["ttft_s < 50ms"], open_loop=False)
    loaded = LoadMaker(made)
    for n in range(100):
        loaded.request(3.0, ttft_s=(n + 1) / 1000, latency_s=0.5)
    found = read_step(made.write(), parse_condition("p50(ttft_s) < 61ms"), size=0.25)
    assert (found.requests, found.error_rate, found.requests_per_s) == (100, 0.0, 10.0)
    assert found.ttft_p50_s == pytest.approx(0.0505)
    assert found.latency_p95_s == 0.5
    assert (found.goodput_share, found.rate_per_s, found.size) == (0.49, 50.0, 0.25)
    assert (found.certainty, found.met) == ("unclear", True)
    assert [(each.figure, each.low, each.high) for each in found.figures] == [
        ("p50(ttft_s)", 0.037, 0.064)  # of 99 %
    ]


def test_a_search_in_a_table(made: RunMaker) -> None:
    figure = FigureInterval(figure="p95(latency_s)", value=0.2, low=0.19, high=0.21)
    sure = {"figures": [figure]}
    report = steps(
        [
            step(10.0, 0.2, certainty="met", met=True, **sure),
            step(20.0, 0.3, certainty="met", met=True, **sure),
            step(40.0, 4.0, certainty="not met", met=False, error_rate=0.125, **sure),
            step(28.284271, 0.45, certainty="unclear", outcome="unclear", met=True, **sure),
            step(
                33.6,
                None,
                certainty="unclear",
                outcome="client-limited",
                met=False,
                verdict="client-limited",
                why=["it stood still", "it was late"],
                **sure,
            ),
        ],
        kind="find",
        objective="p95(latency_s) < 500ms",
        highest_met=28.284271,
        lowest_missed=40.0,
        unclear=[28.284271],
        reason="the client is the limit at 33.6/s",
    )
    text = printed(report)
    assert text == (GOLDEN / "steps.txt").read_text()
    assert max(map(len, text.splitlines())) <= 80


def test_a_search_that_found_nothing_says_so() -> None:
    report = steps([step(1.0, 2.0, certainty="not met", met=False)], kind="find", objective="x < 1")
    assert "no rate met the objective" in printed(report)


def test_users_are_named_as_such(made: RunMaker) -> None:
    text = printed(steps([step(None, 2.0, users=8), step(None, 3.0, users=1600)]))
    assert "8 users" in text
    assert "1,600 users" in text
    assert "objective" not in text


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{"users": 8, "shape": "users", "open_loop": False}, {}])
def test_a_step_of_a_search_is_surer_before_it_says_so(
    made: RunMaker, fields: dict[str, Any]
) -> None:
    """Three of 200 are late: 1.5 %, whose interval of 95 % stays below 5 %, and that of 99 % of the
    fewer that are worth one each does not, as the three come in a row."""
    made.load = facts(**fields)
    maker = LoadMaker(made)
    for n in range(200):
        late = 80 <= n < 83
        maker.request(2.0 + n / 25, ttft_s=0.1, latency_s=0.9 if late else 0.2 + n % 7 / 100)
    directory = made.write()
    objective = parse_condition("p95(latency_s) < 0.5")
    plain = judge_run(directory, [objective])
    found = read_step(directory, objective, size=1.0)
    assert (plain.objectives[0].outcome, found.outcome) == ("met", "unclear")
    assert found.why == ["the interval of a figure holds the limit"]


def test_an_open_loop_whose_queue_grows_throughout_misses_whatever_it_is_held_to(
    made: RunMaker,
) -> None:
    """A longer step would come out worse without an end, and the search would never end."""
    made.load = facts()
    maker = LoadMaker(made)
    for n in range(240):
        maker.request(2.0 + n / 30, ttft_s=0.1, latency_s=0.2 + n / 500 + n % 7 / 100)
    found = read_step(made.write(), parse_condition("p95(latency_s) < 60"), size=1.0)
    assert (found.met, found.rising, found.outcome) == (True, True, "missed")
    assert found.why == ["the latency rose without an end: more is due than is answered"]
