"""Secret prices, told from what accounts of different coarseness show."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest

from headrace.reports.price_fit import Fit, Observation, Observed, PriceRange, Unit, fit_prices

BEGAN = datetime(2026, 6, 8, 12, tzinfo=UTC)
UNITS = [
    Unit(model, component)
    for model in ("large", "small")
    for component in ("input", "cached_input", "output")
]
EXACT = 12


class Account:
    """An account with secret prices that shows its balance to so many decimals, cut off.

    Each stretch uses one model; from stretch `change` on all prices are doubled; in stretch `odd`
    something else is billed.
    """

    def __init__(
        self,
        seed: int,
        decimals: int,
        *,
        stretches: int = 30,
        change: int | None = None,
        odd: int | None = None,
    ) -> None:
        rng = random.Random(seed)
        self.decimals = decimals
        self.prices = {unit: rng.randrange(1, 10**8) for unit in UNITS}
        self.now = {unit: 2 * price for unit, price in self.prices.items()}
        balance = rng.randrange(10**14, 10**15)
        self.balances, self.used = [balance], list[dict[Unit, int]]()
        for number in range(stretches):
            model = rng.choice(["large", "small"])
            used = {unit: rng.randrange(1, 3000) for unit in UNITS if unit.model == model}
            prices = self.prices if change is None or number < change else self.now
            balance -= sum(amount * prices[unit] for unit, amount in used.items())
            balance -= 7 * 10**9 if number == odd else 0
            self.balances.append(balance)
            self.used.append(used)

    def observed(self, chain: int = 1) -> Observed:
        """What was seen of it, by runs of `chain` stretches each, with all pairs of readings."""
        unit = 10 ** (12 - self.decimals)
        shown = [balance // unit * unit for balance in self.balances]
        found = []
        for begin in range(0, len(self.used), chain):
            for first, last in combinations(range(begin, begin + chain + 1), 2):
                used: dict[Unit, int] = {}
                for each in self.used[first:last]:
                    for name, amount in each.items():
                        used[name] = used.get(name, 0) + amount
                fall, off = shown[first] - shown[last], unit if unit > 1 else 0
                found.append(Observation(at(first, 0.1), at(last), used, fall - off, fall + off))
        found.sort(key=lambda each: (each.ended, each.began))
        return Observed("CNY", self.decimals, found, len(self.used), [])


def at(number: int, more_s: float = 0.0) -> datetime:
    return BEGAN + timedelta(seconds=10 * number + more_s)


@pytest.mark.parametrize("seed", range(5))
def test_prices_are_told_exactly_where_the_account_shows_all_decimals(seed: int) -> None:
    account = Account(seed, EXACT)
    found = fit_prices(account.observed())
    assert {unit: each.told for unit, each in found.prices.items()} == account.prices
    assert found[1:] == ([], [], [], [], [], [])


@pytest.mark.slow
@pytest.mark.parametrize("decimals", [6, 4, 2])
@pytest.mark.parametrize("chain", [1, 3])
def test_ranges_hold_the_truth_where_it_shows_fewer(decimals: int, chain: int) -> None:
    account = Account(decimals, decimals)
    found = fit_prices(account.observed(chain))
    assert [each.told for each in found.prices.values()] == [None] * len(UNITS)
    outside = [
        u for u, each in found.prices.items() if not each.low <= account.prices[u] <= each.high
    ]
    assert outside == []


@pytest.mark.slow
def test_more_decimals_and_chains_of_readings_narrow_the_ranges() -> None:
    def width(decimals: int, chain: int) -> int:
        found = fit_prices(Account(1, decimals).observed(chain))
        return sum(each.high - each.low for each in found.prices.values())

    widths = [width(2, 1), width(4, 1), width(6, 1), width(6, 3)]
    assert widths == sorted(set(widths), reverse=True)


def test_enough_pieces_tell_a_price_of_few_decimals() -> None:
    """An image costs whole cents, and 6 decimals show each alone."""
    image = Unit("painter", "image")
    seen = [
        Observation(
            at(n, 0.1), at(n + 1), {image: 10**6}, 253_700 * 10**6 - 10**6, 253_700 * 10**6 + 10**6
        )
        for n in range(3)
    ]
    (found,) = fit_prices(Observed("CNY", 6, seen, 3, [])).prices.values()
    assert (found.low, found.high) == (253_699, 253_701)
    many = [Observation(at(0), at(1), {image: 3 * 10**6}, *bounds(3 * 253_700))]
    assert fit_prices(Observed("CNY", 6, many, 3, [])).prices[image].told == 253_700


def bounds(millionths: int) -> tuple[int, int]:
    return (millionths - 1) * 10**6, (millionths + 1) * 10**6


def test_what_is_always_used_in_the_same_proportion_is_not_told_apart() -> None:
    first, second = Unit("small", "input"), Unit("small", "output")
    alone = Unit("large", "output")
    seen = [
        Observation(at(0), at(1), {first: 200, second: 100}, 700, 700),
        Observation(at(2), at(3), {first: 400, second: 200}, 1400, 1400),
        Observation(at(4), at(5), {alone: 10}, 50, 50),
    ]
    found = fit_prices(Observed("CNY", EXACT, seen, 3, []))
    assert found.together == [[first, second]]
    assert (found.prices[first], found.prices[second]) == ((0, 3), (0, 7))
    assert found.prices[alone].told == 5


@pytest.mark.slow
@pytest.mark.parametrize("decimals", [EXACT, 4])
@pytest.mark.parametrize("chain", [1, 3])
def test_prices_that_changed_are_found_and_told_apart(decimals: int, chain: int) -> None:
    account = Account(2, decimals, change=16)
    found = fit_prices(account.observed(chain))
    (change, *_) = found.changes
    assert change.after <= at(17)
    assert at(15) <= change.before
    wrong = [
        unit
        for prices, truth in ((found.prices, account.now), (change.earlier.prices, account.prices))
        for unit, each in prices.items()
        if not each.low <= truth[unit] <= each.high
    ]
    assert wrong == []


@pytest.mark.parametrize("chain", [1, 3])
def test_one_stretch_in_which_something_else_was_billed_is_left_out(chain: int) -> None:
    account = Account(3, EXACT, odd=13)
    found = fit_prices(account.observed(chain))
    assert [each.began for each in found.odd] == [at(13, 0.1)]
    assert {unit: each.told for unit, each in found.prices.items()} == account.prices


def test_what_no_prices_explain_is_said() -> None:
    output = Unit("small", "output")
    taken: Sequence[int] = [100, 300, 700, 500, 900]
    seen = [Observation(at(n), at(n, 5), {output: 10}, a, a) for n, a in enumerate(taken)]
    found = fit_prices(Observed("CNY", EXACT, seen, 5, []))
    assert (found.prices, found.unexplained) == ({}, [output])


def test_a_bill_that_nobody_knows_bounds_from_above_alone() -> None:
    output = Unit("small", "output")
    seen = [Observation(at(0), at(1), {output: 10}, None, 995)]
    assert fit_prices(Observed("CNY", EXACT, seen, 2, [])).prices == {output: (0, 99)}


def test_where_two_stretches_contradict_each_other_neither_is_believed() -> None:
    """One was taken for odd, and the other one told as exact, whichever came first."""
    image = Unit("painter", "image")
    seen = [
        Observation(at(n, 0.1), at(n + 1), {image: 10**6}, taken, taken)
        for n, taken in enumerate((310_000 * 10**6, 250_000 * 10**6))
    ]
    found = fit_prices(Observed("CNY", EXACT, seen, 2, []))
    assert (found.prices, found.odd, found.unexplained) == ({}, [], [image])


def test_of_two_that_may_be_the_odd_one_neither_is_believed() -> None:
    """Each could be left out, with another price that explains the rest: the later one was."""
    first, second = Unit("small", "input"), Unit("small", "output")
    used = ((14, 19), (11, 8), (4, 5), (27, 21), (0, 10), (16, 14))
    taken = (142, 70, 38, 180, 84, 116)  # prices of 2 and 6, and 24 more in the fifth
    seen = [
        Observation(at(n, 0.1), at(n, 5), {first: a, second: b}, cost - 4, cost + 4)
        for n, ((a, b), cost) in enumerate(zip(used, taken, strict=True))
    ]
    found = fit_prices(Observed("CNY", EXACT, seen, 6, []))
    assert (found.prices, found.odd) == ({}, [])


def test_as_few_stretches_as_prices_are_said_to_be_unchecked() -> None:
    first, second = Unit("small", "input"), Unit("small", "output")
    seen = [
        Observation(at(0), at(1), {first: 200, second: 100}, 700, 700),
        Observation(at(2), at(3), {first: 100, second: 100}, 500, 500),
    ]
    found = fit_prices(Observed("CNY", EXACT, seen, 2, []))
    assert ({unit: each.told for unit, each in found.prices.items()}, found.unchecked) == (
        {first: 2, second: 3},
        [first, second],
    )
    more = Observation(at(4), at(5), {first: 10, second: 1}, 23, 23)
    assert fit_prices(Observed("CNY", EXACT, [*seen, more], 3, [])).unchecked == []


def test_charges_that_are_rounded_by_themselves_make_ranges() -> None:
    """Nothing explains such charges as exact sums: what was told was a change of prices."""
    first, second = Unit("small", "input"), Unit("small", "output")
    seen = []
    for number in range(8):
        used = {first: 1000 + 77 * number**2, second: 300 - 31 * number}
        cost = used[first] * 1_234_567 + used[second] * 7_654_321
        charge = -(-cost // 10**6) * 10**6
        seen.append(Observation(at(number), at(number, 5), used, charge, charge, 1))
    found = fit_prices(Observed("CNY", EXACT, seen, 8, []))
    assert (found.rounded, found.changes, found.odd) == ([first, second], [], [])
    assert {unit: each.told for unit, each in found.prices.items()} == {first: None, second: None}
    truth = {first: 1_234_567, second: 7_654_321}
    assert all(each.low <= truth[unit] <= each.high for unit, each in found.prices.items())


@pytest.mark.parametrize(
    ("low", "high", "roundest"),
    [(269_500, 270_500, 270_000), (2_900_000, 3_100_000, 3_000_000), (0, 2_000_000, None),
     (0, 270_000, None), (0, 0, 0), (123_456, 123_457, None), (7, 7, 7)],
)  # fmt: skip
def test_the_roundest_of_a_range_is_the_one_of_fewest_decimals(
    low: int, high: int, roundest: int | None
) -> None:
    assert PriceRange(low, high).roundest == roundest


A, B = Unit("m", "output"), Unit("m", "input")
# In millionths, and such that no amount is a round one.
TWO, THREE, FIVE, SEVEN = 2_000_001, 3_000_001, 5_000_001, 7_000_001


def fitted(*stretches: tuple[dict[Unit, int], int | None, int], billed: int = 1) -> Fit:
    found = [
        Observation(
            BEGAN + timedelta(seconds=10 * number),
            BEGAN + timedelta(seconds=10 * number + 9),
            *each,
            billed if number else 1,
        )
        for number, each in enumerate(stretches)
    ]
    return fit_prices(Observed("CNY", 12, found, len(found), []))


def paid(price: int, tokens: int) -> tuple[dict[Unit, int], int, int]:
    return {A: tokens}, price * tokens, price * tokens


def each_paid(*prices: int) -> list[tuple[dict[Unit, int], int, int]]:
    """A stretch for each price, all of different lengths."""
    return [paid(price, 101 + 2 * number) for number, price in enumerate(prices)]


def test_one_odd_stretch_of_many_is_left_out_and_three_of_twelve_are_not() -> None:
    fit = fitted(*each_paid(TWO, TWO, FIVE, *[TWO] * 9))
    assert (fit.prices[A].told, len(fit.odd), fit.changes) == (TWO, 1, [])
    fit = fitted(*each_paid(TWO, TWO, FIVE, TWO, SEVEN, TWO, TWO, THREE, *[TWO] * 4))
    assert (fit.prices, fit.odd, fit.changes, fit.unexplained) == ({}, [], [], [A])


def test_beside_an_odd_stretch_nothing_is_told_that_nothing_checks() -> None:
    mixed = {A: 100, B: 50}, 100 * TWO + 50 * SEVEN, 100 * TWO + 50 * SEVEN
    fit = fitted(*each_paid(TWO, TWO, FIVE, *[TWO] * 9), mixed)
    assert (fit.prices, fit.odd, fit.unexplained) == ({}, [], [B, A])


def test_a_change_is_told_where_both_sides_of_it_are_checked() -> None:
    fit = fitted(*each_paid(TWO, TWO, TWO, THREE, THREE, THREE))
    (change,) = fit.changes
    assert (change.earlier.prices[A].told, fit.prices[A].told) == (TWO, THREE)
    for unchecked in ([TWO, *[THREE] * 3], [*[TWO] * 3, THREE], [TWO, THREE]):
        fit = fitted(*each_paid(*unchecked))
        assert (fit.prices, fit.changes, fit.odd, fit.unexplained) == ({}, [], [], [A])


def test_two_changes_are_not_told_as_one() -> None:
    fit = fitted(*each_paid(TWO, TWO, TWO, FIVE, SEVEN, THREE, THREE, THREE))
    assert (fit.prices, fit.changes, fit.unexplained) == ({}, [], [A])


def test_after_a_change_nothing_is_told_that_nothing_checks() -> None:
    mixed = {A: 100, B: 50}, 100 * THREE + 50 * SEVEN, 100 * THREE + 50 * SEVEN
    fit = fitted(*each_paid(*[TWO] * 3, *[THREE] * 3), mixed)
    assert len(fit.changes) == 1
    assert (fit.prices, fit.unexplained) == ({A: PriceRange(THREE, THREE)}, [B])


def test_each_charge_of_a_stretch_may_be_rounded() -> None:
    """Three charges of 1.55 units, each rounded to 2, are off by more than one unit."""
    unit = 10**8
    fit = fitted(({A: 1000}, 25 * unit, 25 * unit), ({A: 186}, 6 * unit, 6 * unit), billed=3)
    assert fit.rounded == [A]
    assert fit.prices == {A: PriceRange(2_400_000, 2_600_000)}


def test_where_no_price_of_six_decimals_will_do_the_charge_may_be_rounded() -> None:
    fit = fitted(({A: 30}, 10**8, 10**8))
    assert (fit.rounded, fit.prices) == ([A], {A: PriceRange(0, 6_666_666)})
    fit = fitted(({A: 7}, 10_000_001, 10_000_001))
    assert (fit.rounded, fit.prices, fit.unexplained) == ([], {}, [A])


def test_a_price_that_is_told_tells_more_of_the_others() -> None:
    """Of 1.2 to 2.4 millionths only 2 is one."""
    fit = fitted(({A: 10}, 12, 24), ({A: 10, B: 1}, 50, 50))
    assert fit.prices == {A: PriceRange(2, 2), B: PriceRange(30, 30)}


def test_what_may_hold_an_unknown_bill_checks_nothing() -> None:
    exact = paid(TWO, 101)
    assert fitted(exact, ({A: 103}, None, 103 * TWO)).unchecked == [A]
    assert fitted(exact, paid(TWO, 103)).unchecked == []


def test_what_rests_on_one_stretch_beside_checked_ones_is_unchecked() -> None:
    mixed = {A: 100, B: 50}, 100 * TWO + 50 * SEVEN, 100 * TWO + 50 * SEVEN
    fit = fitted(*each_paid(TWO, TWO), mixed)
    assert ([fit.prices[unit].told for unit in (A, B)], fit.unchecked) == ([TWO, SEVEN], [B])
