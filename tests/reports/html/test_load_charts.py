"""TTFT over the time of a load run, beside what was asked of it."""

import json
from typing import Any

from headrace.reports import summarise
from headrace.reports.html.charts import Chart
from headrace.reports.html.load_charts import load_charts
from tests.reports.conftest import RunMaker
from tests.reports.load_maker import LoadMaker, facts


def charts(made: RunMaker, *, ttft_s: float | None = 0.25, **of_run: Any) -> list[Chart]:
    made.load = facts(**of_run)
    maker = LoadMaker(made)
    for n in range(120):
        maker.request(n / 10, ttft_s=ttft_s, latency_s=0.5)
    found = summarise(made.write()).load
    assert found is not None
    return load_charts(found)


def test_the_objective_is_a_line_and_the_warm_up_is_marked(made: RunMaker) -> None:
    (chart,) = charts(made, objectives=["ttft_s < 400ms"])
    spec = json.dumps(chart.spec)
    assert chart.title == "TTFT over time"
    assert '"limit": 400.0' in spec
    assert '"objective 400 ms"' in spec
    assert '"warm-up"' in spec
    assert "dashed, the objective of 400 ms; shaded, the 2.00 s of warm-up" in chart.alt
    assert chart.rows[0][0] == "-2.00 s"


def test_without_either_there_is_neither(made: RunMaker) -> None:
    made.load = facts()
    maker = LoadMaker(made)
    for n in range(20, 120):
        maker.request(n / 10, ttft_s=0.25, latency_s=0.5)
    found = summarise(made.write()).load
    assert found is not None
    (chart,) = load_charts(found)
    assert "warm-up" not in json.dumps(chart.spec)
    assert "objective" not in json.dumps(chart.spec)


def test_answers_that_are_not_streamed_have_their_latency_drawn(made: RunMaker) -> None:
    (chart,) = charts(made, ttft_s=None, objectives=["latency_s < 2"])
    assert (chart.name, chart.title) == ("latency-by-due", "Latency over time")


def test_nothing_answered_is_not_drawn(made: RunMaker) -> None:
    made.load = facts()
    LoadMaker(made).request(3.0, error_kind="connect", ttft_s=None, latency_s=None)
    found = summarise(made.write()).load
    assert found is not None
    assert load_charts(found) == []
