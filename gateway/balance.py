"""GET /v1/balance: the tenant's balance and the key's budgets, exact to the last digit."""

import datetime as dt
from decimal import Decimal

import msgspec

from .config import Key
from .ledger import ZONE, Ledger
from .prices import EXACT, format_amount


def balance_body(ledger: Ledger, key: Key, currency: str, now_us: int) -> bytes:
    """The reference's body; the four fields of a budget are null where none is set."""
    account = ledger.account(key, now_us)
    today = ledger.today(now_us)
    next_month = (today.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return msgspec.json.encode(
        {
            "object": "balance",
            "currency": currency,
            "balance": _number(ledger.balance),
            "api_key": {
                "id": key.id,
                "name": key.name,
                **_budget(
                    "daily", key.daily_budget, account.daily_used, today + dt.timedelta(days=1)
                ),
                **_budget("monthly", key.monthly_budget, account.monthly_used, next_month),
            },
        }
    )


def _budget(
    name: str, budget: Decimal | None, used: Decimal, resets: dt.date
) -> dict[str, msgspec.Raw | str | None]:
    values: tuple[msgspec.Raw | str | None, ...] = (None,) * 4
    if budget is not None:
        midnight = dt.datetime.combine(resets, dt.time(), ZONE)
        remaining = EXACT.subtract(budget, used)
        values = (_number(budget), _number(used), _number(remaining), midnight.isoformat())
    fields = ("budget", "used", "remaining", "reset_at")
    return {f"{name}_{field}": value for field, value in zip(fields, values, strict=True)}


def _number(amount: Decimal) -> msgspec.Raw:
    return msgspec.Raw(format_amount(amount).encode("ascii"))
