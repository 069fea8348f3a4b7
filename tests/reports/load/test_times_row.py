"""The table of times, as a terminal, a page and Markdown show it."""

from typing import Any

import pytest

from headrace.jobs import show_seconds
from headrace.reports import summarise
from headrace.reports.html import html_report
from headrace.reports.load import LoadFigures, TimesRow, times_table
from headrace.reports.load.sentences import within
from headrace.reports.markdown import markdown
from tests.reports.conftest import RunMaker
from tests.reports.load_maker import LoadMaker, facts

NO_TIMES: dict[str, Any] = dict.fromkeys(("ttft_s", "content_ttft_s", "latency_s", "gaps_s"))


@pytest.fixture
def loaded(made: RunMaker) -> LoadMaker:
    """Ninety-six requests of a second each, not streamed, waited for until 13 s."""
    made.load = facts(stream=False)
    loaded = LoadMaker(made)
    for n in range(96):
        loaded.request(2.0 + n * 0.05, **{**NO_TIMES, "wait_s": 0.0, "latency_s": 1.0})
    return loaded


def load_of(loaded: LoadMaker) -> LoadFigures:
    found = summarise(loaded.made.write()).load
    assert found is not None
    return found


def rows(loaded: LoadMaker) -> list[TimesRow]:
    return [*times_table(load_of(loaded), show_seconds)]


def test_answers_alone_have_one_line(loaded: LoadMaker) -> None:
    assert [row.name for row in rows(loaded)] == ["latency", "latency from due", "wait"]


def test_failures_have_a_line_in_which_they_are_infinite(loaded: LoadMaker) -> None:
    for n in range(4):
        loaded.request(5.0 + n, error_kind="http", **{**NO_TIMES, "wait_s": 0.0})
    answered, with_failures = rows(loaded)[:2]
    assert [value for value, _ in answered.percentiles] == ["1.00 s"] * 3
    assert (with_failures.name, with_failures.requests) == ("with failures", "100")
    assert [value for value, _ in with_failures.percentiles] == ["1.00 s", "1.00 s", "infinite"]
    assert with_failures.percentiles[2][1] == ""


@pytest.mark.slow
def test_what_was_cut_off_is_at_least_what_it_had_waited(loaded: LoadMaker) -> None:
    for _ in range(4):
        loaded.request(10.9, error_kind="cancelled", **{**NO_TIMES, "wait_s": 0.0})
    with_failures = rows(loaded)[1]
    assert with_failures.percentiles[2] == (">= 2.10 s", "")
    said = markdown(summarise(loaded.made.directory))
    assert "| with failures | 100 | 1.00 s | 1.00 s | >= 2.10 s |" in said
    assert "&gt;= 2.10 s" in html_report(loaded.made.directory)


def test_where_nothing_was_answered_there_is_a_line_all_the_same(made: RunMaker) -> None:
    made.load = facts(stream=False)
    loaded = LoadMaker(made)
    loaded.request(10.9, error_kind="cancelled", **{**NO_TIMES, "wait_s": 0.0})
    first, second = rows(loaded)[:2]
    assert first == TimesRow("latency", "0", [("-", "")] * 3, "-")
    assert [value for value, _ in second.percentiles] == [">= 2.10 s"] * 3


def test_what_is_infinite_has_a_lower_end(made: RunMaker) -> None:
    """94 of 100 were answered: the p95 is infinite, and by chance may be among the slowest."""
    made.load = facts(stream=False)
    loaded = LoadMaker(made)
    for n in range(100):
        time: dict[str, Any] = {"latency_s": 1.0 + n * 0.01}
        failed: dict[str, Any] = {"error_kind": "http", "latency_s": None}
        of = time if n < 94 else failed
        loaded.request(2.0 + n * 0.05, **{**NO_TIMES, "wait_s": 0.0, **of})
    value, interval = rows(loaded)[1].percentiles[1]
    assert (value, interval[:4]) == ("infinite", "≥ 1.")


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.989, 0.984, 1.04, "984 ms-1.04 s"),
        (0.989, 0.984, None, "≥ 984 ms"),
        (0.945, None, 1.26, "≤ 1.26 s"),
        (0.5, 0.4, 0.9994, "400-999 ms"),
    ],
)
def test_an_end_that_is_beyond_its_figures_unit_has_its_own(
    value: float, low: float | None, high: float | None, said: str
) -> None:
    """It was 984-1.04e+03 ms."""
    assert within(value, low, high) == said
