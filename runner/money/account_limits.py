"""What the account allows a session: read, held as ceilings, and read anew after each reset."""

from datetime import datetime
from decimal import Decimal

import trio

from headrace.jobs import BalanceReading, HeadraceError

from ..clock import RunClock
from ..record import Recorder, Totals
from ..settings import SendSettings
from ..stop import Stop
from .account import Account
from .budget import Budget, Ceiling, ceilings_from, tightest
from .reset import MARGIN_S, STEP_S


class AccountLimits:
    """The ceilings that the account implies, which the budget keeps to (--yes lifts them).

    `renew` is a task for the session's nursery. What it finds amiss goes to `stop`; it raises
    nothing.
    """

    def __init__(
        self,
        *,
        account: Account,
        recorder: Recorder,
        totals: Totals,
        budget: Budget,
        clock: RunClock,
        stop: Stop,
        settings: SendSettings,
    ) -> None:
        self._account = account
        self._recorder = recorder
        self._totals = totals
        self._budget = budget
        self._clock = clock
        self._stop = stop
        self._settings = settings
        self._first: list[Ceiling] = []  # as the reading says that the session began with
        self._ceilings: list[Ceiling] = []

    @property
    def ceilings(self) -> list[Ceiling]:
        """What the run may come to: by the account, and by the user's own --max-cost."""
        return [*self._ceilings, *self._budget.own_ceilings]

    @property
    def tightest(self) -> Ceiling | None:
        """Which of the account's own is reached first; None where it names none."""
        return tightest(self._ceilings)

    def hold(self, reading: BalanceReading, *, when: str) -> None:
        """Keep to what this reading allows, made `when` in words."""
        totals = self._totals
        self._first = self._from(reading, when=when, taken=totals.spent + totals.kept)
        self._keep_to(self._first)

    def lower(self, reading: BalanceReading, *, when: str, taken: Decimal) -> None:
        """Keep to what a later reading allows where that is less than the held one does: others
        spend, too. `taken` is what the run had taken out of what the reading shows."""
        later = {(each.whose, each.resets_at): each for each in self._from(reading, when, taken)}
        self._keep_to(
            [
                min(each, later.get((each.whose, each.resets_at), each), key=lambda c: c.total)
                for each in self._first
            ]
        )

    def _from(self, reading: BalanceReading, when: str, taken: Decimal) -> list[Ceiling]:
        return ceilings_from(reading, taken=taken, currency=self._budget.currency, when=when)

    def _keep_to(self, ceilings: list[Ceiling]) -> None:
        self._ceilings = ceilings
        if not self._settings.yes:
            self._budget.set_account_ceilings(ceilings)

    async def renew(self) -> None:
        """Read the account again after each reset of a budget: what it had before holds no more."""
        looked_s = float("-inf")
        try:
            while (reset := self._next_reset()) is not None:
                due_s = self._clock.seconds(reset) + MARGIN_S
                await trio.sleep_until(max(due_s, looked_s + STEP_S))  # another's clock may be late
                looked_s = self._clock.now()
                await self._read_after(reset)
        except HeadraceError as error:
            self._stop.request(error)

    def _next_reset(self) -> datetime | None:
        known = [each.resets_at for each in self._ceilings if each.resets_at is not None]
        return min(known, default=None)

    async def _read_after(self, reset: datetime) -> None:
        """Hold what the account has now, once it has gone past this reset."""
        reading = await self._account.read("during", spent=self._totals.spent)
        if reading.balance is None or reset in [each.reset_at for each in reading.budgets.values()]:
            return
        self._recorder.reading(reading)
        self.hold(reading, when=f"after its reset at {reset.isoformat()}")
