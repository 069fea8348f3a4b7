"""The balance check: its verdicts, one situation each."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from headrace.jobs import PriceTable, Session
from headrace.reports import BalanceCheck, summarise
from headrace.reports.figures.suspects import SUSPICIONS
from tests.reports.conftest import RunMaker, at


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
    assert found.why == [
        "the balance was topped up during the run, and the key's own use is not known"
    ]
    assert (found.computed, found.fall, found.difference) == (
        Decimal("1.5"),
        Decimal("-98.5"),
        None,
    )


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
    assert found.suspect_estimates == {"stream cut": Decimal("0.4"), "timeout": Decimal("1.5")}
    assert [each.estimate for each in found.suspects] == [
        Decimal("1.5"),  # as the other answer of its model
        Decimal("0.2"),
        Decimal("0.2"),
    ]


@pytest.mark.parametrize("used", ["0.70", "1.20"])
def test_a_reset_at_midnight_makes_the_daily_use_say_nothing(made: RunMaker, used: str) -> None:
    spend(made, "1.50")
    made.reading(0, "10.00", "0", **budget("1.00", day=8))
    made.reading(60, "8.50", "1.50", **budget(used, day=9))
    found = check(made)
    assert (found.verdict, found.daily_rise) == ("agrees", None)
    assert found.why == ["the key's daily use was reset during the run"]


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
    spend(made, "0.30")
    made.job(1, model="mystery")
    made.reading(0, "10.00", "0")
    made.reading(60, "9.50", "0.30")
    found = check(made)
    assert found.verdict == "cannot be checked"
    assert found.why == [
        "no price is known for mystery",
        "the account says 0.2 more than the others' cost: what these cost, where nothing else was "
        "at work",
    ]
    assert (found.computed, found.fall) == (Decimal("0.3"), Decimal("0.5"))


def test_a_difference_names_the_pause_that_a_kill_left_unread(made: RunMaker) -> None:
    """Another run of the same key, while this one lay killed, was a difference without a word."""
    spend(made, "0.50", "0.25")
    made.reading(0, "10.00", "0", **budget("0"))
    made.reading(40, "8.50", "0.50", moment="before", **budget("1.50"))
    made.reading(60, "8.25", "0.75", **budget("1.75"))
    made.manifest(
        Session(started_at=at(0), limits=made.limits),
        Session(started_at=at(40), ended_at=at(60), state="finished", limits=made.limits),
    )
    made.seal()
    found = summarise(made.directory).balance
    assert (found.verdict, found.difference) == ("differs", Decimal(1))
    assert found.why == [
        "a session was killed and read no balance at its end: what the key spent from then to the "
        "next session is in the difference"
    ]


def test_attempts_after_the_last_reading_make_it_impossible(made: RunMaker) -> None:
    """A killed run that was never gone on with."""
    spend(made, "0.50", "0.25")
    with_readings(made)
    made.manifest(Session(started_at=at(0), limits=made.limits))
    made.seal()
    assert summarise(made.directory).balance.why == ["the balance was not read after the last job"]


def test_a_last_reading_that_failed_says_so(made: RunMaker) -> None:
    spend(made, "0.50")
    made.reading(0, "10.00", "0")
    made.reading(60, None, "0.50", error="GET /v1/balance answered 502")
    assert check(made).why == [
        "the balance was not read after the last job (GET /v1/balance answered 502)"
    ]


def test_lost_attempts_after_the_last_reading_make_it_impossible(made: RunMaker) -> None:
    """Nothing was computed since, but something was sent."""
    spend(made, "0.50")
    made.attempt(1, sent_at=at(70), error_kind="lost")
    with_readings(made)
    assert check(made).why == ["the balance was not read after the last job"]


def session(
    made: RunMaker, begin: float, readings: tuple[str, str], spent: tuple[str, str], **fields: Any
) -> None:
    """The two readings of a session a minute long."""
    made.reading(begin, readings[0], spent[0], moment="before", **fields)
    made.reading(begin + 60, readings[1], spent[1], moment="after", **fields)


DAY = 86_400.0


def test_a_run_resumed_on_another_day_is_checked_session_by_session(made: RunMaker) -> None:
    """In the night the account was topped up by 50 and others spent 7; the day's use began anew."""
    made.job(0, cost=Decimal("1.25"))
    made.job(1, sent_at=at(DAY + 1), cost=Decimal("0.75"))
    made.reading(0, "10.00", "0", moment="before", **budget("3.00", day=8))
    made.reading(60, "8.75", "1.25", moment="after", **budget("4.25", day=8))
    made.reading(DAY, "51.75", "1.25", moment="before", **budget("0.40", day=9))
    made.reading(DAY + 60, "51.00", "2.00", moment="after", **budget("1.15", day=9))
    found = check(made)
    assert (found.verdict, found.computed, found.fall, found.daily_rise) == (
        "agrees",
        Decimal(2),
        Decimal(2),
        Decimal(2),
    )
    assert found.why == ["between two sessions the balance rose by 43, which is not counted"]
    assert found.tolerance == Decimal("0.02")  # four figures were rounded, not two


