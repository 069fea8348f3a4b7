"""What a job file will use of each service, and in all."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from headrace.jobs.cli import check, estimate

SERVICE = """\
[[services]]
name = "{name}"
base-url = "http://{name}.test"
key-variable = "KEY"
models = ["m"]
weight = 1
prices = "{name}.toml"
"""


def line(number: int, model: str) -> dict[str, Any]:
    body = {"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": "hello"}]}
    return {"custom_id": f"job-{number:03}", "url": "/v1/chat/completions", "body": body}


def test_an_estimate_has_the_rows_of_each_service_by_its_prices_and_their_total(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, price in (("east", 1), ("west", 3)):
        text = f'currency = "CNY"\n[models.m]\ninput = {price}\noutput = {price}\n'
        Path(f"{name}.toml").write_text(text)
    Path("headrace.toml").write_text(SERVICE.format(name="east") + SERVICE.format(name="west"))
    lines = [json.dumps(line(n, "m")) for n in range(40)]
    Path("jobs.jsonl").write_text("\n".join([*lines, json.dumps(line(40, "other"))]))
    found = json.loads(CliRunner().invoke(estimate, ["jobs.jsonl", "--json"]).stdout)
    rows = {row["service"]: row for row in found["rows"]}
    east, west, whole = rows["east"], rows["west"], found["total"]
    assert 18 <= east["jobs"] <= 22
    assert (east["jobs"] + west["jobs"], found["bad_lines"]) == (40, 1)
    # All jobs are alike.
    each = [Decimal(row["cost_least"]) / row["jobs"] for row in (east, west)]
    assert each[1] == 3 * each[0] > 0
    for name in ("cost_least", "cost_most"):
        assert Decimal(whole[name]) == Decimal(east[name]) + Decimal(west[name])
    assert "service" not in whole
    shown = CliRunner().invoke(estimate, ["jobs.jsonl"]).stdout.splitlines()
    assert shown[0].split()[:3] == ["service", "model", "endpoint"]
    assert [row.split()[:2] for row in shown[1:4]] == [["west", "m"], ["east", "m"], ["all", "40"]]


def two_services(*currencies: str) -> None:
    for name, currency in zip(("east", "west"), currencies, strict=True):
        text = f'currency = "{currency}"\n[models.{name}]\ninput = 1\noutput = 1\n'
        Path(f"{name}.toml").write_text(text)
    table = SERVICE.replace('"m"', '"{name}"')
    Path("headrace.toml").write_text(table.format(name="east") + table.format(name="west"))
    lines = [json.dumps(line(n, name)) for n, name in enumerate(("east", "west"))]
    Path("jobs.jsonl").write_text("\n".join(lines))


@pytest.mark.parametrize("command", [estimate, check])
def test_prices_in_two_currencies_are_refused_as_a_run_refuses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: click.Command
) -> None:
    """Regression: an estimate added up CNY and USD, and a check said that all was well."""
    monkeypatch.chdir(tmp_path)
    two_services("CNY", "USD")
    refused = CliRunner().invoke(command, ["jobs.jsonl"])
    assert refused.exit_code == 2
    assert "of the service east are in CNY and those of west in USD" in refused.output


def test_one_of_the_services_may_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    two_services("CNY", "USD")
    chosen = ["jobs.jsonl", "--service", "west", "--json"]
    found = json.loads(CliRunner().invoke(estimate, chosen).stdout)
    assert (found["currency"], found["total"]["jobs"], found["bad_lines"]) == ("USD", 1, 1)
    (bad,) = json.loads(CliRunner().invoke(check, chosen).stdout)["bad_lines"]
    assert bad["reason"] == "the model 'east' is on east, left out by --service"
    Path("headrace.toml").unlink()
    refused = CliRunner().invoke(estimate, chosen)
    assert "--service west: headrace.toml has no [[services]] here" in refused.output
