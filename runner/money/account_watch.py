"""The account, watched while a run sends: what nobody can compute, it says.

    kept     bounds of attempts whose bill is unknown; once the last of them is 60 s old, the
             account's rise beyond what was spent is all that they can have been billed
    stop     the key's own use rose by more than is spent, kept and reserved: somebody bills what
             this run knows nothing of, at two readings 5 s apart
    limits   what others spend lowers the account's ceilings

It is read every minute, and each time that a further tenth of the tightest ceiling is taken.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import trio

from headrace.jobs import BalanceReading, HeadraceError, show_duration

from ..clock import RunClock
from ..errors import OverbilledError
from ..record import Recorder, Totals
from ..settings import SendSettings
from ..stop import Stop
from .account import Account
from .account_limits import AccountLimits
from .budget import Budget, Ceiling, show_amount
from .rise import ZERO, AccountRise

EVERY_S = 60.0
SHARE_OF_CEILING = Decimal("0.1")
# How old the last attempt without a bill is once its bill, if any, is in the account's figures.
BILLED_WITHIN_S = 60.0
# Charges may be booked so long after the answer, and a figure be caught between the two.
SECOND_READING_S = 5.0


class AccountWatch:
    """Watches the account of one session: `run` is a task for its nursery, `second_look` for who
    finds no room. What it finds amiss goes to `stop`; nothing is raised.

    Without `begin`, where the service shows no balance, it does nothing, and what is kept stays.
    """

    def __init__(
        self,
        *,
        account: Account,
        limits: AccountLimits,
        recorder: Recorder,
        totals: Totals,
        budget: Budget,
        clock: RunClock,
        stop: Stop,
        settings: SendSettings,
    ) -> None:
        self._account = account
        self._limits = limits
        self._recorder = recorder
        self._totals = totals
        self._budget = budget
        self._clock = clock
        self._stop = stop
        self._settings = settings
        self._looking = trio.Lock()
        self._marked = trio.Event()
        self._announce: Callable[[str], None] | None = None
        self._session: AccountRise | None = None  # since this session's first reading
        self._since: AccountRise | None = None  # since what is kept now began to be kept
        self._before: Decimal = ZERO  # kept at that reading already: nothing tells what it cost
        self._began_s = 0.0
        self._read_s = 0.0
        self._judged_s: float | None = None  # which attempt without a bill was the last, then
        self._amid = False  # whether something was in flight at the reading that holds

    def begin(
        self,
        before: BalanceReading,
        earlier: Sequence[BalanceReading],
        announce: Callable[[str], None] | None = None,
    ) -> None:
        """Start from the session's first reading; `announce` is told what is waited for.

        `earlier` are those of earlier sessions since the money began to be kept that is kept now:
        the first was made when there was none, with nothing in flight.
        """
        self._announce = announce
        self._began_s = self._read_s = self._clock.now()
        if before.balance is None or before.currency != self._budget.currency:
            return
        self._session = AccountRise(before)
        if earlier and self._totals.kept:
            self._since = AccountRise(earlier[0])
            for reading in [*earlier[1:], before]:
                self._since.add(reading)
        else:
            self._since = AccountRise(before)
            self._before = self._totals.kept
        self._budget.second_look = self.second_look

    def end(self) -> None:
        """Watch no more: what others take from this account can't be told from this run's bills."""
        self._session = self._since = None
        self._budget.second_look = None

    async def run(self) -> None:
        """Read the account again and again, until cancelled."""
        if self._session is None:
            return
        try:
            while True:
                await self._until_due()
                async with self._looking:
                    await self._look()
        except HeadraceError as error:
            self._stop.request(error)

    async def second_look(self, over: Ceiling) -> bool:
        """Whether there may be room below the ceiling that is `over` by now, nothing being in
        flight: what is kept may not have been billed, and the reading that holds may be old."""
        if self._stop.reason is not None:
            return False
        async with self._looking:
            try:
                if self._unjudged:
                    self._say_what_is_waited_for()
                    await trio.sleep_until(self._settled_s)
                elif over is self._budget.ceiling or not self._amid:
                    return False
                return await self._look()
            except HeadraceError as error:
                self._stop.request(error)
                return False

    def _say_what_is_waited_for(self) -> None:
        if self._announce is not None:
            wait_s = max(0.0, self._settled_s - self._clock.now()) + SECOND_READING_S
            kept = f"{show_amount(self._totals.kept)} {self._budget.currency}"
            self._announce(
                f"Waiting {show_duration(wait_s)} for the account to say how much of the {kept} "
                "kept for attempts whose bill is unknown was billed."
            )

    async def _until_due(self) -> None:
        """Wait for the next minute, tenth of the ceiling, or for what is kept to be settled."""
        self._marked = trio.Event()
        if (ceiling := self._budget.tightest) is not None:
            taken = self._totals.spent + self._totals.kept
            self._budget.tell_at(taken + SHARE_OF_CEILING * ceiling.total, self._marked.set)
        due_s = self._read_s + EVERY_S
        if self._unjudged and self._settled_s > self._clock.now():
            due_s = min(due_s, self._settled_s)
        with trio.move_on_at(due_s):
            await self._marked.wait()

    @property
    def _unjudged(self) -> bool:
        """Whether something is kept whose bill the account has not been asked about."""
        return self._totals.kept > self._before and self._judged_s != self._last_unbilled_s

    @property
    def _last_unbilled_s(self) -> float:
        unbilled_s = self._totals.unbilled_s
        return self._began_s if unbilled_s is None else unbilled_s

    @property
    def _settled_s(self) -> float:
        """When the last attempt without a bill is old enough."""
        return self._last_unbilled_s + BILLED_WITHIN_S

    async def _look(self) -> bool:
        """Read the account, release what was not billed, and keep to what there is; whether the
        account showed anything. Raises KeyRefusedError and OverbilledError."""
        settled = self._unjudged and self._clock.now() >= self._settled_s
        # An answer's charge may be booked a little later: what it cost is not told from others yet.
        spent = self._totals.spent
        if settled:
            await trio.sleep(SECOND_READING_S)
        reading = await self._read()
        if settled and self._clock.now() >= self._settled_s:
            self._judged_s = self._last_unbilled_s
        else:
            settled = False  # there is another one without a bill since
        if reading is None:
            return False
        if self._overbilled is not None and not self._settings.yes:
            self._recorder.reading(reading)
            await trio.sleep(SECOND_READING_S)
            reading = await self._read()
            if reading is None:
                return False
            if (reason := self._overbilled) is not None:
                self._recorder.reading(reading)
                raise reason
        self._recorder.reading(reading, released=self._released(spent) if settled else None)
        self._amid = bool(self._budget.reserved or self._budget.unbounded)
        old = self._clock.now() >= self._settled_s
        taken = self._totals.spent + (self._totals.kept if old else ZERO)
        at = reading.read_at.isoformat(timespec="seconds")
        self._limits.lower(reading, when=f"at {at}", taken=taken)
        self._budget.kept_fell()
        return True

    async def _read(self) -> BalanceReading | None:
        """A reading that has a balance, added to what the account took; None without one."""
        self._read_s = self._clock.now()
        reading = await self._account.read("during", spent=self._totals.spent)
        if reading.balance is None or reading.currency != self._budget.currency:
            return None
        assert self._session is not None
        assert self._since is not None
        self._session.add(reading)
        self._since.add(reading)
        return reading

    def _released(self, spent: Decimal) -> Decimal | None:
        """What of the money that is kept can't have been billed, where `spent` was the cost of all
        whose charges are booked; None where there is none."""
        since = self._since
        assert since is not None
        billed = max(ZERO, since.most - (spent - since.first.spent))
        released = self._totals.kept - self._before - billed
        return released if released > 0 and not since.hidden else None

    @property
    def _overbilled(self) -> OverbilledError | None:
        """Why the run must stop, where the key's own use rose by more than is accounted for."""
        session, totals, budget = self._session, self._totals, self._budget
        assert session is not None
        if totals.unaccounted or budget.unbounded:
            return None  # something is billed whose cost is not known
        spent = totals.spent - session.first.spent
        beyond = session.own - spent - totals.kept - budget.reserved
        if beyond <= session.tolerance:
            return None
        known = (
            f"{show_amount(spent)} were computed, {show_amount(totals.kept)} kept for attempts "
            f"whose bill is unknown and {show_amount(budget.reserved)} set aside"
        )
        return OverbilledError(
            f"the account took {show_amount(session.own)} {budget.currency} since this session "
            f"began, and only {known}: something is billed that this run knows nothing of (prices "
            "that are too low, refusals that are billed, other traffic on the key); see `headrace "
            "report`, and give --yes to send in spite of it"
        )
