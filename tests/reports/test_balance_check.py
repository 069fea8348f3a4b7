"""The balance check: its verdicts, one situation each."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from jobs import PriceTable, Session
from reports import BalanceCheck, summarise
from reports.balance_check import SUSPICIONS

from .conftest import RunMaker, at


def check(made: RunMaker, tolerance: str | None = None) -> BalanceCheck:
    directory = made.write()
    return summarise(directory, tolerance=None if tolerance is None else Decimal(tolerance)).balance


def spend(made: RunMaker, *costs: str) -> None:
    for index, cost in enumerate(costs):
        made.job(index, cost=Decimal(cost))


def budget(used: str, day: int = 9) -> dict[str, Any]:
    reset = at(0).replace(day=day, hour=16)
    return {
        "daily_used": Decimal(used),
        "daily_budget": Decimal(20),
        "daily_remaining": 20 - Decimal(used),
        "daily_reset_at": reset,
    }


def test_it_agrees_to_the_last_digit(made: RunMaker) -> None:
    spend(made, "0.1234567", "0.2")
    made.reading(0, "10.0000000", "0", **budget("1.0000000"))
    made.reading(60, "9.6765433", "0.3234567", **budget("1.3234567"))
    found = check(made)
    assert (found.verdict, found.why) == ("agrees", [])
    assert found.computed == found.fall == found.daily_rise == Decimal("0.3234567")
    assert (found.monthly_rise, found.difference, found.tolerance) == (
        None,
        Decimal(0),
        Decimal("1E-7"),
    )
    assert (found.suspects, found.suspect_counts) == ([], {})


@pytest.mark.parametrize(
    ("balance", "verdict", "difference"),
    [
        ("9.68", "agrees", "-0.0034567"),
        ("9.67", "agrees", "0.0065433"),
        ("9.66", "differs", "0.0165433"),
        ("9.69", "differs", "-0.0134567"),
    ],
)
def test_a_rounded_balance_agrees_within_one_unit_of_its_last_decimal(
    made: RunMaker, balance: str, verdict: str, difference: str
) -> None:
    spend(made, "0.3234567")
    made.reading(0, "10.00", "0")
    made.reading(60, balance, "0.3234567")
    found = check(made)
    assert (found.verdict, found.difference) == (verdict, Decimal(difference))
    assert found.tolerance == Decimal("0.01")


def test_a_balance_in_whole_yuan_is_held_to_a_fen(made: RunMaker) -> None:
    spend(made, "0.5")
    made.reading(0, "10", "0")
    made.reading(60, "9", "0.5")
    assert check(made).verdict == "differs"
    assert check_again(made, "0.5").verdict == "agrees"


def check_again(made: RunMaker, tolerance: str) -> BalanceCheck:
    return summarise(made.directory, tolerance=Decimal(tolerance)).balance


def test_the_keys_own_use_is_compared_where_other_keys_spend_too(made: RunMaker) -> None:
    spend(made, "1.50")
    made.reading(0, "10.00", "0", **budget("0.00"))
    made.reading(60, "3.00", "1.50", **budget("1.50"))
    found = check(made)
    assert found.verdict == "agrees"
    assert found.why == [
        "the balance fell by 5.5 more than the key used: other keys of the account were at work"
    ]


def test_a_top_up_is_recognised_by_the_keys_own_use(made: RunMaker) -> None:
    spend(made, "1.50")
    made.reading(0, "10.00", "0", **budget("0.00"))
    made.reading(60, "108.50", "1.50", **budget("1.50"))
    found = check(made)
    assert found.verdict == "agrees"
    assert found.why == [
        "the balance fell by 100 less than the key used: it was topped up during the run"
    ]


def test_a_top_up_hides_the_fall_where_the_keys_use_is_not_shown(made: RunMaker) -> None:
    spend(made, "1.50")
    made.reading(0, "10.00", "0")
    made.reading(60, "108.50", "1.50")
    found = check(made)
    assert found.verdict == "cannot be checked"
    assert found.why == ["the balance rose during the run: it was topped up"]


def test_probable_costs_are_named_beside_what_could_explain_it_and_are_in_no_figure(
    made: RunMaker,
) -> None:
    spend(made, "1.50")
    for n in (1, 2):
        made.attempt(n, error_kind="stream", http_status=200, probable_cost=Decimal("0.20"))
    made.attempt(3, error_kind="timeout")
    made.reading(0, "10.00", "0")
    made.reading(60, "8.00", "1.50")
    found = check(made)
    assert (found.verdict, found.computed, found.difference) == (
        "differs",
        Decimal("1.5"),
        Decimal("0.5"),
    )
    assert found.suspect_counts == {"stream cut": 2, "timeout": 1}
    assert found.suspect_costs == {"stream cut": Decimal("0.4")}
    costs = [suspect.probable_cost for suspect in found.suspects]
    assert costs == [Decimal("0.2"), Decimal("0.2"), None]


@pytest.mark.parametrize("used", ["0.70", "2.00"])
def test_a_reset_at_midnight_makes_the_daily_use_say_nothing(made: RunMaker, used: str) -> None:
    spend(made, "1.50")
    made.reading(0, "10.00", "0", **budget("1.00", day=8))
    made.reading(60, "8.50", "1.50", **budget(used, day=9))
    found = check(made)
    assert (found.verdict, found.daily_rise) == ("agrees", None)
    assert found.why == ["the daily use was reset during the run, so it says nothing"]


def test_the_monthly_use_stands_in_after_a_daily_reset(made: RunMaker) -> None:
    spend(made, "1.50")
    month = {"monthly_reset_at": at(0).replace(month=7)}
    made.reading(0, "10.00", "0", monthly_used=Decimal(5), **month, **budget("1.00", day=8))
    made.reading(60, "5.00", "1.50", monthly_used=Decimal("6.5"), **month, **budget("0", day=9))
    found = check(made)
    assert (found.verdict, found.monthly_rise) == ("agrees", Decimal("1.5"))


def test_only_what_was_spent_between_the_readings_counts(made: RunMaker) -> None:
    """A resumed run whose first session could not read the balance."""
    spend(made, "2.00", "0.50")
    made.reading(0, None, "0", error="no answer")
    made.reading(30, "10.00", "2.00")
    made.reading(60, "9.50", "2.50")
    found = check(made)
    assert (found.verdict, found.computed) == ("agrees", Decimal("0.5"))


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (lambda made: None, "the service shows no balance (it was never read)"),
        (
            lambda made: made.reading(0, None, "0", error="404"),
            "the service shows no balance (404)",
        ),
        (lambda made: made.reading(0, "10.00", "0"), "the balance was not read after the last job"),
    ],
)
def test_without_two_readings_it_cannot_be_checked(made: RunMaker, arrange: Any, why: str) -> None:
    spend(made, "0.50")
    arrange(made)
    found = check(made)
    assert (found.verdict, found.why, found.computed) == (
        "cannot be checked",
        [why],
        Decimal("0.5"),
    )


def with_readings(made: RunMaker, cost: str = "0.50") -> None:
    made.reading(0, "10.00", "0")
    made.reading(60, "9.50", cost)


def test_without_prices_it_cannot_be_checked(made: RunMaker) -> None:
    made.prices = None
    made.job(0)
    with_readings(made, "0")
    found = check(made)
    assert found.why == ["no prices were given (--prices), so no cost is known"]
    assert found.computed is None


def test_prices_in_another_currency_cannot_be_checked(made: RunMaker) -> None:
    assert isinstance(made.prices, PriceTable)
    made.prices = msgspec.structs.replace(made.prices, currency="USD")
    spend(made, "0.50")
    with_readings(made)
    assert check(made).why == ["prices are in USD and the balance in CNY"]


def test_a_model_without_a_price_cannot_be_checked(made: RunMaker) -> None:
    spend(made, "0.50")
    made.job(1, model="mystery")
    with_readings(made)
    assert check(made).why == ["no price is known for mystery"]


def test_attempts_after_the_last_reading_make_it_impossible(made: RunMaker) -> None:
    """A killed run that was never gone on with."""
    spend(made, "0.50", "0.25")
    with_readings(made)
    made.manifest(Session(started_at=at(0), limits=made.limits))
    made.seal()
    assert summarise(made.directory).balance.why == ["the balance was not read after the last job"]


def test_what_could_explain_a_difference_comes_by_suspicion(made: RunMaker) -> None:
    spend(made, "0.50")
    made.attempt(7, error_kind="http", http_status=502)
    made.attempt(6, error_kind="lost")
    made.attempt(5, error_kind="cancelled")
    made.attempt(4, error_kind="timeout")
    made.attempt(3, error_kind="reset", http_status=200)
    made.attempt(2, error_kind="stream", http_status=200)
    made.attempt(1, request_id="req-1")  # answered without a usage
    made.attempt(8, error_kind="connect", sent_at=None)  # never sent, so never billed
    made.reading(0, "10.00", "0")
    made.reading(60, "9.00", "0.50")
    found = check(made)
    assert (found.verdict, found.difference) == ("differs", Decimal("0.5"))
    assert found.suspect_counts == {
        "usage missing": 1,
        "stream cut": 2,
        "timeout": 1,
        "cancelled": 1,
        "lost": 1,
        "failed answer": 1,
    }
    assert list(found.suspect_counts) == list(SUSPICIONS)
    assert [each.index for each in found.suspects] == [1, 2, 3, 4, 5, 6, 7]
    assert found.suspects[0].request_id == "req-1"
    assert found.why == [
        "the account's use by other keys would look the same: this key has no budget, so its own "
        "use is not shown"
    ]


def test_only_the_first_twenty_suspects_are_named(made: RunMaker) -> None:
    spend(made, "0.50")
    for index in range(1, 31):
        made.attempt(index, error_kind="timeout")
    made.reading(0, "10.00", "0")
    made.reading(60, "9.00", "0.50")
    found = check(made)
    assert found.suspect_counts == {"timeout": 30}
    assert [each.index for each in found.suspects] == list(range(1, 21))
