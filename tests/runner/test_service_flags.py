"""The services of headrace.toml as commands use them, and a line for each that they can't."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.loopback import MODEL, Loopback, loopback, write_prices
from tests.runner.processes import Headrace, job

Gateways = dict[str, Loopback]
OTHER = "another-model"


@pytest.fixture
def gateways() -> Iterator[Gateways]:
    with ExitStack() as opened:
        yield {
            name: opened.enter_context(loopback(seed=number))
            for number, name in enumerate(("east", "west"))
        }


def write_settings(headrace: Headrace, gateways: Gateways, **fields: dict[str, Any]) -> None:
    """Services with the keys of these gateways, each with its fields; lists are TOML as JSON is."""
    text = ""
    for name, gateway in gateways.items():
        known = {"name": name, "base-url": gateway.url, "key-variable": f"KEY_{name}", "rpm": 6000}
        table = {**known, "tpm": "none", **fields.get(name, {})}
        text += "[[services]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in table.items())
        headrace.environment[f"KEY_{name}"] = gateway.key
    (headrace.path / "headrace.toml").write_text(text)


def settings_of(headrace: Headrace, text: str) -> None:
    (headrace.path / "headrace.toml").write_text(text)
    headrace.environment["KEY_A"] = "sk-of-the-service-a"


A = """\
[[services]]
name = "a"
base-url = "http://127.0.0.1:9"
key-variable = "KEY_A"
models = ["m"]
"""
B = A.replace('"a"', '"b"').replace('"m"', '"n"')


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (
            ["run", "--base-url", "http://x"],
            A,
            "--base-url names one service, and headrace.toml has [[services]]; leave it out, and "
            "choose among them by --service NAME",
        ),
        (["run"], f'base-url = "http://x"\n{A}', "has [[services]] and a base URL beside them"),
        (
            ["run"],
            f'{A}[base-urls]\nopenai = "http://x"\n',
            "has [[services]] and a base URL beside them",
        ),
        (["run", "--service", "b"], A, "--service b: there is no such service; did you mean"),
        (["run", "--service", "a"], "", "--service a: headrace.toml has no [[services]] here"),
        (["run", "--workers", "2"], A, "--workers and --cluster send to one base URL"),
        (["run"], A.replace("KEY_A", "KEY_B"), "service a: no key: set KEY_B"),
        (
            ["run"],
            A.replace("http://", "ftp://"),
            "headrace.toml: [[services]] a: the base URL is 'ftp://127.0.0.1:9'",
        ),
        (["run"], f'{A}prices = "none.toml"\n', "service a: "),
        (["run"], f'{A}key = "sk-x"\n', "a key does not belong in a file"),
        (["run"], f"{A}{A}", "two services are called a"),
        (
            ["run", "--max-cost", "1"],
            A,
            "--max-cost needs prices: give --prices FILE, or prices in",
        ),
        (
            ["run", "--service", "a", "--service", "b"],
            f'{A}prices = "eur.toml"\n{B}prices = "cny.toml"\n',
            "the prices of the service a are in EUR and those of b in CNY; a run has one currency",
        ),
        (["balance", "--service", "c"], A, "--service c: there is no such service"),
        (["jobs", "check"], A.replace('["m"]', "[]"), "has no models"),
        (["jobs", "estimate"], A.replace(":9", ":9/v1/chat?x=1"), "the base URL ends in a query"),
        (
            ["load", "--rate", "1/s", "--requests", "1"],
            f"{A}{B}",
            "a load run is sent to one service; choose one of a, b by --service NAME",
        ),
        (
            ["load", "--rate", "1/s", "--requests", "1", "--model", "m", "--max-cost", "1"],
            A,
            "give --prices FILE, or prices in the [[services]] table of a",
        ),
    ],
)
def test_what_can_not_be_is_told_in_one_line_before_anything_is_sent(
    headrace: Headrace, words: list[str], text: str, said: str
) -> None:
    for name in ("eur", "cny"):
        prices = f'currency = "{name.upper()}"\n[models.m]\ninput = 1\noutput = 1\n'
        (headrace.path / f"{name}.toml").write_text(prices)
    settings_of(headrace, text)
    headrace.write(job("one"))
    takes_file = words[0] in ("run", "jobs")
    done = headrace.inside(*words, *(["jobs.jsonl"] if takes_file else []))
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert said in line
    assert not (headrace.path / "jobs.run").exists()


def test_a_file_of_jobs_is_checked_and_estimated_by_its_services(headrace: Headrace) -> None:
    prices = write_prices(headrace.path)
    east = A.replace('"m"', f'"{MODEL}"') + f'prices = "{prices.name}"\nrpm = 5\ntpm = 50\n'
    settings_of(headrace, east)
    headrace.write(job("one"), job("large", max_tokens=1000), job("other", model=OTHER))
    checked = headrace.inside("jobs", "check", "jobs.jsonl", "--json")
    assert checked.returncode == 1
    reasons = {
        each["custom_id"]: each["reason"] for each in json.loads(checked.stdout)["bad_lines"]
    }
    assert reasons["large"].endswith("raise the tpm of the service a")
    assert reasons["other"].startswith(f"no service has the model '{OTHER}'; add it")
    estimate = json.loads(headrace.inside("jobs", "estimate", "jobs.jsonl", "--json").stdout)
    assert (estimate["currency"], estimate["bad_lines"]) == ("CNY", 2)
    assert [(row["model"], row["jobs"]) for row in estimate["rows"]] == [(MODEL, 1)]
    assert float(estimate["total"]["cost_most"]) > 0


@pytest.mark.slow
def test_a_run_that_was_killed_resumes_with_each_service_where_it_was(
    headrace: Headrace, gateways: Gateways
) -> None:
    """Over loopback: one result per job, all that was billed is there, and no key elsewhere."""
    prices = {"prices": write_prices(headrace.path).name}
    write_settings(
        headrace,
        gateways,
        east={"models": [MODEL], "weight": 2, "rpm": 1200, **prices},
        west={"models": [MODEL], "weight": 1, "rpm": 600, **prices},
    )
    headrace.environment["HEADRACE_BASE_URL"] = "http://127.0.0.1:9"
    headrace.write(*(job(f"job-{n}", f"question {n}") for n in range(60)))
    running = headrace.start("run", "jobs.jsonl")
    gateways["west"].wait_for_posts(4)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=10)
    done = headrace("run", "jobs.jsonl", "--json", "--service", "east", "--service", "west")
    assert done.returncode == 0
    assert done.stderr.count("HEADRACE_BASE_URL is ignored: headrace.toml has [[services]].") == 1
    results, attempts = headrace.table("results"), headrace.table("attempts")
    assert sorted(results["index"]) == list(range(60))
    began = dict(attempts.group_by("service").len().iter_rows())
    kinds = attempts.filter(pl.col("error_kind").is_null())
    ended = dict(kinds.group_by("service").len().iter_rows())
    # (One that is lost may not have left: its record is written just before it does.)
    assert ended["east"] <= gateways["east"].posts <= began["east"]
    assert ended["west"] <= gateways["west"].posts <= began["west"]
    assert abs(results["service"].value_counts(sort=True)["count"][0] - 40) <= 2
    after = pl.read_parquet(headrace.path / "jobs.run" / "balance.parquet").filter(
        pl.col("moment") == "after"
    )
    spent = dict(after.select("service", "spent").iter_rows())
    costs = dict(attempts.group_by("service").agg(pl.col("cost").sum()).iter_rows())
    assert spent == costs
    assert not attempts.filter(pl.col("http_status") == 429).height


def test_the_balance_of_each_is_shown_and_what_one_of_them_lacks(
    headrace: Headrace, gateways: Gateways
) -> None:
    write_settings(headrace, gateways, east={"models": [MODEL]}, west={"models": [OTHER]})
    shown = headrace.inside("balance")
    assert shown.returncode == 0
    assert [line for line in shown.stdout.splitlines() if line[0] != " "] == ["east", "west"]
    headrace.environment["KEY_west"] = "sk-of-nobody"
    done = headrace.inside("balance", "--json")
    assert done.returncode == 5
    assert "west: the gateway refused the key; check KEY_west" in done.stderr
    assert [each["service"] for each in json.loads(done.stdout)] == ["east"]
    assert headrace.inside("balance", "--service", "east").returncode == 0


@pytest.mark.slow
def test_a_load_run_is_sent_to_one_service_with_its_key_and_prices(
    headrace: Headrace, gateways: Gateways
) -> None:
    prices = {"prices": write_prices(headrace.path).name}
    write_settings(headrace, gateways, east={"models": ["*"], **prices}, west={"models": [OTHER]})
    words = ["--users", "1", "--requests", "2", "--max-cost", "9", "--no-stream", "--json"]
    done = headrace.inside("load", "--model", MODEL, "--out", "l.run", *words)
    assert done.returncode in (0, 6)  # what it measured here is not the point
    assert (gateways["east"].posts, gateways["west"].posts) == (2, 0)
    attempts = headrace.table("attempts", "l.run")
    assert attempts["service"].to_list() == ["east"] * 2
    assert attempts["cost"].null_count() == 0
    manifest = json.loads((headrace.path / "l.run" / "run.json").read_bytes())
    assert manifest["base_url"] is None
    assert [each["name"] for each in manifest["services"]] == ["east"]


def test_a_program_gives_services_as_mappings(
    headrace: Headrace, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    import headrace as library

    for name, gateway in gateways.items():
        monkeypatch.setenv(f"KEY_{name}", gateway.key)
    headrace.write(job("one"), job("two", model=OTHER))
    services = [
        {"name": name, "base_url": gateways[name].url, "key_variable": f"KEY_{name}", "models": [m]}
        for name, m in (("east", MODEL), ("west", "x"))
    ]
    path = Path(headrace.path) / "jobs.jsonl"
    outcome = library.run(path, services=services)
    assert (outcome.succeeded, outcome.rejected) == (1, 1)
    assert gateways["east"].posts == 1
    with pytest.raises(library.InputError, match="services have base URLs of their own"):
        library.run(path, services=services, base_url="http://127.0.0.1:9")
