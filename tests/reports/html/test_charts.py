"""What all charts have in common, as it is drawn: numbers that people read, one left edge."""

import json
import re
from decimal import Decimal

import pytest

from headrace.jobs import ENDPOINTS, Limits
from headrace.reports.figures.summary import summary_of
from headrace.reports.html.chart_files import image_spec
from headrace.reports.html.charts import LEFT, Chart
from headrace.reports.html.page import charts_of
from headrace.reports.html.timeseries import time_series_of
from headrace.reports.run import open_run
from tests.reports.conftest import RunMaker, at
from tests.reports.load_maker import LoadMaker, facts


def drawn(made: RunMaker) -> list[Chart]:
    run = open_run(made.write())
    return charts_of(run, summary_of(run), time_series_of(run)).all()


def labels(chart: Chart) -> list[str]:
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(image_spec(chart))
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


@pytest.mark.slow
@pytest.mark.parametrize("step_s", [0.5, 2.0, 40.0])
def test_no_axis_says_1e2(made: RunMaker, step_s: float) -> None:
    """0 to 200 with a tick at each 100 was written 0e+0, 1e+2, 2e+2."""
    for index in range(100):
        made.job(
            index, sent_at=at(index * step_s), latency_s=10.0 ** (index % 6) / 100, ttft_s=0.001,
            input_tokens=10**6, output_tokens=10, cost=Decimal("0.0000012"),
        )  # fmt: skip
    texts = [text for chart in drawn(made) for text in labels(chart)]
    assert len(texts) > 50
    assert [text for text in texts if re.search(r"\de[+-−]?\d", text)] == []


@pytest.mark.slow
def test_every_plot_begins_at_the_same_place(made: RunMaker) -> None:
    made.load = facts(objectives=["ttft_s < 0.3"])
    LoadMaker(made).fill(100)
    found = drawn(made)
    assert len(found) >= 8
    edges = {
        (each.spec["config"]["axisY"]["minExtent"], each.spec["config"]["axisY"]["maxExtent"])
        for each in found
    }
    assert edges == {(LEFT, LEFT)}
    # And each has a title beside the labels, whose room is part of it.
    assert [each.name for each in found if '"orient": "left"' in json.dumps(each.spec)] == []


@pytest.mark.slow
def test_rates_of_a_load_run_are_per_second(made: RunMaker) -> None:
    made.load = facts()
    made.limits = Limits(rpm=None, tpm=None, concurrency=None)
    LoadMaker(made).fill(100)
    assert {"requests-a-second", "tokens-a-second"} <= {each.name for each in drawn(made)}


def test_as_many_endpoints_as_there_are_differ_and_all_stand_in_the_legend(
    made: RunMaker,
) -> None:
    """Regression: with nine endpoints three had the colour and the dashes of others, and the legend
    was cut after the fifth."""
    for index, url in enumerate([*ENDPOINTS, "/v1/score"]):
        made.job(index, url=url, latency_s=1.0 + index)
    (ecdf,) = (each for each in drawn(made) if each.name == "latency-ecdf")
    encoding = ecdf.spec["encoding"]
    found = [encoding["color"], encoding["strokeDash"]]
    colours, dashes = (each["scale"]["range"] for each in found)
    looks = {(colour, tuple(dash)) for colour, dash in zip(colours, dashes, strict=True)}
    assert len(looks) == len(ENDPOINTS) + 1
    assert [each["legend"]["columns"] for each in found] == [3, 3]
