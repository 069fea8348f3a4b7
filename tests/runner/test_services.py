"""The services of a run, ready to be sent to."""

from decimal import Decimal
from typing import Any

import pytest

from headrace.jobs import (
    InputError,
    Limits,
    ModelLimits,
    Price,
    PriceTable,
    choose_services,
    services_of,
)
from headrace.runner.secret import Secret
from headrace.runner.services import ChosenServices, services_from
from tests.runner.three_services import key_of, table

KEYS = {f"KEY_{name.upper()}": key_of(name) for name in "abc"}
OPTIONS: dict[str, Any] = {"rpm": None, "tpm": None, "prices": None, "http2": False}


def test_a_service_that_was_left_out_may_not_be_seen_to_have_its_key_echoed() -> None:
    known = services_of([table(name, name) for name in "abc"], rpm=None, tpm=None)
    environment = {"KEY_A": key_of("a"), "KEY_B": key_of("b"), "KEY_D": key_of("d")}
    chosen = ChosenServices(known, choose_services(known, ["a"]))
    services = services_from(chosen, None, environment=environment, **OPTIONS)
    assert [each.name for each in services.each] == ["a"]
    said = services.keys.redact(" ".join(map(key_of, "abd")))
    assert said == f"*** *** {key_of('d')}"


def test_a_key_that_a_program_gives_is_that_of_services_without_a_variable_alone() -> None:
    a, b = table("a", "m"), table("b", "x")
    del b["key_variable"]
    given = services_from([a, b], Secret("the-programs-key"), environment=KEYS, **OPTIONS)
    assert [each.key.reveal() for each in given.each] == [key_of("a"), "the-programs-key"]
    assert [each.as_settings["key"].reveal() for each in given.each] == [
        key_of("a"),
        "the-programs-key",
    ]
    assert [each.as_settings["key_variable"] for each in given.each] == [
        "KEY_A",
        "HEADRACE_API_KEY",
    ]


def test_what_a_program_sets_for_all_holds_where_a_service_sets_nothing() -> None:
    a, b = table("a", "m", rpm=5, limits={"m": {"tpm": 6}}), table("b", "x", "y")
    limits = {"x": ModelLimits(rpm=7, tpm=None), "m": ModelLimits(rpm=8, tpm=9)}
    del b["rpm"], b["tpm"]
    options = OPTIONS | {"rpm": 60, "tpm": 100, "model_limits": limits}
    one, two = services_from([a, b], None, environment=KEYS, **options).each
    assert one.record(3).limits == Limits(
        rpm=5, tpm=None, concurrency=3, models={"m": ModelLimits(rpm=5, tpm=6)}
    )
    assert two.record(None).limits == Limits(
        rpm=60, tpm=100, concurrency=None, models={"x": ModelLimits(rpm=7, tpm=None)}
    )
    for each in (one, two):
        own = each.record(None).limits
        found = each.as_settings
        assert (found["rpm"], found["tpm"], found["model_limits"]) == (own.rpm, own.tpm, own.models)


@pytest.mark.parametrize(("of_all", "fits"), [("USD", True), ("CNY", False)])
def test_prices_of_all_are_of_the_currency_of_those_that_a_service_has(
    tmp_path: Any, of_all: str, fits: bool
) -> None:
    own = tmp_path / "own.toml"
    own.write_text('currency = "USD"\n[models.m]\ninput = 1\noutput = 2\n')
    tables = [table("a", "m", prices=str(own)), table("b", "x")]
    price = Price(input=Decimal(1), output=Decimal(2))
    options = OPTIONS | {"prices": PriceTable(currency=of_all, models={"x": price})}
    if fits:
        given = services_from(tables, None, environment=KEYS, **options)
        assert [given.own_prices(name) is not None for name in "ab"] == [True, False]
    else:
        with pytest.raises(InputError, match="service a are in USD and those of b in CNY; a run"):
            services_from(tables, None, environment=KEYS, **options)
