"""A key's budgets by period, and what the account took between two readings."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from headrace.jobs import AccountChange, BalanceReading, PeriodBudget

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)
RESET, LATER = NOON + timedelta(hours=12), NOON + timedelta(hours=36)


def reading(**fields: Any) -> BalanceReading:
    known = {"read_at": NOON, "moment": "during", "spent": Decimal(0), "balance": Decimal(10)}
    return BalanceReading(**{**known, **fields})


def test_each_period_has_its_own_columns() -> None:
    found = reading(
        daily_budget=Decimal(5),
        daily_used=Decimal(2),
        daily_remaining=Decimal(3),
        daily_reset_at=RESET,
        monthly_used=Decimal(7),
    ).budgets
    assert list(found) == ["daily", "monthly"]
    assert found["daily"] == PeriodBudget("daily", Decimal(5), Decimal(2), Decimal(3), RESET)
    assert found["monthly"] == PeriodBudget("monthly", None, Decimal(7), None, None)


def test_what_was_taken_is_the_fall_and_each_rise() -> None:
    change = AccountChange(
        reading(daily_used=Decimal(1), daily_reset_at=RESET, monthly_used=Decimal(6)),
        reading(
            balance=Decimal("7.5"),
            spent=Decimal("2.5"),
            daily_used=Decimal(3),
            daily_reset_at=RESET,
            monthly_used=Decimal(8),
        ),
    )
    assert change.taken == [Decimal("2.5"), Decimal(2), Decimal(2)]
    assert (change.computed, change.own, change.own_at_least) == (
        Decimal("2.5"),
        Decimal(2),
        Decimal(2),
    )


@pytest.mark.parametrize(
    "after",
    [
        {"daily_used": Decimal(4), "daily_reset_at": LATER},  # another day has begun
        {"daily_used": Decimal("0.5"), "daily_reset_at": RESET},  # less than before
    ],
)
def test_a_use_that_was_reset_is_left_out(after: dict[str, Any]) -> None:
    before = reading(daily_used=Decimal(1), daily_reset_at=RESET)
    change = AccountChange(before, reading(balance=Decimal(9), **after))
    assert change.was_reset("daily")
    assert change.taken == [Decimal(1)]
    assert (change.own, change.own_at_least) == (None, after["daily_used"])


def test_the_use_of_another_key_says_nothing_of_this_one() -> None:
    before = reading(key_id="one", daily_used=Decimal(1))
    change = AccountChange(before, reading(key_id="two", daily_used=Decimal(3)))
    assert not change.same_key
    assert change.taken == [Decimal(0)]
    assert change.own_at_least == 0
