"""A price file beside what an account took."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from headrace.jobs import Price, PriceBand, PriceTable
from headrace.reports.price_fit import Observation, Observed, PriceCheck, Unit, check_prices

BEGAN = datetime(2026, 6, 8, 12, tzinfo=UTC)
SMALL, LARGE = Unit("small", "output"), Unit("large", "output")


def seen(*stretches: tuple[dict[Unit, int], int | None, int]) -> Observed:
    moments = [BEGAN + timedelta(seconds=number) for number in range(len(stretches) + 1)]
    found = [
        Observation(began, ended, used, low, high)
        for began, ended, (used, low, high) in zip(moments, moments[1:], stretches, strict=False)
    ]
    return Observed("CNY", 12, found, len(found), [])


def checked(observed: Observed, **models: Price) -> PriceCheck:
    return check_prices(observed, PriceTable(currency="CNY", models=models))


def verdicts(check: PriceCheck) -> dict[str, str]:
    return {each.model: each.verdict for each in check.models}


def test_a_right_file_agrees() -> None:
    observed = seen(({SMALL: 100}, 200 * 10**6, 200 * 10**6), ({LARGE: 10}, 50 * 10**6, 50 * 10**6))
    check = checked(observed, small=Price(output=Decimal(2)), large=Price(output=Decimal(5)))
    assert (check.verdict, check.differences) == ("agrees", [])
    assert check.computed == check.account_low == check.account_high == Decimal("0.00025")
    assert verdicts(check) == {"large": "agrees", "small": "agrees"}


def test_a_wrong_price_is_told_of_its_model_alone() -> None:
    observed = seen(
        ({SMALL: 100, LARGE: 10}, 250 * 10**6, 250 * 10**6),
        ({SMALL: 100}, 200 * 10**6, 200 * 10**6),
    )
    check = checked(observed, small=Price(output=Decimal(2)), large=Price(output=Decimal(50)))
    assert check.verdict == "differs"
    assert verdicts(check) == {"large": "differs", "small": "agrees"}
    (difference,) = check.differences
    assert (difference.began, difference.models) == (BEGAN, ["large", "small"])
    assert (difference.computed, difference.account_high) == (Decimal("0.0007"), Decimal("0.00025"))


def test_a_file_that_says_too_little_differs_by_stretch_too() -> None:
    check = checked(seen(({SMALL: 100}, 200 * 10**6, 200 * 10**6)), small=Price(output=Decimal(1)))
    (difference,) = check.differences
    assert (difference.computed, difference.account_low) == (Decimal("0.0001"), Decimal("0.0002"))


def test_small_errors_that_no_stretch_shows_are_told_by_the_model() -> None:
    """All stretches together are shown more exactly than each of them."""
    observed = seen(({SMALL: 100}, 100 * 10**6, 300 * 10**6))
    found = [
        *observed.observations,
        observed.observations[0]._replace(used={SMALL: 1000}, low=1990 * 10**6, high=2010 * 10**6),
    ]
    began = found[0].began
    found[1] = found[1]._replace(began=began, ended=found[0].ended + timedelta(seconds=9))
    check = checked(observed._replace(observations=found), small=Price(output=Decimal("2.5")))
    assert (check.differences, verdicts(check), check.verdict) == (
        [], {"small": "differs"}, "differs",
    )  # fmt: skip


def test_of_contradictory_figures_a_mixed_or_open_stretch_tells_no_model() -> None:
    both = ({SMALL: 100, LARGE: 10}, 250 * 10**6, 250 * 10**6)
    again = ({SMALL: 100, LARGE: 10}, 300 * 10**6, 300 * 10**6)
    prices = {"small": Price(output=Decimal(2)), "large": Price(output=Decimal(5))}
    assert verdicts(checked(seen(both, again), **prices)) == dict.fromkeys(prices, "unknown")
    alone = [({SMALL: 100}, low, 10**8) for low in (10**8, None)]
    found = checked(seen(*alone, ({SMALL: 100}, 3 * 10**8, 3 * 10**8)), **prices)
    assert verdicts(found) == {"small": "unknown"}


def test_what_the_account_shows_coarsely_agrees_with_any_price_within_it() -> None:
    observed = seen(({SMALL: 100}, 0, 400 * 10**6))
    assert checked(observed, small=Price(output=Decimal(4))).verdict == "agrees"
    assert checked(observed, small=Price(output=Decimal("4.000001"))).verdict == "differs"


def test_a_bill_that_nobody_knows_can_only_be_too_small() -> None:
    observed = seen(({SMALL: 100}, None, 400 * 10**6))
    check = checked(observed, small=Price(output=Decimal(1)))
    assert (check.verdict, check.account_low) == ("agrees", None)
    assert checked(observed, small=Price(output=Decimal(5))).verdict == "differs"


@pytest.mark.parametrize("models", [{}, {"small": Price(input=Decimal(2))}])
def test_what_the_file_lacks_is_named(models: dict[str, Price]) -> None:
    check = checked(seen(({SMALL: 100}, 200 * 10**6, 200 * 10**6)), **models)
    (model,) = check.models
    assert (check.verdict, model.verdict, model.lacks) == ("unknown", "unknown", ["output"])
    assert (check.computed, model.computed) == (None, None)


def test_bands_and_what_stands_in_for_a_price_are_those_of_the_price_list() -> None:
    used = {
        Unit("small", "input", 0): 10,
        Unit("small", "input", 1000): 10,
        Unit("small", "cached_input", 1000): 10,
        Unit("small", "reasoning", 1000): 10,
        Unit("painter", "image"): 2 * 10**6,
        Unit("painter", "input"): 10,
    }
    observed = seen((used, 0, 10**15))
    band = PriceBand(from_input_tokens=1000, input=Decimal(3))
    check = checked(
        observed,
        small=Price(input=Decimal(1), output=Decimal(7), bands=(band,)),
        painter=Price(input=Decimal(5), images={"1024x1024": Decimal("0.25")}),
    )
    computed = {each.model: each.computed for each in check.models}
    assert computed == {"small": Decimal("0.00014"), "painter": Decimal("0.50005")}


def test_images_of_several_prices_have_none_without_their_sizes() -> None:
    observed = seen(({Unit("painter", "image"): 10**6}, 0, 10**15))
    sizes = {"1024x1024": Decimal(1), "512x512": Decimal(2)}
    assert checked(observed, painter=Price(images=sizes)).verdict == "unknown"
    assert checked(observed, painter=Price(images={**sizes, "default": Decimal(3)})).computed == 3
    assert checked(observed, painter=Price(input=Decimal(1))).computed == 0


def test_where_prices_changed_what_was_a_models_own_still_tells() -> None:
    observed = seen(
        ({SMALL: 100}, 100 * 10**6, 100 * 10**6),
        ({SMALL: 100}, 300 * 10**6, 300 * 10**6),
        ({LARGE: 10}, 50 * 10**6, 50 * 10**6),
    )
    check = checked(observed, small=Price(output=Decimal(3)), large=Price(output=Decimal(5)))
    assert verdicts(check) == {"large": "agrees", "small": "differs"}
    assert [each.began for each in check.differences] == [BEGAN]


def test_nothing_to_compare_is_unknown() -> None:
    check = checked(seen())
    assert (check.verdict, check.intervals, check.models) == ("unknown", 0, [])