def test_a_session_that_was_killed_is_checked_with_the_pause_after_it(made: RunMaker) -> None:
    """It has no reading of its own at its end; its lost attempt was billed."""
    made.job(0, cost=Decimal("1.00"))
    made.attempt(1, error_kind="lost")
    made.attempt(1, 2, sent_at=at(DAY + 1), cost=Decimal("0.25"))
    made.result(1, attempts=2)
    made.reading(0, "10.00", "0", moment="before")
    session(made, DAY, ("8.75", "8.50"), ("1.00", "1.25"))
    found = check(made)
    assert (found.verdict, found.computed, found.difference) == (
        "differs",
        Decimal("1.25"),
        Decimal("0.25"),
    )
    (suspect,) = found.suspects
    assert (suspect.suspicion, suspect.estimate) == ("lost", Decimal("0.25"))


def test_charges_booked_after_the_session_show_in_the_pause(made: RunMaker) -> None:
    spend(made, "1.00")
    session(made, 0, ("10.00", "9.40"), ("0", "1.00"))
    session(made, DAY, ("9.00", "9.00"), ("1.00", "1.00"))
    found = check(made)
    assert (found.verdict, found.difference) == ("differs", Decimal("-0.4"))
    assert found.why == [
        "between two sessions the balance fell by 0.4, which is not counted",
        "the account took less than was computed: prices that are too high, charges that were "
        "booked later, a small top-up",
    ]
    assert found.suspect_counts == {}  # nothing billed beyond its cost would make it less


def test_another_key_in_the_resumed_session_hides_what_the_first_used(made: RunMaker) -> None:
    made.job(0, cost=Decimal("1.00"))
    made.reading(0, "10.00", "0", moment="before", key_id="a", **budget("5.00"))
    session(made, DAY, ("9.00", "9.00"), ("1.00", "1.00"), key_id="b", **budget("0.00"))
    found = check(made)
    assert (found.verdict, found.daily_rise) == ("agrees", None)
    assert found.why == ["another API key took over, so what the first one used is not known"]


def test_readings_during_the_run_part_what_others_spent_from_a_top_up(made: RunMaker) -> None:
    """First others spend 3, then 5 are added: over the whole run they would cancel out."""
    spend(made, "1.00", "1.00")
    made.reading(0, "10.00", "0", **budget("0.00"))
    made.reading(30, "6.00", "1.00", **budget("1.00"))
    made.reading(60, "10.00", "2.00", **budget("2.00"))
    found = check(made)
    assert (found.verdict, found.elsewhere, found.topped_up) == (
        "agrees",
        Decimal(3),
        Decimal(5),
    )
    assert [why.split(": ")[1] for why in found.why] == [
        "other keys of the account were at work",
        "it was topped up during the run",
    ]


