"""The balance check where answers have no cost: unknown, and never nothing."""

from decimal import Decimal

from headrace.reports import BalanceCheck, summarise
from headrace.reports.markdown import markdown
from tests.reports.conftest import RunMaker


def check(made: RunMaker) -> BalanceCheck:
    return summarise(made.write()).balance


def test_without_a_priced_answer_the_cost_is_unknown_and_not_nothing(made: RunMaker) -> None:
    made.job(0, cost_note="the price file has no web_search of the model")
    made.job(1, cost_note="the price file has no web_search of the model")
    made.reading(0, "10.00", "0")
    made.reading(60, "10.00", "0")
    found = check(made)
    assert (found.verdict, found.computed, found.difference) == ("cannot be checked", None, None)
    assert found.why == [
        "no answer has a cost: the price file has no web_search of the model",
    ]
    assert found.fall == 0


def test_nor_is_it_nothing_where_the_balance_can_not_be_read(made: RunMaker) -> None:
    made.job(0)
    made.reading(0, None, "0", error="it answered 500")
    assert check(made).computed is None


def test_what_was_refused_or_never_sent_cost_nothing(made: RunMaker) -> None:
    made.attempt(0, error_kind="http", http_status=400)
    made.attempt(1, error_kind="connect", sent_at=None)
    made.reading(0, "10.00", "0")
    made.reading(60, "10.00", "0")
    found = check(made)
    assert (found.verdict, found.computed) == ("agrees", Decimal(0))


def test_one_priced_answer_is_what_the_cost_is(made: RunMaker) -> None:
    made.job(0, cost=Decimal("0.50"))
    made.attempt(1, reported_cost=Decimal("0.07"))
    made.reading(0, "10.00", "0")
    made.reading(60, "9.50", "0.50")
    found = check(made)
    assert (found.verdict, found.computed) == ("agrees", Decimal("0.5"))
    assert found.reported == Decimal("0.07")


def test_without_prices_what_the_account_took_is_told_all_the_same(made: RunMaker) -> None:
    made.prices = None
    made.job(0)
    made.reading(0, "10.00", "0", daily_used=Decimal("1.00"))
    made.reading(60, "8.00", "0", daily_used=Decimal("1.50"))
    found = check(made)
    assert (found.verdict, found.difference) == ("cannot be checked", None)
    assert (found.fall, found.daily_rise, found.taken) == (
        Decimal(2),
        Decimal("0.5"),
        Decimal("0.5"),
    )
    assert found.currency == "CNY"
    shown = markdown(summarise(made.directory))
    assert "No prices were given; the account took 0.5 CNY." in shown


def test_without_prices_a_top_up_leaves_nothing_to_tell(made: RunMaker) -> None:
    made.prices = None
    made.job(0)
    made.reading(0, "10.00", "0")
    made.reading(60, "19.00", "0")
    assert check(made).taken is None
