"""Keys of TOML files: - and _ are one, and one key in both spellings is refused in every file."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import click
import pytest

from headrace.gateway.errors import GatewayError
from headrace.gateway.prices import load_prices as gateway_prices
from headrace.gateway.toml_file import read_toml
from headrace.jobs import InputError, load_prices, other_endpoints_from, read_recipe
from headrace.reports.scoring import read_judge
from headrace.runner.cli import run
from headrace.runner.command_defaults import defaults_for
from headrace.runner.nightly.eval_file import read_eval_file
from headrace.toml_keys import KeyTwiceError, snake_keys

PRICES = 'currency = "CNY"\n[models."a-model"]\ninput = 1\ncache-write = 1\ncache_write = 2\n'
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "prices": (load_prices, PRICES),
    "prices of the gateway": (gateway_prices, PRICES),
    "a recipe": (read_recipe, "max-tokens = 1\nmax_tokens = 2\n"),
    "a judge": (read_judge, "max-tokens = 1\nmax_tokens = 2\n"),
    "an eval": (
        lambda path: read_eval_file(path, run),
        "beside-require = []\nbeside_require = []\n",
    ),
    "flags of an eval": (
        lambda path: read_eval_file(path, run),
        'data = "d.csv"\nrecipe = "r.toml"\nruns = "runs"\n[run]\nmax-cost = 1\nmax_cost = 2\n',
    ),
    "endpoints": (
        other_endpoints_from,
        '[endpoints."/v1/score"]\ninput-tokens = "a"\ninput_tokens = "b"\n',
    ),
    "settings": (lambda path: defaults_for(run, path, {}), "max-cost = 1\nmax_cost = 2\n"),
    "a table of settings": (
        lambda path: defaults_for(run, path, {"run": lambda: run}),
        "[run]\nmax-cost = 1\nmax_cost = 2\n",
    ),
}


def test_dashes_are_underscores() -> None:
    assert snake_keys({"base-url": 1, "key_variable": 2}) == {"base_url": 1, "key_variable": 2}
    assert snake_keys({"a-b": 1, "c-d": 2}, known=["a_b"]) == {"a_b": 1, "c-d": 2}


def test_one_key_in_both_spellings_is_refused() -> None:
    with pytest.raises(KeyTwiceError, match=r"^base_url is there twice, with - and with _; keep"):
        snake_keys({"base-url": 1, "base_url": 1})


@pytest.mark.parametrize("which", FILES)
def test_no_file_may_have_one_key_twice(which: str, tmp_path: Path) -> None:
    read, text = FILES[which]
    path = tmp_path / "file.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises((InputError, GatewayError, click.UsageError)) as raised:
        read(path)
    said = str(raised.value)
    assert "is there twice, with - and with _; keep one" in said
    assert said.startswith(f"{path}")


def test_the_gateways_files_take_both_spellings_and_leave_names_of_models(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text(PRICES.replace("cache_write = 2\n", "search-request = 2\n"), encoding="utf-8")
    price = gateway_prices(path).models["a-model"]
    assert (price.cache_write, price.search_request) == (Decimal(1), Decimal(2))
    path.write_text("a-b = 1\n", encoding="utf-8")
    assert read_toml(path, dict[str, int], what="file") == {"a-b": 1}
