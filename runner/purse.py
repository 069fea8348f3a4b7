"""The money that there is for a session: as read, held as ceilings, and looked ahead at.

reading  -> ceilings that the budget keeps to (--yes lifts them), anew after each reset
forecast -> a stop, where even the least that the file can cost goes beyond them
pace     -> a word beforehand, when one of them will be reached before the file is done
"""

from collections.abc import Callable
from datetime import datetime

import trio

from headrace.jobs import BalanceReading, HeadraceError, PriceTable

from .balance import Account
from .budget import Budget, Ceiling, ceilings_from, tightest
from .clock import RunClock
from .foresight import forecast_beside, refuse_what_costs_more
from .offload import Offload
from .outlook import Outlook, announcement
from .record import Recorder, State
from .reset import MARGIN_S, STEP_S
from .settings import SendSettings
from .stop import Stop

LOOK_EVERY_S = 10.0


class Purse:
    """Three tasks for a session's nursery: `foresee`, `renew` and `look_ahead`. What they find
    amiss goes to `stop`; they raise nothing."""

    def __init__(
        self,
        *,
        account: Account,
        recorder: Recorder,
        budget: Budget,
        prices: PriceTable,
        clock: RunClock,
        stop: Stop,
        settings: SendSettings,
        read: Offload,
        announce: Callable[[str], None] | None,
    ) -> None:
        self.outlook = Outlook(recorder.totals)
        self._account = account
        self._recorder = recorder
        self._budget = budget
        self._prices = prices
        self._clock = clock
        self._stop = stop
        self._settings = settings
        self._read = read
        self._announce = announce
        self._ceilings: list[Ceiling] = []  # of the account

    def hold(self, reading: BalanceReading, *, when: str) -> None:
        """Keep to what this reading allows, made `when` in words."""
        totals, currency = self._recorder.totals, self._prices.currency
        self._ceilings = ceilings_from(reading, totals=totals, currency=currency, when=when)
        if not self._settings.yes:
            self._budget.imply(self._ceilings)
        own = [] if self._budget.ceiling is None else [self._budget.ceiling]
        self.outlook.ceilings = [*self._ceilings, *own]

    async def foresee(self, path: str, state: State, *, waits: bool) -> None:
        """Read the whole file once more. Stops the run where it costs more than there is, unless
        the user said yes, or is ready to wait for more (`waits`)."""
        if not self.outlook.ceilings:
            return
        totals, ceiling = self._recorder.totals, tightest(self._ceilings)
        taken = totals.spent + totals.kept
        try:
            forecast = await forecast_beside(
                path,
                prices=self._prices,
                limits=self._settings.limits,
                state=state,
                read=self._read,
            )
            self.outlook.expect(forecast)
            if ceiling is None or self._settings.yes:
                return
            if not (waits and ceiling.resets_at):
                refuse_what_costs_more(forecast, ceiling, taken=taken)
        except HeadraceError as error:
            self._stop.request(error)

    async def renew(self) -> None:
        """Read the account again after each reset of a budget: what it had before holds no more."""
        looked_s = float("-inf")
        try:
            while (reset := self._next_reset()) is not None:
                due_s = self._clock.seconds(reset) + MARGIN_S
                await trio.sleep_until(max(due_s, looked_s + STEP_S))  # another's clock may be late
                looked_s = self._clock.now()
                await self._look_again(reset)
        except HeadraceError as error:
            self._stop.request(error)

    def _next_reset(self) -> datetime | None:
        known = [each.resets_at for each in self._ceilings if each.resets_at is not None]
        return min(known, default=None)

    async def _look_again(self, reset: datetime) -> None:
        """Hold what the account has now, once it has gone past this reset."""
        reading = await self._account.read("during", spent=self._recorder.totals.spent)
        if reading.balance is None or reset in (reading.daily_reset_at, reading.monthly_reset_at):
            return
        self._recorder.reading(reading)
        self.hold(reading, when=f"after its reset at {reset.isoformat()}")

    async def look_ahead(self) -> None:
        """Look every ten seconds, and say once of each ceiling that it will be reached."""
        said: set[tuple[str, datetime | None]] = set()
        while True:
            now_s = self._clock.now()
            now = self._clock.utc(now_s)
            shortage = self.outlook.look(now_s, now)
            if shortage is not None and self._announce is not None:
                ceiling = shortage.ceiling
                if (ceiling.whose, ceiling.resets_at) not in said:
                    said.add((ceiling.whose, ceiling.resets_at))
                    self._announce(announcement(shortage, now))
            await trio.sleep(LOOK_EVERY_S)
