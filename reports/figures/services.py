"""What went to each service of a run, what that cost, and what its own account and limits say."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import polars as pl

from headrace.jobs import ServiceRecord, strip_zeros

from ..run import Run
from ..service_runs import by_service
from .account_checks import AccountChecks
from .balance_check import BalanceCheck
from .limits_report import LimitsReport, LimitUse
from .usage_table import UsageRow, UsageTable


class ServiceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One service's part of a run.

    `requests` are the attempts that were made there, `jobs` those with a result: `succeeded` and
    `failed`. Tokens are those of all attempts. `cost` is computed, None where none of it has a
    price; `reported_cost` is what the service itself says, `account_cost` what its account took,
    both None where not known. `limits` is the use of its own limits, `balance` the check of its own
    account. `stopped` is why it stopped in the newest session, None where it did not.
    """

    name: str
    base_url: str
    models: list[str]
    weight: float | None
    requests: int
    jobs: int
    succeeded: int
    failed: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    images: int
    cost: Decimal | None
    reported_cost: Decimal | None
    account_cost: Decimal | None
    refused: int
    limits: list[LimitUse]
    balance: BalanceCheck
    stopped: str | None

    @property
    def tokens(self) -> int:
        """All of them, in and out."""
        return self.input_tokens + self.output_tokens


def services_of(
    run: Run, checks: AccountChecks, usage: Mapping[str, UsageTable], limits: LimitsReport
) -> list[ServiceFigures]:
    """Each service of a run, in the order of headrace.toml; [] of a run that has none.

    Args:
        run: the run, with all its services.
        checks: the balance checks of their accounts.
        usage: of each of them.
        limits: the use of the limits of all of them.
    """
    records = {each.name: each for each in run.manifest.services}
    stopped = run.manifest.sessions[-1].stopped_services
    return [
        _figures(
            part,
            records[name],
            checks.by_service[name],
            usage[name].total,
            [
                msgspec.structs.replace(use, service=msgspec.UNSET)
                for use in limits.uses
                if use.service == name
            ],
            stopped.get(name),
        )
        for name, part in by_service(run).items()
    ]


def _figures(
    part: Run,
    record: ServiceRecord,
    check: BalanceCheck,
    total: UsageRow,
    limits: list[LimitUse],
    stopped: str | None,
) -> ServiceFigures:
    statuses = dict(part.results.group_by("status").len().collect().iter_rows())
    succeeded, failed = statuses.get("succeeded", 0), statuses.get("failed", 0)
    refused = part.attempts.filter(pl.col("http_status") == 429).select(pl.len()).collect().item()
    return ServiceFigures(
        name=record.name,
        base_url=record.base_url,
        models=record.models,
        weight=record.weight,
        requests=total.attempts,
        jobs=succeeded + failed,
        succeeded=succeeded,
        failed=failed,
        input_tokens=total.input_tokens,
        cached_input_tokens=total.cached_input_tokens,
        output_tokens=total.output_tokens,
        images=total.images,
        cost=None if total.cost is None else strip_zeros(total.cost),
        reported_cost=None if total.reported_cost is None else strip_zeros(total.reported_cost),
        account_cost=check.taken,
        refused=refused,
        limits=limits,
        balance=check,
        stopped=stopped,
    )
