"""What a job file will use of each service, and in all."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headrace.jobs.cli import estimate

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
