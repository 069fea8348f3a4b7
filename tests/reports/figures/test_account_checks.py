"""The balance check of each service, and of all of them together."""

import io
from decimal import Decimal
from typing import cast

from rich.console import Console

from headrace.reports.figures import AccountChecks, check_accounts, summarise
from headrace.reports.run import open_run
from headrace.reports.service_words import service_table
from headrace.reports.terminal.services import print_accounts
from tests.reports.conftest import RunMaker, at
from tests.reports.services_maker import job, three_services


def checked(made: RunMaker) -> AccountChecks:
    return check_accounts(open_run(made.write()))


def test_each_account_is_held_against_its_own_services_cost_alone(made: RunMaker) -> None:
    found = checked(three_services(made)).by_service
    assert [each.verdict for each in found.values()] == ["agrees", "agrees", "cannot be checked"]
    assert (found["fine"].computed, found["fine"].taken) == (Decimal("0.00012345679"),) * 2
    assert (found["coarse"].computed, found["coarse"].taken) == (Decimal("1.25"),) * 2
    assert (found["fine"].tolerance, found["coarse"].tolerance) == (
        Decimal("1E-12"),
        Decimal("0.01"),
    )


def test_in_all_nothing_is_taken_where_one_could_not_be_checked(made: RunMaker) -> None:
    whole = checked(three_services(made)).in_all
    assert (whole.verdict, whole.taken, whole.difference) == ("cannot be checked", None, None)
    assert whole.why == ["dark: the service shows no balance (GET answered 404)"]
    assert (whole.computed, whole.reported) == (Decimal("1.75012345679"), Decimal("1.26"))


def test_in_all_they_add_up_to_the_last_digit_where_each_could_be(made: RunMaker) -> None:
    made = three_services(made)
    made.attempts = [each for each in made.attempts if each.service != "dark"]
    whole = checked(made).in_all
    assert (whole.verdict, whole.why, whole.difference) == ("agrees", [], Decimal(0))
    assert whole.computed == whole.taken == whole.fall == Decimal("1.25012345679")


def two(made: RunMaker) -> None:
    """Two services of which each took a cent."""
    for name in ("one", "two"):
        made.service(name, "small")
        made.reading(0, "10.00", "0", service=name, moment="before")
    job(made, 1, "one", "0.50", model="small")
    job(made, 2, "two", "0.50", model="small")


def test_what_another_service_was_charged_explains_nothing(made: RunMaker) -> None:
    two(made)
    made.attempt(3, service="one", error_kind="timeout", cost_bound=Decimal("9"))
    made.attempt(4, service="two", error_kind="timeout", cost_bound=Decimal("1"))
    made.reading(9, "9.50", "0.50", service="one", moment="after")
    made.reading(9, "9.20", "0.50", service="two", moment="after")
    found = checked(made)
    assert (found.by_service["one"].verdict, found.by_service["one"].suspects) == ("agrees", [])
    assert [each.index for each in found.by_service["two"].suspects] == [4]
    whole = found.in_all
    assert (whole.verdict, whole.difference) == ("differs", Decimal("0.3"))
    assert whole.why[0] == "two: the account says 0.3 CNY more than was computed"
    assert [(each.service, each.index) for each in whole.suspects] == [("two", 4)]
    assert whole.suspect_counts == {"timeout": 1}


def test_differences_that_cancel_out_are_still_differences(made: RunMaker) -> None:
    two(made)
    made.reading(9, "9.40", "0.50", service="one", moment="after")
    made.reading(9, "9.60", "0.50", service="two", moment="after")
    whole = checked(made).in_all
    assert (whole.verdict, whole.difference) == ("differs", Decimal(0))
    assert [each for each in whole.why if "account says" in each] == [
        "one: the account says 0.1 CNY more than was computed",
        "two: the account says 0.1 CNY less than was computed",
    ]


def test_each_account_may_differ_by_the_tolerance_and_all_by_its_sum(made: RunMaker) -> None:
    two(made)
    made.reading(9, "9.40", "0.50", service="one", moment="after")
    made.reading(9, "9.50", "0.50", service="two", moment="after")
    run = open_run(made.write())
    own = check_accounts(run).in_all
    assert (own.verdict, own.tolerance) == ("differs", Decimal("0.02"))  # a cent of each
    given = check_accounts(run, tolerance=Decimal("0.1"))
    assert [each.verdict for each in given.by_service.values()] == ["agrees", "agrees"]
    assert (given.in_all.verdict, given.in_all.tolerance) == ("agrees", Decimal("0.2"))


