"""What the run may spend: every attempt sets aside the most that it can cost before it is sent.

    spent (computed)  +  kept (bills unknown)  +  set aside (in flight)  <=  each ceiling

So the computed cost never exceeds a ceiling. An attempt whose bill nobody knows, lost or cut off,
keeps its bound as spent.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from headrace.jobs import EXACT, BalanceReading

from ..errors import OutOfMoneyError
from ..notify import Notifier
from ..record import Totals


class Ceiling(NamedTuple):
    """The most that the run's attempts may come to, earlier sessions included.

    `whose` it is, and with its amount the `name`; `advice` says what to do once it is reached,
    `resets_at` when there is more; None where nobody knows.
    """

    whose: str
    name: str
    total: Decimal
    advice: str
    resets_at: datetime | None = None


class Budget:
    """Sets money aside for attempts, under the user's own ceiling and those that the account
    implies."""

    def __init__(self, totals: Totals, *, currency: str, ceiling: Ceiling | None = None) -> None:
        self.ceiling = ceiling
        self._totals = totals
        self.currency = currency
        self._ceilings: list[Ceiling] = []
        self._reserved = Decimal(0)
        self._changed = Notifier()
        self.set_account_ceilings([])

    def set_account_ceilings(self, ceilings: Sequence[Ceiling]) -> None:
        """Keep to these too, in the place of those that were implied before."""
        self._ceilings = [*ceilings, *([] if self.ceiling is None else [self.ceiling])]
        self._changed.notify_all()

    @property
    def taken(self) -> Decimal:
        """Spent, kept, and set aside."""
        totals = self._totals
        return EXACT.add(EXACT.add(totals.spent, totals.kept), self._reserved)

    def has_room(self, bound: Decimal) -> bool:
        """Whether `bound` can be set aside now."""
        return not bound or self._over(bound) is None

    async def until_room(self, bound: Decimal) -> None:
        """Wait for attempts in flight to give back what they don't use, until `bound` fits.

        Raises OutOfMoneyError where it doesn't fit although nothing is in flight.
        """
        while bound and (over := self._over(bound)) is not None:
            if not self._reserved:
                raise OutOfMoneyError(self._words(over, bound), resets_at=over.resets_at)
            await self._changed.wait()

    def reserve(self, bound: Decimal) -> None:
        """Set `bound` aside, for which there is room."""
        self._reserved = EXACT.add(self._reserved, bound)

    def _over(self, bound: Decimal) -> Ceiling | None:
        """The ceiling that setting `bound` aside would go beyond first."""
        if not self._ceilings:
            return None
        taken = EXACT.add(self.taken, bound)
        return tightest([each for each in self._ceilings if taken > each.total])

    def release(self, bound: Decimal) -> None:
        """The attempt for which `bound` was set aside has ended, and its record is written."""
        self._reserved = EXACT.subtract(self._reserved, bound)
        self._changed.notify_all()

    def _words(self, over: Ceiling, bound: Decimal) -> str:
        spent, kept = self._totals.spent, self._totals.kept
        unknown = (
            f" and {show_amount(kept)} kept for attempts whose bill is unknown" if kept else ""
        )
        return (
            f"the next job may cost up to {show_amount(bound)} {self.currency}, and with "
            f"{show_amount(spent)} spent{unknown} that goes beyond {over.name}; {over.advice}, and "
            "run the same command again to resume"
        )


def show_amount(amount: Decimal) -> str:
    """An amount without the zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def max_cost_ceiling(limit: Decimal, currency: str) -> Ceiling:
    name = f"--max-cost {show_amount(limit)} {currency}"
    return Ceiling("--max-cost", name, limit, "raise --max-cost")


def ceilings_from(
    reading: BalanceReading, *, totals: Totals, currency: str, when: str
) -> list[Ceiling]:
    """What a reading of the account allows from now on; nothing where it says nothing that helps.

    `when` the reading was made, in words.
    """
    if reading.currency != currency:
        return []
    taken = EXACT.add(totals.spent, totals.kept)
    ceilings = []
    sources: list[tuple[str, Decimal | None, str, datetime | None]] = [
        ("the balance", reading.balance, "top up", None)
    ]
    for period, budget in reading.budgets.items():
        resets_at = budget.reset_at
        wait = "wait for its reset" if resets_at is None else f"wait until {resets_at.isoformat()}"
        sources.append((f"the key's {period} budget", budget.remaining, wait, resets_at))
    for whose, left, advice, resets_at in sources:
        if left is None:
            continue
        total = EXACT.add(taken, max(left, Decimal(0)))
        name = f"{whose}, which had {show_amount(left)} {currency} left {when}"
        ceilings.append(Ceiling(whose, name, total, f"{advice} or give --yes", resets_at))
    return ceilings


def tightest(ceilings: Sequence[Ceiling]) -> Ceiling | None:
    """The one that is reached first."""
    return min(ceilings, key=lambda each: each.total, default=None)
