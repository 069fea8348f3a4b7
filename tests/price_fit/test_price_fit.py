"""A few of the accounts whose prices `make prices` has told by the hundred."""

import pytest

from .adversity import adverse
from .secret_prices import Stretch, another_price, solvable
from .trial import trial


def test_who_can_know_a_price_is_worked_out_without_the_code_under_test() -> None:
    a, b, c = ("m", "input"), ("m", "output"), ("n", "input")
    assert [*solvable([{a: 2, b: 1}, {a: 4, b: 2}, {c: 5}], [a, b, c])] == [c]
    assert {*solvable([{a: 2, b: 1}, {a: 1, b: 2}], [a, b, c])} == {a, b}
    assert another_price(a, {a: 5}, [Stretch({a: 10}, 40, 60)])


@pytest.mark.slow
@pytest.mark.parametrize(("decimals", "exact"), [(12, True), (4, False)])
def test_secret_prices_are_told_exactly_or_as_ranges(decimals: int, exact: bool) -> None:
    told = trial(7, decimals, tokens=1000)
    assert (told.wrong, told.outside, told.missed, told.silent) == ([], [], [], 0)
    assert (told.exact, told.ranges) == ((9, 0) if exact else (0, 9))
    assert told.requests <= 60


@pytest.mark.slow
def test_charges_that_are_rounded_one_by_one_make_ranges_that_hold_the_truth() -> None:
    told = adverse("charges rounded up", 1, 12)
    assert (told.wrong, told.outside, told.silent) == ([], [], 0)
    assert told.fit.rounded