def test_a_top_up_on_the_day_of_a_reset_is_known_by_what_was_used_since(made: RunMaker) -> None:
    """The key has used 1.2 since midnight, and the balance fell by 0.9: somebody added to it."""
    spend(made, "1.50")
    made.reading(0, "10.00", "0", **budget("1.00", day=8))
    made.reading(60, "9.10", "1.50", **budget("1.20", day=9))
    found = check(made)
    assert found.verdict == "cannot be checked"
    assert found.why == [
        "the key's daily use was reset during the run",
        "the balance was topped up during the run, and the key's own use is not known",
    ]


def test_the_months_use_is_held_against_the_cost_too(made: RunMaker) -> None:
    spend(made, "1.00")
    month = {"monthly_reset_at": at(0).replace(month=7)}
    made.reading(0, "10.00", "0", monthly_used=Decimal(5), **month, **budget("1.00"))
    made.reading(60, "9.00", "1.00", monthly_used=Decimal("6.5"), **month, **budget("2.00"))
    found = check(made)
    assert (found.verdict, found.daily_rise, found.monthly_rise, found.difference) == (
        "differs",
        Decimal(1),
        Decimal("1.5"),
        Decimal("0.5"),
    )
    assert found.why == ["the key's daily and monthly use rose by different amounts"]


def test_what_could_explain_a_difference_is_counted_by_suspicion(made: RunMaker) -> None:
    spend(made, "0.50")
    made.attempt(7, error_kind="http", http_status=502)
    made.attempt(6, error_kind="lost")
    made.attempt(5, error_kind="cancelled")
    made.attempt(4, error_kind="timeout")
    made.attempt(3, error_kind="reset", http_status=200)
    made.attempt(2, error_kind="stream", http_status=200)
    made.attempt(1, request_id="req-1")  # answered without a usage
    made.attempt(8, error_kind="connect", sent_at=None)  # never sent, so never billed
    made.attempt(9, error_kind="stream", cost=Decimal(0))  # its cost is known
    made.attempt(10, error_kind="http", http_status=400)
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
        "refused": 1,
    }
    assert list(found.suspect_counts) == list(SUSPICIONS)
    assert found.suspects[0].request_id == "req-1"
    assert found.why == [
        "other keys of the account would look the same: what this key itself used is not known for "
        "the whole run"
    ]


def test_the_largest_suspects_come_first_with_what_they_may_have_cost(made: RunMaker) -> None:
    """A job's other attempt tells its cost; else the mean of its model and endpoint does."""
    spend(made, "0.10", "0.30")  # the mean of small at the chat endpoint, with job 3's: 0.20
    made.attempt(2, error_kind="timeout")
    made.attempt(3, error_kind="stream", http_status=200, cost_bound=Decimal(9))
    made.attempt(3, 2, cost=Decimal("0.20"))
    made.attempt(4, model="painter", error_kind="timeout", cost_bound=Decimal("0.25"))
    made.attempt(5, model="painter", error_kind="timeout")
    made.attempt(6, error_kind="http", http_status=429)
    made.attempt(1, 2, error_kind="lost")
    made.reading(0, "10.00", "0")
    made.reading(60, "9.00", "0.60")
    found = check(made)
    assert [(each.index, each.estimate, each.at_most) for each in found.suspects] == [
        (1, Decimal("0.3"), None),
        (4, None, Decimal("0.25")),
        (2, Decimal("0.2"), None),
        (3, Decimal("0.2"), Decimal(9)),
        (5, None, None),
        (6, Decimal("0.2"), None),  # a refusal, which is seldom billed
    ]
    assert found.suspect_estimates == {
        "stream cut": Decimal("0.2"),
        "timeout": Decimal("0.2"),
        "lost": Decimal("0.3"),
        "refused": Decimal("0.2"),
    }


def test_only_the_twenty_largest_suspects_are_named(made: RunMaker) -> None:
    spend(made, "0.50")
    for index in range(1, 31):
        made.attempt(index, error_kind="timeout", cost_bound=Decimal(index), model="other")
    made.reading(0, "10.00", "0")
    made.reading(60, "9.00", "0.50")
    found = check(made)
    assert found.suspect_counts == {"timeout": 30}
    assert [each.index for each in found.suspects] == list(range(30, 10, -1))
