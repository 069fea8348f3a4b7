"""What the account says is rounded: a cost below that can't be held against it."""

import pytest

from tests.reports.conftest import RunMaker
from tests.reports.figures.test_balance_check import check, spend


@pytest.mark.parametrize(
    ("cost", "balance", "verdict"),
    [
        ("0.000009", "10.00", "too small to tell"),
        ("0.000009", "9.99", "too small to tell"),  # a bill 1,111 times the cost: it said agrees
        ("0.000009", "9.98", "differs"),
        ("0.01", "9.99", "agrees"),
    ],
)
def test_a_cost_below_the_tolerance_is_too_small_to_tell(
    made: RunMaker, cost: str, balance: str, verdict: str
) -> None:
    spend(made, cost)
    made.reading(0, "10.00", "0")
    made.reading(60, balance, cost)
    found = check(made)
    assert found.verdict == verdict
    said = any("is less than the tolerance of 0.01" in why for why in found.why)
    assert said == (verdict == "too small to tell")


def test_a_billed_failure_below_the_tolerance_is_too_small_to_tell(made: RunMaker) -> None:
    made.attempt(0, error_kind="http", http_status=500)
    made.reading(0, "10.00", "0")
    made.reading(60, "9.99", "0")
    assert check(made).verdict == "too small to tell"


@pytest.mark.parametrize("decimals", [2**31 - 1, -(2**31)])
def test_no_number_of_decimals_is_beyond_what_an_amount_has(made: RunMaker, decimals: int) -> None:
    """As a directory of somebody else may say."""
    spend(made, "0.50")
    made.reading(0, "10.00", "0", decimals=decimals)
    made.reading(9, "9.50", "0.50", decimals=decimals)
    found = check(made)
    assert (found.verdict, str(found.difference)) == ("agrees", "0")
