"""What each model cost, by three who say so: computed from its usage, reported by the service, and
taken from the account."""

from decimal import Decimal

import msgspec

from ..price_fit import taken_by_model
from ..run import Run
from .balance_check import BalanceCheck
from .usage_table import UsageRow, UsageTable, known_sum


class CostSources(msgspec.Struct, frozen=True, kw_only=True):
    """Costs of one model (in the total: of all, and None).

    `computed` is in the currency of the prices, `reported` in whatever the service counts in, both
    None where not known. `account_low` to `account_high` is what the account can have taken for it,
    in its own currency; None where that is not known.
    """

    model: str | None
    computed: Decimal | None
    reported: Decimal | None
    account_low: Decimal | None
    account_high: Decimal | None


def cost_sources_of(run: Run, usage: UsageTable, check: BalanceCheck) -> list[CostSources]:
    """By model, in the order of the usage, and of several models their total last.

    The account tells models apart by the stretches between its readings; where each model has some
    of its own, exactly.
    """
    total = check.taken
    models = list(dict.fromkeys(row.model for row in usage.rows if row.model is not None))
    ranges: dict[str, tuple[Decimal, Decimal]] = {}
    if total is not None:
        ranges = {models[0]: (total, total)} if len(models) == 1 else taken_by_model(run)
    found = [
        _sources(model, [row for row in usage.rows if row.model == model], ranges.get(model))
        for model in models
    ]
    if len(models) > 1:
        found.append(_sources(None, usage.rows, None if total is None else (total, total)))
    return found


def _sources(
    model: str | None, rows: list[UsageRow], taken: tuple[Decimal, Decimal] | None
) -> CostSources:
    low, high = taken or (None, None)
    return CostSources(
        model=model,
        computed=known_sum(row.cost for row in rows),
        reported=known_sum(row.reported_cost for row in rows),
        account_low=low,
        account_high=high,
    )


def worth_comparing(sources: list[CostSources]) -> bool:
    """Whether they say more than the table of usage and the balance check: where there are several
    models, and somebody else tells what one of them cost."""
    return len(sources) > 1 and any(
        each.reported is not None or each.account_high is not None
        for each in sources
        if each.model is not None
    )
