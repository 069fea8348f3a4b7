"""The budgets of an API key, one for each period that the service counts."""

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple, get_args

Period = Literal["daily", "monthly"]
PERIODS: tuple[Period, ...] = get_args(Period)


class PeriodBudget(NamedTuple):
    """A key's budget for one period, in the reading's currency; None is what isn't shown."""

    name: Period
    budget: Decimal | None
    used: Decimal | None
    remaining: Decimal | None
    reset_at: datetime | None
