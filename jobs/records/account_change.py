"""What the account took between two readings of its balance."""

from decimal import Decimal
from typing import NamedTuple

from .budgets import PERIODS, Period, PeriodBudget
from .rows import BalanceReading


class AccountChange(NamedTuple):
    """Two readings that have a balance, the earlier one first."""

    first: BalanceReading
    last: BalanceReading

    @property
    def computed(self) -> Decimal:
        """Cost of the attempts between the two."""
        return self.last.spent - self.first.spent

    @property
    def fall(self) -> Decimal:
        """How much lower the balance is at the second reading."""
        return _known(self.first.balance) - _known(self.last.balance)

    @property
    def same_key(self) -> bool:
        """Whether both readings were made with one API key."""
        return self.first.key_id == self.last.key_id

    def was_reset(self, period: Period) -> bool:
        """Whether the period's use began anew between the two."""
        before, after = self._ends(period)
        if before.used is None or after.used is None:
            return False
        return before.reset_at != after.reset_at or after.used < before.used

    def rise(self, period: Period) -> Decimal | None:
        """Rise of the key's use; None where it isn't shown, was reset, or is another key's."""
        before, after = self._ends(period)
        if before.used is None or after.used is None:
            return None
        if not self.same_key or self.was_reset(period):
            return None
        return after.used - before.used

    @property
    def taken(self) -> list[Decimal]:
        """What each figure says was taken: the balance's fall, and each rise that is known.

        A balance that was topped up in between says too little.
        """
        rises = [self.rise(period) for period in PERIODS]
        return [self.fall, *(rise for rise in rises if rise is not None)]

    @property
    def own(self) -> Decimal | None:
        """What the key used: the day's figure, or the month's where the day was reset."""
        daily = self.rise("daily")
        return self.rise("monthly") if daily is None else daily

    @property
    def own_at_least(self) -> Decimal:
        """What the key used at the least: after a reset, what it has used since."""
        if (own := self.own) is not None:
            return own
        after = self._ends("daily")[1].used
        return after if after is not None and self.same_key else Decimal(0)

    def _ends(self, period: Period) -> tuple[PeriodBudget, PeriodBudget]:
        return self.first.budgets[period], self.last.budgets[period]


def _known(amount: Decimal | None) -> Decimal:
    assert amount is not None  # a reading without a balance does not end a change
    return amount
