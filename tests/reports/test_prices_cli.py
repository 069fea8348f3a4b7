"""The commands `headrace prices fit`, `check` and `import`."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.jobs import load_prices
from headrace.reports.prices_cli import prices
from tests.reports.conftest import RunMaker

RIGHT = 'currency = "CNY"\n[models.small]\ninput = 2\noutput = 8.5\n'


def called(*arguments: str) -> Result:
    return CliRunner().invoke(prices, arguments)


@pytest.fixture
def run(made: RunMaker) -> str:
    """A run by which input costs 2 and output 8.5, by an account with all decimals."""
    balances = ["10.000000000000", "9.999715000000", "9.999345000000"]
    made.reading(0, balances[0], "0")
    made.job(1, input_tokens=100, output_tokens=10, latency_s=0.5)
    made.reading(5, balances[1], "0")
    made.job(6, input_tokens=100, output_tokens=20, latency_s=0.5)
    made.reading(9, balances[2], "0", moment="after")
    return str(made.write())


def test_a_price_file_is_printed(run: str) -> None:
    shown = called("fit", run)
    assert (shown.exit_code, shown.stderr) == (0, "")
    found = tomllib.loads(shown.stdout, parse_float=Decimal)
    assert found["models"] == {
        "small": {
            "input": 2,
            "output": Decimal("8.5"),
            "source": "fitted to 2 stretches of an account",
        }
    }
    about = "Fitted to 2 requests in 2 stretches between readings of an account that shows"
    assert shown.stdout.startswith(f"# {about} 12 decimals.\n")


def test_it_is_written_and_holds_against_the_run(run: str, tmp_path: Path) -> None:
    out = tmp_path / "fitted.toml"
    assert called("fit", run, "--out", str(out)).stdout == f"Wrote {out}: 2 of 2 prices told\n"
    assert load_prices(out).models["small"].output == Decimal("8.5")
    checked = called("check", str(out), run)
    assert checked.exit_code == 0
    assert checked.stdout.splitlines() == [
        "small  agrees    0.000655 CNY by the file, 0.000655 by the account",
        "agrees, over 2 stretches between readings of the account",
    ]
    again = called("fit", run, "--out", str(out))
    assert "is there already" in again.stderr


def test_json_has_models_ranges_and_what_is_undetermined(run: str, made: RunMaker) -> None:
    data = json.loads(called("fit", run, "--json").stdout)
    assert data["models"] == {"small": {"input": "2", "output": "8.5"}}
    assert (data["ranges"], data["undetermined"], data["decimals"]) == ({}, [], 12)
    made.directory = Path("second.run")
    made.reading(0, "10.00", "0")
    made.job(1, input_tokens=100, output_tokens=10, latency_s=0.5)
    made.reading(5, "9.00", "0", moment="after")
    data = json.loads(called("fit", str(made.write()), "--json").stdout)
    assert data["ranges"]["small"]["output"] == {"low": "0", "high": "101000", "roundest": None}
    assert data["undetermined"] == [
        [{"model": "small", "price": "input"}, {"model": "small", "price": "output"}]
    ]
    assert data["notes"] == [
        "input of small, output of small can't be told apart: add a run that uses them in other "
        "proportions, or several"
    ]


def test_a_difference_is_exit_code_4(run: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(RIGHT.replace("8.5", "8.6"))
    shown = called("check", str(file), run)
    assert shown.exit_code == 4
    assert (
        shown.stdout.splitlines()[-1] == "differs, over 2 stretches between readings of the account"
    )
    data = json.loads(called("check", str(file), run, "--json").stdout)
    assert (data["verdict"], data["models"][0]["verdict"]) == ("differs", "differs")
    assert data["differences"][0]["account_high"] == "0.000285"


def test_another_currency_is_refused(run: str, tmp_path: Path) -> None:
    file = tmp_path / "usd.toml"
    file.write_text(RIGHT.replace("CNY", "USD"))
    refused = called("check", str(file), run)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "is in USD and the account in CNY" in refused.stderr


def test_a_published_list_is_imported(tmp_path: Path) -> None:
    published, out = tmp_path / "list.json", tmp_path / "prices.toml"
    entry = {"litellm_provider": "openai", "input_cost_per_token": 2.5e-06}
    published.write_text(json.dumps({"m": entry, "n": {**entry, "input_cost_per_token": 1e-20}}))
    shown = called("import", str(published), "--out", str(out))
    assert shown.stdout == f"Wrote {out}: prices of 1 model\n"
    assert shown.stderr.startswith("left out: 'n': ")
    assert load_prices(out).models["m"].input == Decimal("2.5")


def test_of_several_services_one_is_meant(made: RunMaker, tmp_path: Path) -> None:
    """Each account says what its own service took, in between the other's readings."""
    balances = {"a": ["10.00", "9.00", "7.00"], "b": ["500.00", "450.00", "390.00"]}
    for name, shown in balances.items():
        made.service(name, "small")
        for number, balance in enumerate(shown):
            moment = ("before", "during", "after")[number]
            made.reading(10 * number, balance, "0", moment=moment, service=name)
    for number, tokens in enumerate([(100_000, 0), (100_000, 100_000)]):
        for index, name in enumerate(balances):
            made.job(
                10 * number + index + 1,
                service=name,
                input_tokens=tokens[0],
                output_tokens=tokens[1],
                latency_s=0.5,
            )
    run = str(made.write())
    refused = called("fit", run)
    assert refused.exit_code == 2
    assert "name one with --service (a, b)" in refused.stderr
    found = json.loads(called("fit", run, "--service", "b", "--json").stdout)
    assert found["ranges"]["small"]["input"] == {
        "low": "499.9",
        "high": "500.1",
        "roundest": "500",
    }
    assert found["requests"] == 2
    right = tmp_path / "a.toml"
    right.write_text('currency = "CNY"\n[models.small]\ninput = 10\noutput = 10\n')
    assert called("check", str(right), run, "--service", "a").exit_code == 0
    assert called("check", str(right), run, "--service", "b").exit_code == 4
