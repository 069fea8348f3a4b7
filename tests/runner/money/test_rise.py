"""What the account took over several readings, by figures that are reset, missing or refunded."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from headrace.jobs import BalanceReading
from headrace.runner.money.rise import AccountRise

START = datetime(2026, 6, 9, 8, tzinfo=UTC)
TODAY, TOMORROW = START + timedelta(hours=8), START + timedelta(hours=32)


def reading(balance: str, **key: Any) -> BalanceReading:
    decimals = len(balance.partition(".")[2])
    amounts: dict[str, Any] = {
        name: Decimal(value) if "used" in name else value for name, value in key.items()
    }
    return BalanceReading(
        read_at=START,
        moment="during",
        spent=Decimal(0),
        currency="CNY",
        balance=Decimal(balance),
        decimals=decimals,
        **amounts,
    )


def rise(*readings: BalanceReading) -> AccountRise:
    found = AccountRise(readings[0])
    for each in readings[1:]:
        found.add(each)
    return found


DAY: dict[str, Any] = {"daily_used": "3", "daily_reset_at": TODAY}


@pytest.mark.parametrize(
    ("first", "last", "own", "most", "hidden"),
    [
        # The day's use goes before the fall, in which others have a part.
        (reading("10", **DAY), reading("5", **{**DAY, "daily_used": "4"}), 1, 1, False),
        # Only the month's is shown.
        (reading("10", monthly_used="3"), reading("5", monthly_used="5"), 2, 2, False),
        # Neither is: the fall stands in.
        (reading("10"), reading("5"), 5, 5, False),
        (reading("10"), reading("15"), -5, 0, True),
        # Midnight: at least what was used since.
        (reading("10", **DAY), reading("4", daily_used="2", daily_reset_at=TOMORROW), 2, 6, False),
        (
            reading("10", monthly_used="7", **DAY),
            reading("4", monthly_used="12", daily_used="2", daily_reset_at=TOMORROW),
            5,
            5,
            False,
        ),
        # Money taken beforehand is given back: not a reset.
        (reading("10", **DAY), reading("11", **{**DAY, "daily_used": "2"}), -1, 2, True),
    ],
)
def test_the_rise_between_two_readings(
    first: BalanceReading, last: BalanceReading, own: int, most: int, hidden: bool
) -> None:
    found = rise(first, last)
    assert (found.own, found.most) == (Decimal(own), Decimal(most))
    assert found.hidden == hidden


def test_rises_add_up_over_a_reset() -> None:
    found = rise(
        reading("10", **DAY),
        reading("9", **{**DAY, "daily_used": "4"}),
        reading("7", daily_used="1", daily_reset_at=TOMORROW),
        reading("6", daily_used="2", daily_reset_at=TOMORROW),
    )
    assert found.own == 1 + 1 + 1
    assert found.most == 1 + 2 + 1


@pytest.mark.parametrize(
    ("shown", "tolerance"), [("10", "0.01"), ("10.5", "0.01"), ("1.0001", "0.0001")]
)
def test_the_tolerance_is_a_unit_of_the_last_decimal_and_at_most_a_cent(
    shown: str, tolerance: str
) -> None:
    assert rise(reading("10"), reading(shown)).tolerance == Decimal(tolerance)
