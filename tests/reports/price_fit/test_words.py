"""What a fit says in words, and as a price file."""

import tomllib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from headrace.reports.price_fit import (
    Observation,
    Observed,
    Unit,
    fit_notes,
    fit_prices,
    fit_toml,
)

BEGAN = datetime(2026, 6, 8, 12, tzinfo=UTC)
A, B, IMAGE = Unit("m", "input"), Unit("m", "output"), Unit("m", "image")
MILLION = 10**6


def seen(
    *stretches: tuple[dict[Unit, int], int, int], decimals: int = 12, billed: int = 1
) -> Observed:
    found = [
        Observation(
            BEGAN + timedelta(days=number), BEGAN + timedelta(days=number + 1), *each, billed
        )
        for number, each in enumerate(stretches)
    ]
    return Observed("CNY", decimals, found, len(found), [])


def notes(observed: Observed) -> list[str]:
    return [*fit_notes(fit_prices(observed), observed)]


def paid(price: int, tokens: int) -> tuple[dict[Unit, int], int, int]:
    return {A: tokens}, price * tokens, price * tokens


def test_a_price_that_is_not_told_is_no_price_of_the_file() -> None:
    observed = seen(({A: 100}, 150 * MILLION, 250 * MILLION))
    text = fit_toml(fit_prices(observed), observed)
    assert "# input: 1.5 to 2.5, of which 2 is roundest" in text.splitlines()
    assert tomllib.loads(text)["models"]["m"] == {"source": "fitted to 1 stretch of an account"}


def test_an_image_has_its_price_in_a_table_of_its_own() -> None:
    observed = seen(
        *[({IMAGE: count * MILLION}, count * 25 * 10**10, count * 25 * 10**10) for count in (1, 2)]
    )
    found = tomllib.loads(fit_toml(fit_prices(observed), observed), parse_float=Decimal)
    assert found["models"]["m"]["images"] == {"default": Decimal("0.25")}


def test_prices_that_changed_are_valid_since_then_and_the_earlier_ones_are_said() -> None:
    prices = [2_000_001] * 3 + [3_000_001] * 3
    observed = seen(*(paid(price, 101 + 2 * number) for number, price in enumerate(prices)))
    found = tomllib.loads(fit_toml(fit_prices(observed), observed), parse_float=Decimal)
    model = found["models"]["m"]
    assert (model["input"], str(model["valid_from"])) == (Decimal("3.000001"), "2026-06-11")
    assert notes(observed) == [
        "the prices changed between 2026-06-11 12:00:00 and 2026-06-11 12:00:00 UTC; before: "
        "input of m 2.000001"
    ]
    several = observed._replace(urls=("http://a.test", "http://b.test"))
    assert notes(several)[1].startswith("the runs went to http://a.test, http://b.test: where")


def test_what_can_not_be_told_apart_or_rests_on_one_stretch_is_said() -> None:
    both = {A: 100, B: 10}
    (said,) = notes(seen((both, 200 * MILLION, 200 * MILLION)))
    assert said.startswith("input of m, output of m can't be told apart: add a run that uses them")
    (said,) = notes(seen(paid(2_000_001, 101)))
    assert said.startswith("nothing checks input of m: as few stretches as prices go together")


@pytest.mark.parametrize(
    ("decimals", "billed", "said"), [(6, 2, True), (6, 1, False), (12, 2, False)]
)
def test_charges_that_may_each_be_rounded_unseen_are_said(
    decimals: int, billed: int, said: bool
) -> None:
    stretches = [({A: 10**9}, 2 * 10**15 - MILLION, 2 * 10**15 + MILLION)] * 2
    found = notes(seen(*stretches, decimals=decimals, billed=billed))
    words = f"should this service round each charge by itself, to the {decimals} decimals that it"
    assert [each.startswith(words) for each in found] == [True] * said
