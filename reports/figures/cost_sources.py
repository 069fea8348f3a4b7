"""What each model cost, by three who say so: computed from its usage, reported by the service, and
taken from the account."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from ..price_fit import taken_by_model
from ..run import Run
from ..service_runs import by_service
from .account_checks import AccountChecks
from .balance_check import BalanceCheck
from .usage_table import UsageRow, UsageTable, known_sum


class CostSources(msgspec.Struct, frozen=True, kw_only=True):
    """Costs of one model (in the total: of all, and None).

    `computed` is in the currency of the prices, `reported` in whatever the service counts in, both
    None where not known; `unreported` is of how many answers the service says nothing.
    `account_low` to `account_high` is what the account can have taken for it, in its own currency;
    None where that is not known. `service` is where it was, left out where there is only one.
    """

    model: str | None
    computed: Decimal | None
    reported: Decimal | None
    account_low: Decimal | None
    account_high: Decimal | None
    service: str | msgspec.UnsetType = msgspec.UNSET
    unreported: int = 0


def cost_sources_of(
    run: Run,
    usage: UsageTable,
    checks: AccountChecks,
    by_services: Mapping[str, UsageTable],
) -> list[CostSources]:
    """By service and model, in the order of the usage, and of several their total last.

    An account tells models apart by the stretches between its readings; where each model has some
    of its own, exactly.

    Args:
        run: the run.
        usage: of all of it.
        checks: the balance checks of its accounts.
        by_services: the usage of each of its services.
    """
    total = checks.in_all.taken
    found = [
        msgspec.structs.replace(each, service=name)
        for name, part in by_service(run).items()
        for each in _by_model(part, by_services[name], checks.by_service[name])
    ]
    if not checks.by_service:
        found = _by_model(run, usage, checks.in_all)
    if len(found) > 1:
        found.append(_sources(None, usage.rows, None if total is None else (total, total)))
    return found


def _by_model(run: Run, usage: UsageTable, check: BalanceCheck) -> list[CostSources]:
    """By model, of one account."""
    total = check.taken
    models = list(dict.fromkeys(row.model for row in usage.rows if row.model is not None))
    ranges: dict[str, tuple[Decimal, Decimal]] = {}
    if total is not None:
        ranges = {models[0]: (total, total)} if len(models) == 1 else taken_by_model(run)
    return [
        _sources(model, [row for row in usage.rows if row.model == model], ranges.get(model))
        for model in models
    ]


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
        unreported=sum(row.answers - row.reported_answers for row in rows),
    )


def worth_comparing(sources: list[CostSources]) -> bool:
    """Whether they say more than the tables of usage and services and the balance check: where a
    service has several models, and somebody else tells what one of them cost."""
    models = [each for each in sources if each.model is not None]
    several = len({each.service for each in models}) < len(models)
    return several and any(
        each.reported is not None or each.account_high is not None for each in models
    )
