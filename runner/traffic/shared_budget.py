"""The --max-cost of a command that makes several runs: a ceiling of all of them together.

Each run may take what those before it left, so the promise of one run is that of them all. What
attempts without a bill may have cost is taken, too, as within a run.
"""

from decimal import Decimal

from ..money import show_amount
from ..session import RunOutcome
from .options import LoadOptions

FOR_MONEY = 3  # exit code
SPENT = "--max-cost is spent, which is that of all runs together"


class SharedBudget:
    """`limit` is what all runs may cost, in the currency of the prices; None is no limit."""

    def __init__(self, limit: Decimal | None) -> None:
        self._limit = None if limit is None else Decimal(limit)
        self._taken = Decimal(0)

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left for a further run."""
        return self._limit is not None and self._taken >= self._limit

    def share(self) -> LoadOptions:
        """What the next run is told: all that is left."""
        return {} if self._limit is None else {"max_cost": self._limit - self._taken}

    def take(self, outcome: RunOutcome) -> str | None:
        """Count a run that has ended; its reason, which names the whole where money stopped it."""
        before = self._taken
        self._taken += outcome.cost + outcome.kept
        if self._limit is None or outcome.exit_code != FOR_MONEY or not before:
            return outcome.reason
        return (
            f"{outcome.reason} (--max-cost {show_amount(self._limit)} is that of all runs "
            f"together, and those before this one took {show_amount(before)} of it)"
        )
