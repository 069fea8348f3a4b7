"""The balance, what each key has used of its budgets, and every charge, to the last digit."""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal

from .config import Key
from .prices import EXACT, ZERO

# The reference's days and months begin at midnight here.
ZONE = dt.timezone(dt.timedelta(hours=8))


class KeyAccount:
    """What one key has used today and this month; call `turn` before reading."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.daily_used = ZERO
        self.monthly_used = ZERO
        # Charges of answers that are on their way, not yet taken from anything.
        self.held = ZERO
        self._day: dt.date | None = None

    def turn(self, today: dt.date) -> None:
        """Start from nothing when the day, or the month, is a new one."""
        if self._day == today:
            return
        if self._day is not None:
            self.daily_used = ZERO
            if (self._day.year, self._day.month) != (today.year, today.month):
                self.monthly_used = ZERO
        self._day = today

    def spent(self) -> str | None:
        """Which budget is spent, counting what is held: `daily` or `monthly`, or None."""
        for name, budget, used in (
            ("daily", self.key.daily_budget, self.daily_used),
            ("monthly", self.key.monthly_budget, self.monthly_used),
        ):
            if budget is not None and EXACT.add(used, self.held) >= budget:
                return name
        return None


class Ledger:
    """One balance, several keys. The charges always sum to the fall of the balance, exactly."""

    def __init__(
        self, balance: Decimal, keys: Sequence[Key], *, wall: Callable[[], dt.datetime]
    ) -> None:
        self.opening_balance = balance
        self.balance = balance
        self.charges: dict[str, Decimal] = {}
        self._held = ZERO
        self._wall = wall
        self._accounts = {key.id: KeyAccount(key) for key in keys}

    def account(self, key: Key) -> KeyAccount:
        """The key's account as of today."""
        account = self._accounts[key.id]
        account.turn(self.today())
        return account

    def today(self) -> dt.date:
        """The date in the reference's zone."""
        return self._wall().astimezone(ZONE).date()

    def refusal(self, key: Key) -> str | None:
        """Why `key` may not spend now, naming what is empty; None when it may.

        An answer is begun while anything at all is left beyond what others hold, so the balance can
        end below zero by less than one answer.
        """
        if EXACT.subtract(self.balance, self._held) <= 0:
            return "The balance is empty: top up to go on."
        spent = self.account(key).spent()
        return None if spent is None else f"The {spent} budget of this API key is used up."

    def hold(self, key: Key, amount: Decimal) -> None:
        """Set `amount` aside for an answer that is on its way."""
        self._held = EXACT.add(self._held, amount)
        account = self._accounts[key.id]
        account.held = EXACT.add(account.held, amount)

    def release(self, key: Key, amount: Decimal) -> None:
        """Give back what `hold` set aside."""
        self._held = EXACT.subtract(self._held, amount)
        account = self._accounts[key.id]
        account.held = EXACT.subtract(account.held, amount)

    def charge(self, key: Key, request_id: str, amount: Decimal) -> None:
        """Take `amount` from the balance, once for each `request_id`."""
        if request_id in self.charges:
            raise ValueError(f"{request_id} is charged already")
        self.charges[request_id] = amount
        self.balance = EXACT.subtract(self.balance, amount)
        account = self.account(key)
        account.daily_used = EXACT.add(account.daily_used, amount)
        account.monthly_used = EXACT.add(account.monthly_used, amount)
