"""What a load report leads with: what was asked, and whether it was held."""

import re
from typing import Any

import pytest

from headrace.reports import summarise
from headrace.reports.headline import headline
from headrace.reports.load import LoadFigures, lead
from tests.reports.conftest import RunMaker
from tests.reports.load_maker import LoadMaker, facts


def figures(made: RunMaker, *, slow: int = 0, failed: int = 0, **of_run: Any) -> LoadFigures:
    """200 requests of 1 s, 20.5 due per second, of which 185 end within the 10 s that are measured:
    TTFT 300 ms, but of the slow ones 600 ms."""
    made.load = facts(rate_per_s=20.0, asked="20/s poisson", **of_run)
    maker = LoadMaker(made)
    for n in range(200):
        ttft_s = 0.6 if n < slow else 0.3
        broken = {"error_kind": "http", "http_status": 500} if n >= 200 - failed else {}
        maker.request(2.0 + n / 20.5, wait_s=0.0, ttft_s=ttft_s, latency_s=1.0, **broken)
    found = summarise(made.write()).load
    assert found is not None
    return found


def test_it_says_what_was_asked_what_came_and_whether_it_was_held(made: RunMaker) -> None:
    said = lead(figures(made, slow=20, objectives=["ttft_s < 0.5", "latency_s < 2"]))
    assert re.fullmatch(
        r"20/s asked, 18\.5 answered; TTFT p95 600 ms \(600-600\): misses `ttft_s < 0.5` in 10 %; "
        r"latency p95 1.00 s \(1.00-1.00\): every request meets `latency_s < 2`",
        said,
    )


def test_a_failure_is_told_since_it_misses_every_objective(made: RunMaker) -> None:
    said = lead(figures(made, failed=3, objectives=["latency_s < 2"]))
    assert "answered, 1.5 % failed; " in said
    assert said.endswith("misses `latency_s < 2` in 1.5 %")


def test_where_all_fail_it_says_all(made: RunMaker) -> None:
    """It said 99.9 % of five requests."""
    assert "0 answered, 100 % failed" in lead(figures(made, failed=200))


def test_nothing_is_rounded_to_all_or_none(made: RunMaker) -> None:
    assert lead(figures(made, slow=199, objectives=["ttft_s < 0.5"])).endswith("in 99.5 %")


@pytest.mark.parametrize(
    ("of_run", "begin"),
    [
        (
            {"shape": "users", "open_loop": False, "users": 8, "asked": "8 users"},
            "8 users, 18.5/s answered; TTFT p95 300 ms (300-300); latency p95 1.00 s (1.00-1.00)",
        ),
        ({"shape": "stages", "asked": "0s:5/s, 60s:50/s"}, "0s:5/s, 60s:50/s, 20/s due, 18.5/s"),
    ],
)
def test_other_shapes_say_what_they_were(
    made: RunMaker, of_run: dict[str, Any], begin: str
) -> None:
    made.load = facts(**of_run)
    maker = LoadMaker(made)
    for n in range(200):
        maker.request(2.0 + n / 20.5, wait_s=0.0, ttft_s=0.3, latency_s=1.0)
    found = summarise(made.write()).load
    assert found is not None
    assert lead(found).startswith(begin)


@pytest.mark.slow
def test_the_headline_leads_with_it(made: RunMaker) -> None:
    figures(made, objectives=["ttft_s < 0.5"])
    sentences = headline(summarise(made.directory))
    assert sentences[0].startswith("20/s asked, ")
    assert "The measurement is valid." in sentences