def test_the_suspects_of_all_services_are_told_by_size_refusals_last(made: RunMaker) -> None:
    two(made)
    for index, (name, kind, bound) in enumerate(
        [
            ("one", "timeout", "2"),
            ("two", "timeout", "9"),
            ("two", "http", "50"),  # refused with a 400
            ("one", "stream", "4"),
            ("two", "stream", None),
        ],
        3,
    ):
        amount = None if bound is None else Decimal(bound)
        status = {"http": 400, "stream": 200}.get(kind)
        made.attempt(
            index,
            service=name,
            model="painter",  # of which nothing else tells a cost
            error_kind=kind,
            http_status=status,
            cost_bound=amount,
            probable_cost=amount if kind == "stream" else None,
        )
    made.reading(9, "9.20", "0.50", service="one", moment="after")
    made.reading(9, "9.20", "0.50", service="two", moment="after")
    whole = checked(made).in_all
    assert [(each.service, each.index) for each in whole.suspects] == [
        ("two", 4),
        ("one", 6),
        ("one", 3),
        ("two", 7),
        ("two", 5),
    ]
    assert list(whole.suspect_counts.items()) == [("stream cut", 2), ("timeout", 2), ("refused", 1)]
    assert whole.suspect_estimates == {"stream cut": Decimal(4)}


def test_a_reset_a_top_up_and_other_keys_are_told_of_the_service_that_had_them(
    made: RunMaker,
) -> None:
    two(made)
    used = {"daily_used": Decimal(1), "daily_reset_at": at(0).replace(day=8)}
    later = {"daily_used": Decimal("0.5"), "daily_reset_at": at(0).replace(day=9)}
    made.readings.clear()
    made.reading(0, "10.00", "0", service="one", moment="before", **used)
    made.reading(0, "10.00", "0", service="two", moment="before", daily_used=Decimal(1))
    made.reading(9, "9.50", "0.50", service="one", moment="after", **later)
    made.reading(9, "3.00", "0.50", service="two", moment="after", daily_used=Decimal("1.5"))
    assert checked(made).in_all.why == [
        "one: the key's daily use was reset during the run",
        "two: the balance fell by 6.5 more than the key used: other keys of the account were at "
        "work",
    ]


def test_a_top_up_that_hides_what_was_taken_leaves_no_amount(made: RunMaker) -> None:
    two(made)
    made.reading(9, "9.50", "0.50", service="one", moment="after")
    made.reading(9, "99.50", "0.50", service="two", moment="after")
    found = checked(made)
    assert (found.by_service["one"].taken, found.by_service["two"].taken) == (Decimal("0.5"), None)
    assert (found.in_all.verdict, found.in_all.taken) == ("cannot be checked", None)


def test_what_services_of_one_key_took_is_not_told_apart(made: RunMaker) -> None:
    """Each would have taken what both did."""
    for name in ("one", "two"):
        made.service(name, "small")
        made.reading(0, "10.00", "0", service=name, moment="before", key_id="7")
        job(made, len(made.services), name, "0.50", model="small")
        made.reading(9, "9.00", "0.50", service=name, moment="after", key_id="7")
    made.shared_accounts = [["one", "two"]]
    found = checked(made)
    for name, other in (("one", "two"), ("two", "one")):
        check = found.by_service[name]
        assert (check.verdict, check.taken) == ("cannot be checked", None)
        assert check.why[0].startswith(f"its account is that of {other}, too")
    assert (found.in_all.taken, found.in_all.computed) == (None, Decimal(1))


def test_two_keys_at_one_url_are_two_accounts(made: RunMaker) -> None:
    for key_id, name in enumerate(("one", "two")):
        made.service(name, "small", base_url="http://127.0.0.1:8000")
        used = {"key_id": str(key_id), "service": name}
        made.reading(0, "10.00", "0", moment="before", daily_used=Decimal(0), **used)
        job(made, key_id, name, "0.50", model="small")
        made.reading(9, "9.00", "0.50", moment="after", daily_used=Decimal("0.5"), **used)
    assert [each.verdict for each in checked(made).by_service.values()] == ["agrees", "agrees"]


def test_accounts_in_two_currencies_have_no_sum(made: RunMaker) -> None:
    """Without prices nothing else says what a run is counted in."""
    made.prices = None
    for name, currency in (("one", "CNY"), ("two", "USD"), ("three", "CNY")):
        made.service(name, "small")
        made.reading(0, "10.00", "0", service=name, moment="before", currency=currency)
        made.job(len(made.services), service=name, model="small", output_tokens=1)
        made.reading(9, "9.50", "0", service=name, moment="after", currency=currency)
    found = checked(made)
    assert [(each.taken, each.currency) for each in found.by_service.values()] == [
        (Decimal("0.5"), "CNY"),
        (Decimal("0.5"), "USD"),
        (Decimal("0.5"), "CNY"),
    ]
    whole = found.in_all
    assert (whole.verdict, whole.taken, whole.fall) == ("cannot be checked", None, None)
    assert whole.why[-1] == (
        "the accounts are in CNY (one, three) and USD (two), so what they took has no sum"
    )
    table = service_table(summarise(made.directory))
    assert table is not None
    assert [row[-2] for row in table.rows] == ["0.5 CNY", "0.5 USD", "0.5 CNY", "-"]
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_accounts(summarise(made.directory), console)
    shown = cast("io.StringIO", console.file).getvalue().splitlines()
    assert [line.split()[-2:] for line in shown[1:]] == [
        ["0.5", "CNY"],
        ["0.5", "USD"],
        ["0.5", "CNY"],
    ]
