"""What the account took since a first reading, added up reading by reading. Pure."""

from decimal import Decimal

from headrace.jobs import PERIODS, AccountChange, BalanceReading

ZERO = Decimal(0)
# Figures agree to one unit in the last decimal that is shown, and at most to this.
TOLERANCE_MAX = Decimal("0.01")


class AccountRise:
    """The rise of the key's own use: of the day's, else of the month's, else the balance's fall.

    `own` is what the key used at the least. `most` is what it may have used: where its use is not
    shown, or was reset, the fall of the balance stands in, and others may have a part in it.
    `hidden` says that a top-up may hide some of the fall, so `most` may be too low.
    """

    def __init__(self, first: BalanceReading) -> None:
        self.first = first
        self.own = ZERO
        self.most = ZERO
        self.hidden = False
        self._last = first
        self._decimals = first.places

    def add(self, reading: BalanceReading) -> None:
        """Take in a later reading, which has a balance."""
        change = AccountChange(self._last, reading)
        own, fall = change.own, change.fall
        self._last = reading
        self._decimals = max(self._decimals, reading.places)
        if own is not None:
            self.own += own
            self.most += own
            return
        shown = any(budget.used is not None for budget in reading.budgets.values())
        refund = _refund(change)
        self.own += refund if refund is not None else change.own_at_least if shown else fall
        self.most += max(fall, change.own_at_least)
        self.hidden |= fall < change.own_at_least

    @property
    def tolerance(self) -> Decimal:
        """How far the figures may be off because they are rounded."""
        return min(TOLERANCE_MAX, Decimal(1).scaleb(-self._decimals))


def _refund(change: AccountChange) -> Decimal | None:
    """What the key's use fell by, below zero, in a period that was not reset; None where it did
    not."""
    for period in PERIODS:
        before, after = change.first.budgets[period], change.last.budgets[period]
        if before.used is None or after.used is None or not change.same_key:
            continue
        if before.reset_at is not None and before.reset_at == after.reset_at:
            return after.used - before.used
    return None
