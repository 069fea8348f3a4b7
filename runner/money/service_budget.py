"""What one of several services may spend: by its own account, and by the user's ceiling over all.

spent + kept + set aside, of this service    <=  each ceiling of its account
spent + kept + set aside, of all services    <=  --max-cost
"""

from collections.abc import Sequence
from decimal import Decimal

from ..record import Totals
from .budget import Budget, Ceiling, tightest


class ServiceBudget(Budget):
    """Sets money aside for one service's attempts, under its account's ceilings and, in `shared`,
    under the user's own. `totals` are those of this service; those of `shared` are the run's."""

    def __init__(self, totals: Totals, *, currency: str, shared: Budget) -> None:
        self._shared = shared
        super().__init__(totals, currency=currency, ceiling=shared.ceiling)

    @property
    def own_ceilings(self) -> list[Ceiling]:
        """None: the user's own is kept to in `shared`."""
        return []

    @property
    def tightest(self) -> Ceiling | None:
        """Of all ceilings, those over all services included, the lowest."""
        return tightest([*self._ceilings, *self._shared.own_ceilings])

    @property
    def room(self) -> Decimal | None:
        """What can be set aside beside all that is taken; None where nothing limits it."""
        account = tightest(self._ceilings)
        rooms = [self._shared.room, None if account is None else account.total - self.taken]
        return min((each for each in rooms if each is not None), default=None)

    def has_room(self, bound: Decimal) -> bool:
        """Whether `bound` can be set aside now, here and in all."""
        return super().has_room(bound) and self._shared.has_room(bound)

    async def until_room(self, bound: Decimal) -> None:
        """Wait until `bound` fits, here and in all. Raises as of any budget."""
        while not self.has_room(bound):
            await super().until_room(bound)
            await self._shared.until_room(bound)

    def reserve(self, bound: Decimal | None) -> None:
        """Set `bound` aside, for which there is room."""
        super().reserve(bound)
        self._shared.reserve(bound)

    def release(self, bound: Decimal | None) -> None:
        """The attempt for which `bound` was set aside has ended, and its record is written."""
        super().release(bound)
        self._shared.release(bound)

    def kept_fell(self) -> None:
        """Less is kept than before: whoever waits for room, here or elsewhere, looks again."""
        super().kept_fell()
        self._shared.kept_fell()


def look_again_at_each(shared: Budget, budgets: Sequence[Budget]) -> None:
    """Have the budget over all services ask the account of each for a second look, one after the
    other, before it finds no room."""

    async def second_look(over: Ceiling) -> bool:
        for budget in budgets:
            if budget.second_look is not None and await budget.second_look(over):
                return True
        return False

    shared.second_look = second_look
