"""What a summary says of each service."""

import json
from decimal import Decimal

from headrace.jobs import Limits
from headrace.reports import summarise, summary_json
from headrace.reports.figures import ServiceFigures
from tests.docs_page import docs_page
from tests.reports.conftest import PRICES, RunMaker
from tests.reports.services_maker import SHARED, job, stopped, three_services


def test_each_service_has_its_jobs_tokens_costs_and_check(made: RunMaker) -> None:
    summary = summarise(three_services(made).write())
    fine, coarse, dark = summary.by_service
    assert (fine.requests, fine.jobs, fine.succeeded, fine.failed) == (2, 2, 1, 1)
    assert (fine.input_tokens, fine.output_tokens, fine.tokens) == (200, 20, 220)
    assert (fine.cost, fine.account_cost) == (Decimal("0.00012345679"),) * 2
    assert (coarse.cost, coarse.reported_cost) == (Decimal("1.25"), Decimal("1.26"))
    assert (dark.account_cost, dark.balance.verdict) == (None, "cannot be checked")
    assert summary.usage.total.cost == Decimal("1.75012345679")
    assert (summary.run.base_url, summary.usage.currency) == (None, "CNY")


def test_the_json_has_them_and_without_services_nothing_of_them(made: RunMaker) -> None:
    found = json.loads(summary_json(summarise(three_services(made).write())))
    (fine, *_) = found["services"]
    assert (fine["name"], fine["base_url"], fine["cost"]) == (
        "fine",
        "http://127.0.0.1:8001",
        "0.00012345679",
    )
    assert fine["balance"]["verdict"] == "agrees"
    assert [each["service"] for each in found["limits"]["uses"]][::2] == ["fine", "coarse", "dark"]
    assert [each["service"] for each in found["cost_sources"][:-1]] == ["fine", "coarse", "dark"]


def test_every_key_of_a_service_is_documented() -> None:
    section = docs_page("reference/summary.md", "Services")
    documented = {name for name in ServiceFigures.__struct_fields__ if f"`{name}`" in section}
    assert documented == set(ServiceFigures.__struct_fields__)


def test_without_services_no_key_of_them_is_there(made: RunMaker) -> None:
    made.reading(0, "10.00", "0")
    made.job(1, cost=Decimal("0.50"))
    made.attempt(2, error_kind="timeout", cost_bound=Decimal(1))
    made.reading(9, "9.00", "0.50", moment="after")
    text = summary_json(summarise(made.write())).decode()
    assert '"suspects"' in text
    assert '"service' not in text
    assert "taken_in_all" not in text


def test_limits_are_held_against_the_requests_of_their_service(made: RunMaker) -> None:
    made.service("slow", "a", limits=Limits(rpm=30, tpm=None, concurrency=None))
    made.service("quick", "b", limits=Limits(rpm=600, tpm=None, concurrency=None))
    for index in range(40):
        job(made, index, "slow" if index % 4 == 0 else "quick", "0.1")
    uses = summarise(made.write()).limits.uses
    peaks = [(each.service, each.limit, each.peak) for each in uses if each.what == "requests"]
    assert peaks == [("slow", 30, 10), ("quick", 600, 30)]
    assert uses[0].words == "requests, slow"


def test_a_service_without_prices_is_named(made: RunMaker) -> None:
    made.prices = None
    made.service("priced", "small", prices=PRICES)
    made.service("free", "other")
    job(made, 1, "priced", "0.5", model="small")
    made.job(2, service="free", model="other")
    usage = summarise(made.write()).usage
    assert (usage.currency, usage.total.cost) == ("CNY", Decimal("0.5"))
    assert usage.unpriced_reasons == {"free has no prices": 1}


def test_what_is_kept_is_kept_within_each_service(made: RunMaker) -> None:
    for name in ("one", "two"):
        made.service(name, "small")
    made.attempt(1, service="one", error_kind="timeout", cost_bound=Decimal(1))
    made.attempt(2, service="two", error_kind="lost", cost_bound=Decimal(2))
    for name, released in (("one", Decimal("0.4")), ("two", None)):
        made.reading(
            5, "9.00", "0", service=name, moment="during", released=released, kept=released
        )
    kept = summarise(made.write()).kept
    assert kept is not None
    assert (kept.bounds, kept.kept, kept.released) == (Decimal(3), Decimal("2.6"), Decimal("0.4"))
    assert [(each.service, each.released) for each in kept.releases] == [("one", Decimal("0.4"))]


def test_a_service_that_stopped_says_why(made: RunMaker) -> None:
    stopped(three_services(made), "coarse", "the gateway refused the key")
    found = summarise(made.directory)
    assert [each.stopped for each in found.by_service] == [
        None,
        "the gateway refused the key",
        None,
    ]
    assert (found.run.state, found.by_service[0].models) == ("stopped", [SHARED])
