"""The balance, what each key has spent of its budgets, and every charge, to the last digit."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from .config import Key
from .prices import EXACT, ZERO

# The reference's days and months begin at midnight here.
ZONE = dt.timezone(dt.timedelta(hours=8))
_ZONE_US = 8 * 3_600_000_000
_DAY_US = 86_400_000_000
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


class KeySpend(NamedTuple):
    """What a key has spent on `day` (in ZONE) and in its month."""

    day: dt.date
    daily: Decimal
    monthly: Decimal


class LedgerStore(Protocol):
    """Where a ledger outlives the process."""

    def balance(self) -> Decimal | None:
        """The stored balance; None where there is none yet."""

    def spend(self, key_id: str) -> KeySpend | None:
        """What the key had spent; None where it never paid."""

    def begin(self, balance: Decimal) -> None:
        """Store the opening balance."""

    def charge(
        self, request_id: str, key_id: str, amount: Decimal, *, balance: Decimal, spend: KeySpend
    ) -> None:
        """Store one charge with the new balance and spending, all or nothing."""


class KeyAccount:
    """What one key has spent today and this month."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.daily_used = ZERO
        self.monthly_used = ZERO
        # Charges of answers that are being sent, not yet taken.
        self.held = ZERO
        self.day: dt.date | None = None

    def roll_over(self, today: dt.date) -> None:
        """Start at 0 on a new day, and in a new month."""
        if self.day is not None and self.day != today:
            self.daily_used = ZERO
            if (self.day.year, self.day.month) != (today.year, today.month):
                self.monthly_used = ZERO
        self.day = today

    def spent(self) -> str | None:
        """Which budget is used up, counting what is held: `daily`, `monthly` or None."""
        key, held = self.key, self.held
        if key.daily_budget is not None and EXACT.add(self.daily_used, held) >= key.daily_budget:
            return "daily"
        monthly = key.monthly_budget
        if monthly is not None and EXACT.add(self.monthly_used, held) >= monthly:
            return "monthly"
        return None


class Ledger:
    """One balance and several keys. The charges sum exactly to the fall of the balance.

    Times are microseconds since 1970 (UTC). `charges` holds each charge by its request_id.

    Args:
        balance: the opening balance, where the store has none.
        keys: the keys that may spend.
        store: keeps the ledger across restarts.
        remember: whether to fill `charges`, which grows with every answer.
    """

    def __init__(
        self,
        balance: Decimal,
        keys: Sequence[Key],
        *,
        store: LedgerStore | None = None,
        remember: bool = True,
    ) -> None:
        self._store = store
        self._remember = remember
        self._held = ZERO
        self._accounts = {key.id: KeyAccount(key) for key in keys}
        self._day_number = -1
        self._day = dt.date.min
        self.charges: dict[str, Decimal] = {}
        kept = None if store is None else store.balance()
        self.opening_balance = balance if kept is None else kept
        self.balance = self.opening_balance
        if store is not None:
            if kept is None:
                store.begin(balance)
            self._restore(store)

    def _restore(self, store: LedgerStore) -> None:
        for account in self._accounts.values():
            spend = store.spend(account.key.id)
            if spend is not None:
                account.day = spend.day
                account.daily_used, account.monthly_used = spend.daily, spend.monthly

    def today(self, now_us: int) -> dt.date:
        """The date in the reference's zone."""
        number = (now_us + _ZONE_US) // _DAY_US
        if number != self._day_number:
            self._day_number = number
            self._day = dt.date.fromordinal(_EPOCH_ORDINAL + number)
        return self._day

    def account(self, key: Key, now_us: int) -> KeyAccount:
        """The key's account at that time."""
        account = self._accounts[key.id]
        today = self.today(now_us)
        if account.day != today:
            account.roll_over(today)
        return account

    def refusal(self, key: Key, now_us: int) -> str | None:
        """Why `key` may not spend now, naming what is used up; None where it may.

        An answer may begin while anything is left beyond what others hold, so the balance can end
        below zero by less than one answer.
        """
        if self.balance <= self._held:
            return "The balance is empty: top up to continue."
        spent = self.account(key, now_us).spent()
        return None if spent is None else f"The {spent} budget of this API key is used up."

    def hold(self, key: Key, amount: Decimal) -> None:
        """Set `amount` aside for an answer that is being sent."""
        self._held = EXACT.add(self._held, amount)
        account = self._accounts[key.id]
        account.held = EXACT.add(account.held, amount)

    def release(self, key: Key, amount: Decimal) -> None:
        """Undo a `hold`."""
        self._held = EXACT.subtract(self._held, amount)
        account = self._accounts[key.id]
        account.held = EXACT.subtract(account.held, amount)

    def charge(self, key: Key, request_id: str, amount: Decimal, now_us: int) -> None:
        """Take `amount` from the balance. Raises ValueError for a second charge of `request_id`."""
        if self._remember:
            if request_id in self.charges:
                raise ValueError(f"{request_id} is charged already")
            self.charges[request_id] = amount
        account = self.account(key, now_us)
        self.balance = EXACT.subtract(self.balance, amount)
        account.daily_used = EXACT.add(account.daily_used, amount)
        account.monthly_used = EXACT.add(account.monthly_used, amount)
        if self._store is not None:
            spend = KeySpend(self._day, account.daily_used, account.monthly_used)
            self._store.charge(request_id, key.id, amount, balance=self.balance, spend=spend)
