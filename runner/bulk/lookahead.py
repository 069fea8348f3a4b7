"""What the rest of the file will take, beside what there is: foretold while the run goes.

forecast -> a stop, where even the least that the file can cost goes beyond the account's limits
pace     -> a word beforehand, when one of them will be reached before the file is done
"""

from collections.abc import Callable
from datetime import datetime

import trio

from headrace.jobs import HeadraceError, PriceTable

from ..clock import RunClock
from ..money import AccountLimits
from ..offload import Offload
from ..record import RecoveredState, Totals
from ..settings import SendSettings
from ..stop import Stop
from .forecast import forecast_beside, refuse_what_costs_more
from .shortage import SpendProjection, announcement

LOOK_EVERY_S = 10.0


class LookAhead:
    """Two tasks for a session's nursery, `forecast_rest` and `watch_pace`; errors go to `stop`."""

    def __init__(
        self,
        limits: AccountLimits,
        totals: Totals,
        *,
        prices: PriceTable,
        settings: SendSettings,
        clock: RunClock,
        stop: Stop,
        read: Offload,
        announce: Callable[[str], None] | None,
        dedupe: bool = False,
    ) -> None:
        self.projection = SpendProjection(totals)
        self._limits = limits
        self._totals = totals
        self._prices = prices
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._read = read
        self._announce = announce
        self._dedupe = dedupe

    async def forecast_rest(self, path: str, state: RecoveredState, *, waits: bool) -> None:
        """Read the whole file once more. Stops the run where it costs more than there is, unless
        the user said yes, or is ready to wait for more (`waits`)."""
        if not self._limits.ceilings:
            return
        totals, ceiling = self._totals, self._limits.tightest
        taken = totals.spent + totals.kept
        try:
            forecast = await forecast_beside(
                path,
                prices=self._prices,
                limits=self._settings.limits,
                state=state,
                read=self._read,
                dedupe=self._dedupe,
                others=self._settings.others,
            )
            self.projection.expect(forecast)
            if ceiling is None or self._settings.yes:
                return
            if not (waits and ceiling.resets_at):
                refuse_what_costs_more(forecast, ceiling, taken=taken)
        except HeadraceError as error:
            self._stop.request(error)

    async def watch_pace(self) -> None:
        """Project every ten seconds, and say once of each ceiling that it will be reached."""
        said: set[tuple[str, datetime | None]] = set()
        while True:
            now_s = self._clock.now()
            now = self._clock.utc(now_s)
            shortage = self.projection.update(self._limits.ceilings, now_s, now)
            if shortage is not None and self._announce is not None:
                ceiling = shortage.ceiling
                if (ceiling.whose, ceiling.resets_at) not in said:
                    said.add((ceiling.whose, ceiling.resets_at))
                    self._announce(announcement(shortage, now))
            await trio.sleep(LOOK_EVERY_S)
