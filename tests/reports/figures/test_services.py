"""What a summary says of each service."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from headrace.jobs import Limits
from headrace.reports import summarise, summary_json
from headrace.reports.figures import ServiceFigures
from headrace.runner.main import main
from tests.docs_page import docs_page
from tests.loopback import MODEL, Loopback
from tests.reports.conftest import CHAT, PRICES, RunMaker
from tests.reports.services_maker import SHARED, job, stopped, three_services
from tests.reports.three_gateways import three_gateways
from tests.runner.processes import Headrace


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
    for balance, moment in (("10.00", "before"), ("9.00", "after")):
        made.reading(9, balance, "0", service="free", moment=moment)
    summary = summarise(made.write())
    usage, free = summary.usage, summary.by_service[1]
    assert (usage.currency, usage.total.cost) == ("CNY", Decimal("0.5"))
    assert usage.unpriced_reasons == {"the service free has no prices": 1}
    assert free.balance.why == ["it has no prices (`prices` in headrace.toml), so no cost is known"]


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


# -- against three gateways, whose ledgers say what each charged


@pytest.fixture
def gateways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Loopback]]:
    monkeypatch.chdir(tmp_path)
    with three_gateways(tmp_path, monkeypatch.setenv, itl_s=0.001) as served:
        yield served


@pytest.fixture
def headrace(tmp_path: Path) -> Headrace:
    return Headrace(tmp_path)


def write_jobs(count: int) -> None:
    body = {"model": MODEL, "max_tokens": 12}
    lines = (
        {
            "custom_id": f"job-{n}",
            "url": CHAT,
            "body": {**body, "messages": [{"role": "user", "content": f"question {n}"}]},
        }
        for n in range(count)
    )
    Path("jobs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def ran(*flags: str, code: int = 0) -> dict[str, Any]:
    """Run the job file by the command, and what it prints as data."""
    done = CliRunner().invoke(main, ["run", "jobs.jsonl", "--json", *flags], prog_name="headrace")
    assert (done.exit_code, done.exception if done.exit_code == 1 else None) == (code, None)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_costs_and_checks_are_what_each_ledger_charged_to_the_last_digit(
    gateways: dict[str, Loopback],
) -> None:
    write_jobs(24)
    found = ran()
    services = {each["name"]: each for each in found["services"]}
    assert {name: Decimal(each["cost"]) for name, each in services.items()} == {
        name: served.charged for name, served in gateways.items()
    }
    assert sum(each["requests"] for each in services.values()) == 24
    fine, coarse, dark = services.values()
    assert Decimal(fine["account_cost"]) == gateways["fine"].charged
    assert abs(Decimal(coarse["account_cost"]) - gateways["coarse"].charged) <= Decimal("0.01")
    assert [each["balance"]["verdict"] for each in (fine, coarse, dark)] == [
        *("agrees", "agrees", "cannot be checked"),
    ]
    charged = sum(served.charged for served in gateways.values())
    assert Decimal(found["usage"]["total"]["cost"]) == charged
    assert found["balance"]["verdict"] == "cannot be checked"

    # Without the dark one each can be checked, and so can all of them.
    before = {name: served.charged for name, served in gateways.items()}
    shown = ran("--out", "two.run", "--service", "fine", "--service", "coarse")
    both = [gateways[name].charged - before[name] for name in ("fine", "coarse")]
    whole = shown["balance"]
    assert (whole["verdict"], Decimal(whole["computed"])) == ("agrees", sum(both))
    assert Decimal(whole["taken_in_all"]) == sum(
        Decimal(each["account_cost"]) for each in shown["services"]
    )
    assert gateways["dark"].charged == before["dark"]


@pytest.mark.slow
def test_a_service_that_refuses_its_key_is_reported_and_the_next_session_ends_its_jobs(
    gateways: dict[str, Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jobs(12)
    monkeypatch.setenv("COARSE_KEY", "sk-" + "0" * 48)
    found = ran(code=5)
    fine, coarse, dark = found["services"]
    assert "COARSE_KEY" in coarse["stopped"]
    assert (fine["stopped"], dark["stopped"], coarse["jobs"]) == (None, None, 0)
    assert (found["run"]["state"], gateways["coarse"].posts) == ("stopped", 0)
    assert fine["jobs"] + dark["jobs"] == sum(served.posts for served in gateways.values()) < 12
    assert "coarse" in found["run"]["reason"]
    shown = CliRunner().invoke(main, ["report", "jobs.run"], prog_name="headrace").stdout
    assert "coarse stopped: " in shown
    monkeypatch.setenv("COARSE_KEY", gateways["coarse"].key)
    again = ran()
    assert (again["run"]["state"], again["outcome"]["succeeded"]) == ("finished", 12)
    assert [each["stopped"] for each in again["services"]] == [None] * 3
    costs = {each["name"]: Decimal(each["cost"]) for each in again["services"]}
    assert costs == {name: served.charged for name, served in gateways.items()}
    assert again["services"][1]["balance"]["verdict"] == "agrees"


@pytest.mark.slow
def test_after_kill_9_each_account_is_held_against_its_own_service(
    gateways: dict[str, Loopback], headrace: Headrace
) -> None:
    """What was in flight was charged by the service that it was sent to, and is that one's."""
    write_jobs(60)
    headrace.environment |= {f"{name.upper()}_KEY": served.key for name, served in gateways.items()}
    with headrace.start("run", "jobs.jsonl", "--concurrency", "2") as process:
        gateways["fine"].wait_for_posts(5)
        process.kill()
        process.communicate()
    found = ran()
    assert found["outcome"]["succeeded"] == 60
    rows = pl.read_parquet("jobs.run/attempts/*.parquet")
    lost = rows.filter(pl.col("error_kind") == "lost")
    assert len(lost) == found["outcome"]["lost"] <= 6
    assert rows["service"].null_count() == 0
    answered = rows.filter(pl.col("error_kind").is_null())
    assert (len(answered), answered["index"].n_unique()) == (60, 60)
    fine = found["services"][0]
    # The account took all that the ledger charged; what it took beyond the cost was lost.
    assert Decimal(fine["account_cost"]) == gateways["fine"].charged
    its_lost = lost.filter(pl.col("service") == "fine")
    unknown = gateways["fine"].charged - Decimal(fine["cost"])
    assert Decimal(fine["balance"]["difference"]) == unknown
    assert fine["balance"]["suspect_counts"] == ({"lost": len(its_lost)} if unknown else {})
