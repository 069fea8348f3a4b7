"""What the rest of the file will take, beside what there is: foretold while the run goes.

forecast -> a stop, where even the least that the file can cost goes beyond the account's limits
pace     -> a word beforehand, when one of them will be reached before the file is done
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypedDict, Unpack

import trio

from headrace.jobs import Forecast, Forecaster, HeadraceError, PriceTable

from ..clock import RunClock
from ..money import Ceiling
from ..offload import Offload
from ..record import RecoveredState, Totals
from ..stop import Stop
from .forecast import AddsUp, OpenReader, forecast_beside, refuse_what_costs_more
from .shortage import Shortage, SpendProjection, announcement

LOOK_EVERY_S = 10.0


class Ceilings(Protocol):
    """What a run, or one of its services, may come to."""

    @property
    def ceilings(self) -> list[Ceiling]:
        """All of them."""
        ...

    @property
    def tightest(self) -> Ceiling | None:
        """Which of the account's own is reached first; None where it names none."""
        ...


class Foretold:
    """What is foretold of the money of a run, or of one of its services, whose limits, totals and
    stop these are. `yes` spends more than the account seems to have."""

    def __init__(
        self,
        limits: Ceilings,
        totals: Totals,
        *,
        yes: bool,
        clock: RunClock,
        stop: Stop,
        announce: Callable[[str], None] | None,
    ) -> None:
        self.projection = SpendProjection(totals)
        self.limits = limits
        self._totals = totals
        self._yes = yes
        self._clock = clock
        self._stop = stop
        self._announce = announce
        self._ceiling: Ceiling | None = None
        self._taken = Decimal(0)

    def begin(self) -> None:
        """Note where it stands: a forecast is about to be made of what is left now."""
        self._ceiling = self.limits.tightest
        self._taken = self._totals.spent + self._totals.kept

    def expect(self, forecast: Forecast, *, waits: bool) -> None:
        """What the rest will take. Stops the run where it costs more than there is, unless the user
        said yes, or is ready to wait for more (`waits`)."""
        self.projection.expect(forecast)
        ceiling = self._ceiling
        if ceiling is None or self._yes or (waits and ceiling.resets_at):
            return
        try:
            refuse_what_costs_more(forecast, ceiling, taken=self._taken)
        except HeadraceError as error:
            self._stop.request(error)

    async def watch_pace(self) -> None:
        """Project every ten seconds, and say once of each ceiling that it will be reached."""
        said: set[tuple[str, datetime | None]] = set()
        while True:
            now_s = self._clock.now()
            now = self._clock.utc(now_s)
            shortage = self.projection.update(self.limits.ceilings, now_s, now)
            if shortage is not None and self._announce is not None:
                ceiling = shortage.ceiling
                if (ceiling.whose, ceiling.resets_at) not in said:
                    said.add((ceiling.whose, ceiling.resets_at))
                    self._announce(announcement(shortage, now))
            await trio.sleep(LOOK_EVERY_S)


class SecondReading(TypedDict):
    """How a look ahead reads the job file beside the run: `reader_of` as that does, in the threads
    of `read`, and with `dedupe` each question once. Errors go to `stop`."""

    reader_of: OpenReader
    stop: Stop
    read: Offload
    dedupe: bool


class LookAhead:
    """Two tasks for a session's nursery, `forecast_rest` and `watch_pace`; errors go to `stop`."""

    def __init__(
        self, foretold: Foretold, *, prices: PriceTable | None, **reading: Unpack[SecondReading]
    ) -> None:
        self._foretold = foretold
        self._prices = prices
        self._reading = reading
        self._stop = reading["stop"]

    @property
    def _all(self) -> Sequence[Foretold]:
        return [self._foretold]

    def shortage(self) -> Shortage | None:
        """The money that will run out first, as of the latest look."""
        found = [each.projection.shortage for each in self._all]
        return min(
            (each for each in found if each is not None), key=lambda each: each.at, default=None
        )

    async def forecast_rest(self, path: str, state: RecoveredState, *, waits: bool) -> None:
        """Read the whole file once more, and say what it will take; see `Foretold.expect`."""
        if not any(each.limits.ceilings for each in self._all):
            return
        for each in self._all:
            each.begin()
        try:
            await self._forecast(path, state, waits=waits)
        except HeadraceError as error:
            self._stop.request(error)

    async def _forecast(self, path: str, state: RecoveredState, *, waits: bool) -> None:
        forecaster = Forecaster(self._prices)
        await self._add_up(path, state, forecaster)
        self._foretold.expect(forecaster.forecast(), waits=waits)

    async def _add_up(self, path: str, state: RecoveredState, forecaster: AddsUp) -> None:
        await forecast_beside(
            path,
            forecaster,
            reader_of=self._reading["reader_of"],
            state=state,
            read=self._reading["read"],
            dedupe=self._reading["dedupe"],
        )

    async def watch_pace(self) -> None:
        """Look at the pace of the spending until cancelled."""
        async with trio.open_nursery() as nursery:
            for each in self._all:
                nursery.start_soon(each.watch_pace)
