"""What the runs of an account saw: which readings count, and what was used in between."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.reports.price_fit import (
    Observed,
    Unit,
    fit_notes,
    fit_prices,
    observe,
    open_runs,
)
from tests.reports.conftest import RunMaker, at

CENT = 10**10  # of 10^-12
INPUT, OUTPUT = Unit("small", "input"), Unit("small", "output")


def answered(made: RunMaker, index: int, **fields: object) -> None:
    """A job that was answered after half a second."""
    usage = {"input_tokens": 100, "output_tokens": 10, "latency_s": 0.5}
    made.job(index, **{**usage, **fields})


def observed(*made: RunMaker) -> Observed:
    return observe(open_runs([str(each.write()) for each in made]))


def test_what_was_taken_stands_beside_what_was_used(made: RunMaker) -> None:
    made.reading(0, "10.00", "0")
    answered(made, 1, cached_input_tokens=30, cache_write_tokens=20, cache_write_1h_tokens=5)
    answered(made, 2, reasoning_tokens=4)
    answered(made, 3, model="painter", input_tokens=None, output_tokens=None, images=2)
    answered(made, 4, searches=1, output_tokens=0)
    made.reading(9, "9.75", "0", moment="after")
    found = observed(made)
    (each,) = found.observations
    assert (found.currency, found.decimals, found.attempts) == ("CNY", 2, 4)
    assert (each.began, each.ended, each.low, each.high) == (at(0), at(9), 24 * CENT, 26 * CENT)
    assert each.used == {
        INPUT: 50 + 100 + 100,
        Unit("small", "cached_input"): 30,
        Unit("small", "cache_write"): 15,
        Unit("small", "cache_write_1h"): 5,
        OUTPUT: 10 + 6,
        Unit("small", "reasoning"): 4,
        Unit("small", "search_request"): 10**6,
        Unit("painter", "image"): 2 * 10**6,
    }


def test_all_decimals_leave_nothing_open(made: RunMaker) -> None:
    made.reading(0, "10.000000000000", "0")
    answered(made, 1)
    made.reading(9, "9.999999999990", "0", moment="after")
    (each,) = observed(made).observations
    assert (each.low, each.high) == (10, 10)


@pytest.mark.parametrize(
    "fields",
    [
        {"error_kind": "timeout", "input_tokens": None},
        {"error_kind": "http", "http_status": 500, "input_tokens": None},
        {"output_tokens": None},
        {"cost_note": "a tier of another price"},
        {"cached_input_tokens": 101},
    ],
)
def test_what_may_have_been_billed_unseen_leaves_the_least_open(
    made: RunMaker, fields: dict[str, object]
) -> None:
    made.reading(0, "10.00", "0")
    answered(made, 1)
    answered(made, 2, **fields)
    made.reading(9, "9.75", "0", moment="after")
    (each,) = observed(made).observations
    assert (each.low, each.high, each.used) == (None, 26 * CENT, {INPUT: 100, OUTPUT: 10})


@pytest.mark.parametrize(
    "fields",
    [
        {"error_kind": "http", "http_status": 429, "input_tokens": None},
        {"error_kind": "http", "http_status": 400, "input_tokens": None},
        {"sent_at": None, "error_kind": "cancelled", "input_tokens": None},
    ],
)
def test_refusals_and_what_was_never_sent_cost_nothing(
    made: RunMaker, fields: dict[str, object]
) -> None:
    made.reading(0, "10.00", "0")
    answered(made, 1)
    answered(made, 2, **fields)
    made.reading(9, "9.75", "0", moment="after")
    (each,) = observed(made).observations
    assert each.low == 24 * CENT


def test_a_price_that_a_file_lacks_is_what_is_looked_for(made: RunMaker) -> None:
    made.reading(0, "10.00", "0")
    answered(made, 1, cost_note="the price file has no model 'small'")
    made.reading(9, "9.75", "0", moment="after")
    (each,) = observed(made).observations
    assert each.low == 24 * CENT


def test_what_is_sent_at_the_very_moment_of_a_reading_comes_after_it(made: RunMaker) -> None:
    """Its answer was there by then, and no request leaves before the account was read."""
    made.reading(0, "10.00", "0")
    answered(made, 0)
    made.reading(5, "9.90", "0")
    answered(made, 5, output_tokens=20)
    made.reading(9, "9.70", "0", moment="after")
    found = observed(made)
    assert found.notes == []
    assert [(each.ended, each.used[OUTPUT]) for each in found.observations] == [
        (at(5), 10), (at(9), 30), (at(9), 20),
    ]  # fmt: skip


def in_flight(made: RunMaker) -> None:
    answered(made, 1)
    answered(made, 3, latency_s=2.5)
    made.reading(5, "9.90", "0.10")  # all that was computed by then
    made.reading(9, "9.75", "0", moment="after")


def just_ended(made: RunMaker) -> None:
    answered(made, 3, latency_s=1.0)
    made.reading(5, "9.90", "0")
    answered(made, 6)
    made.reading(9, "9.75", "0", moment="after")


def not_booked_yet(made: RunMaker) -> None:
    answered(made, 3, latency_s=1.0)
    made.reading(5, "10.00", "0")
    answered(made, 6)
    made.reading(9, "9.75", "0", moment="after")


def of_unknown_end(made: RunMaker) -> None:
    answered(made, 3, latency_s=None)
    made.reading(5, "9.90", "0")
    made.reading(9, "9.75", "0", moment="after")


@pytest.mark.parametrize("happen", [in_flight, just_ended, not_booked_yet, of_unknown_end])
def test_a_reading_that_charges_may_still_change_does_not_count(
    made: RunMaker, happen: Callable[[RunMaker], None]
) -> None:
    made.reading(0, "10.00", "0")
    happen(made)
    found = observed(made)
    assert [(each.began, each.ended) for each in found.observations] == [(at(0), at(9))]
    assert found.notes == [
        "1 reading of jobs.run left out, with requests in flight or charges that may still have "
        "been under way"
    ]


def test_one_that_later_says_the_same_counts_and_so_does_one_that_was_computed(
    made: RunMaker,
) -> None:
    made.reading(0, "10.00", "0")
    answered(made, 1, latency_s=1.0)
    made.reading(2.5, "9.90", "0")
    made.reading(4, "9.90", "0")
    answered(made, 5, latency_s=1.0)
    made.reading(6.1, "9.80", "0.20", moment="after")
    spans = [(each.began, each.ended) for each in observed(made).observations]
    assert spans == [
        (at(0), at(2.5)), (at(0), at(4)), (at(0), at(6.1)), (at(2.5), at(6.1)), (at(4), at(6.1)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("later", "key_id", "counts"),
    [("9.90", None, True), ("9.89", None, False), ("9.90", "another", False)],
)
def test_the_next_sessions_first_reading_may_say_the_same(
    made: RunMaker, later: str, key_id: str | None, counts: bool
) -> None:
    """As after Ctrl-C, where nobody waits for charges that may still be under way."""
    made.reading(0, "10.00", "0")
    answered(made, 1, latency_s=1.0)
    made.reading(2.1, "9.90", "0", moment="after")
    made.reading(60, later, "0", moment="before", key_id=key_id)
    answered(made, 61)
    made.reading(70, "9.00", "0", moment="after", key_id=key_id)
    spans = [(each.began, each.ended) for each in observed(made).observations]
    assert (spans == [(at(0), at(2.1)), (at(60), at(70))]) is counts
    assert spans[-1] == (at(60), at(70))


def test_a_refusal_is_billed_by_nobody_and_needs_no_waiting_for(made: RunMaker) -> None:
    made.reading(0, "10.00", "0")
    answered(made, 1)
    answered(made, 4, error_kind="http", http_status=429, input_tokens=None)
    made.reading(4.6, "9.90", "0", moment="after")
    assert [each.ended for each in observed(made).observations] == [at(4.6)]


def test_between_two_sessions_the_account_is_nobodys_business(made: RunMaker) -> None:
    made.reading(0, "10.00", "0")
    answered(made, 1)
    made.reading(5, "9.90", "0", moment="after")
    made.reading(20, "5.00", "0", moment="before")
    answered(made, 21)
    made.reading(30, "4.90", "0", moment="after")
    assert [each.high - CENT for each in observed(made).observations] == [10 * CENT] * 2


def test_the_keys_own_use_goes_before_the_balance(made: RunMaker) -> None:
    made.reading(0, "10.00", "0", daily_used="1.00")
    answered(made, 1)
    made.reading(5, "3.00", "0", daily_used="1.10", moment="after")
    (each,) = observed(made).observations
    assert each.high == 11 * CENT


def test_neither_a_reset_nor_a_balance_that_rose_says_what_was_taken(made: RunMaker) -> None:
    made.reading(0, "10.00", "0", daily_used="1.00")
    answered(made, 1)
    made.reading(5, "9.90", "0", daily_used="0.10", moment="after")
    made.reading(6, "9.90", "0", moment="before")
    answered(made, 7)
    made.reading(9, "20.00", "0", moment="after")
    assert observed(made).observations == []


def test_runs_at_the_same_time_count_each_others_requests(made: RunMaker, tmp_path: Path) -> None:
    other = RunMaker(tmp_path / "other.run")
    made.reading(0, "10.00", "0")
    other.reading(0.5, "10.00", "0")
    answered(made, 1)
    answered(other, 2)
    other.reading(4.5, "9.80", "0", moment="after")
    made.reading(5, "9.80", "0", moment="after")
    assert [each.used[OUTPUT] for each in observed(made, other).observations] == [20, 20]


def test_runs_of_several_urls_may_be_of_several_services(made: RunMaker, tmp_path: Path) -> None:
    """Each by itself is exact; together they look like prices that changed."""
    found = []
    for number, output in enumerate((5, 7)):
        each = RunMaker(tmp_path / f"{number}.run")
        each.service("one", "small", base_url=f"http://{number}.test")
        begin = 100 * number
        each.reading(begin, "10.000000000000", "0", service="one", moment="before")
        for place, tokens in enumerate(((100, 10), (100, 20), (100, 50)), 1):
            answered(
                each,
                begin + 10 * place,
                sent_at=at(begin + 10 * place),
                service="one",
                input_tokens=tokens[0],
                output_tokens=tokens[1],
            )
            left = Decimal(10) - sum(
                Decimal(200 + output * out) / 10**6 for out in (10, 20, 50)[:place]
            )
            each.reading(begin + 10 * place + 5, f"{left:.12f}", "0", service="one")
        found.append(str(each.write()))
    alone = observe(open_runs(found[:1]))
    assert fit_prices(alone).prices[OUTPUT].told == 5 * 10**6
    both = observe(open_runs(found))
    fit = fit_prices(both)
    assert fit.prices[OUTPUT].told == 7 * 10**6
    assert [*fit_notes(fit, both)][-1] == (
        "the runs went to http://0.test, http://1.test: where these are several services, look at "
        "each by itself"
    )
    assert [*fit_notes(fit_prices(alone), alone)] == []


def test_runs_of_two_urls_count_no_requests_of_each_other(made: RunMaker, tmp_path: Path) -> None:
    other = RunMaker(tmp_path / "other.run")
    for number, each in enumerate((made, other)):
        each.service("one", "small", base_url=f"http://{number}.test")
        each.reading(number / 2, "10.00", "0", service="one")
        answered(each, number + 1, service="one", output_tokens=10 + number)
        each.reading(5 + number, "9.80", "0", moment="after", service="one")
    assert [each.used[OUTPUT] for each in observed(made, other).observations] == [10, 11]


@pytest.mark.parametrize(("shown", "hides"), [("9.8", True), ("9.800000000000", False)])
def test_the_most_decimals_of_any_figure_are_those_of_the_account(
    made: RunMaker, shown: str, hides: bool
) -> None:
    made.reading(0, "10.00", "0")
    answered(made, 1)
    answered(made, 2)
    made.reading(9, shown, "0", moment="after")
    found = observed(made)
    assert (found.decimals, found.hides_rounding) == (2 if hides else 12, hides)


def test_bands_tell_long_inputs_apart(made: RunMaker) -> None:
    made.reading(0, "10.00", "0")
    answered(made, 1, input_tokens=99)
    answered(made, 2, input_tokens=100)
    answered(made, 3, input_tokens=500)
    made.reading(9, "9.75", "0", moment="after")
    (each,) = observe(open_runs([str(made.write())]), {"small": [500, 100]}).observations
    inputs = {unit.band: used for unit, used in each.used.items() if unit.component == "input"}
    assert inputs == {0: 99, 100: 100, 500: 500}


def test_an_account_that_shows_nothing_and_two_currencies_are_refused(
    made: RunMaker, tmp_path: Path
) -> None:
    made.reading(0, None, "0", error="GET /v1/balance answered 404")
    with pytest.raises(InputError, match="no reading of the account has a figure"):
        observed(made)
    other = RunMaker(tmp_path / "other.run")
    other.reading(0, "1.00", "0")
    made.reading(0, "1.00", "0", currency="USD")
    with pytest.raises(InputError, match="in CNY, USD: give runs of one currency"):
        observed(made, other)


def test_many_readings_of_one_run_are_compared_with_the_next_and_the_first(made: RunMaker) -> None:
    made.reading(0, "10.00", "0")
    for number in range(10):
        answered(made, 10 * number + 1)
        made.reading(10 * number + 9, f"{9.9 - number / 10:.2f}", "0")
    spans = [each.ended - each.began for each in observed(made).observations]
    short = timedelta(seconds=10)
    assert (len(spans), sum(span <= short for span in spans)) == (10 + 9, 10)
