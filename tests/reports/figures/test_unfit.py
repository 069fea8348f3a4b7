"""Answers that did not fit their schema: how many, what they cost, and what asking again cost."""

from decimal import Decimal

from headrace.jobs import Recipe, parse_condition
from headrace.reports import summarise
from headrace.reports.figures import UnfitAnswers
from headrace.reports.headline import headline, unfit_words
from headrace.reports.html import html_report
from headrace.reports.objectives import judge, open_figures

from ..conftest import RunMaker

AGAIN = "(--retry-failed --reask N asks again)"
RECIPE = Recipe(model="small", user="{{ q }}", schema={"type": "object"})


def unfit(made: RunMaker) -> UnfitAnswers | None:
    made.write()
    return summarise(made.directory).unfit


def test_each_attempt_counts_once_and_with_its_cost(made: RunMaker) -> None:
    """Job 0 fits at the third answer, after a 500, which is retried: that is no
    reason to ask again. Job 1 never does; jobs 2 and 3 are others."""
    made.recipe = RECIPE
    no = {"error_code": "SCHEMA", "http_status": 200}
    made.attempt(0, 1, cost=Decimal("0.1"), **no)
    made.attempt(0, 2, error_kind="http", error_code="X", http_status=500)
    made.attempt(0, 3, cost=Decimal("0.2"), **no)
    made.attempt(0, 4, cost=Decimal("0.4"))
    made.result(0, attempts=4)
    made.attempt(1, 1, cost=Decimal("0.8"), **no)
    made.result(1, status="failed", error_code="SCHEMA")
    made.job(2, cost=Decimal(5))
    made.attempt(3, error_kind="http", error_code="SCHEMA", http_status=400)
    made.result(3, status="failed", error_code="SCHEMA2")
    found = unfit(made)
    assert found == UnfitAnswers(
        jobs=1, answers=3, cost=Decimal("1.1"), reasks=2, reask_cost=Decimal("0.6")
    )
    outcome = summarise(made.directory).outcome
    assert (outcome.attempts, outcome.reasks, outcome.retries) == (7, 2, 1)
    figures = open_figures(made.directory)
    judged = judge([parse_condition("retries == 1 and reasks == 2")], figures)
    assert judged[0].met
    told = "1<span> of them a retry</span><span>, 2 to ask again</span>"
    assert f'<dd class="soft">{told}</dd>' in html_report(made.directory)
    words = "3 answers did not fit the schema (1.1 CNY); 2 attempts to ask again (0.6 CNY)"
    assert unfit_words(found, "CNY") == f"{words}; 1 job failed for it {AGAIN}"
    assert f"{words}; 1 job failed for it {AGAIN}." in headline(summarise(made.directory))


def test_without_prices_no_cost_is_told(made: RunMaker) -> None:
    made.recipe = RECIPE
    made.prices = None
    made.attempt(0, error_code="SCHEMA")
    made.result(0, status="failed", error_code="SCHEMA")
    found = unfit(made)
    assert found == UnfitAnswers(jobs=1, answers=1, cost=None, reasks=0, reask_cost=None)
    assert (
        unfit_words(found, None) == f"1 answer did not fit the schema; 1 job failed for it {AGAIN}"
    )


def test_where_all_fit_nothing_is_told(made: RunMaker) -> None:
    made.recipe = RECIPE
    made.job(0)
    assert unfit(made) is None
    assert all("schema" not in said for said in headline(summarise(made.directory)))
