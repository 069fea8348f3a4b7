"""The services of a run as every report shows them: a compact table, and which of them stopped."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from .figures import ServiceFigures, Summary
from .wording import money, money_to_read

# The verdicts of the balance check in a column.
SHORT = {"too small to tell": "too small", "cannot be checked": "not checked"}


class ServiceTable(NamedTuple):
    """A row per service, and of several their total last; the first column is the name, "all" of
    the total, and the last the verdict of the balance check."""

    header: list[str]
    rows: list[list[str]]
    has_total: bool


class _Row(NamedTuple):
    """What a column is made of, of one service or of all of them."""

    name: str
    jobs: int
    failed: int
    requests: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    reported: Decimal | None
    account: Decimal | None
    account_currency: str | None
    verdict: str


Columns = dict[str, Callable[[_Row], str]]


def service_table(summary: Summary, *, narrow: bool = False) -> ServiceTable | None:
    """What went to each service, what that cost, and what its account says.

    Args:
        summary: of the run.
        narrow: for 80 columns: amounts are rounded, and tokens added up.

    Returns:
        The table, without columns in which nothing is known; None without services.
    """
    services = summary.by_service
    if not services:
        return None
    rows = [_of_service(each) for each in services]
    if len(rows) > 1:
        rows.append(_of_all(summary))
    columns = _columns(rows, services, summary.usage.currency, narrow=narrow)
    return ServiceTable(
        header=list(columns),
        rows=[[shown(row) for shown in columns.values()] for row in rows],
        has_total=len(services) > 1,
    )


def in_one_currency(services: Sequence[ServiceFigures]) -> bool:
    """Whether all that accounts took is in one currency; without prices it may be in several, and
    then each amount is told with its own."""
    return len({each.balance.currency for each in services if each.account_cost is not None}) < 2


def _columns(
    rows: Sequence[_Row],
    services: Sequence[ServiceFigures],
    currency: str | None,
    *,
    narrow: bool,
) -> Columns:
    amount: Any = money_to_read if narrow else money
    found: Columns = {"service": lambda row: row.name, "jobs": lambda row: f"{row.jobs:,}"}
    if any(row.failed for row in rows):
        found["failed"] = lambda row: f"{row.failed:,}"
    found["requests"] = lambda row: f"{row.requests:,}"
    if narrow:
        found["tokens"] = lambda row: f"{row.input_tokens + row.output_tokens:,}"
    else:
        found["input"] = lambda row: f"{row.input_tokens:,}"
        found["output"] = lambda row: f"{row.output_tokens:,}"
    cost = "cost" if currency is None else f"cost, {currency}"
    found[cost] = lambda row: str(amount(row.cost, None))
    if not narrow and any(row.reported is not None for row in rows):
        found["reported"] = lambda row: str(amount(row.reported, None))
    one = in_one_currency(services)
    found["account"] = lambda row: str(amount(row.account, None if one else row.account_currency))
    found["balance"] = _verdict
    return found


def _verdict(row: _Row) -> str:
    """That of the check; of what nothing was sent to, only what could be checked all the same."""
    unused = not row.requests and row.verdict == "cannot be checked"
    return "-" if unused else SHORT.get(row.verdict, row.verdict)


def _of_service(each: ServiceFigures) -> _Row:
    return _Row(
        each.name,
        each.jobs,
        each.failed,
        each.requests,
        each.input_tokens,
        each.output_tokens,
        each.cost,
        each.reported_cost,
        each.account_cost,
        each.balance.currency,
        each.balance.verdict,
    )


def _of_all(summary: Summary) -> _Row:
    outcome, total, check = summary.outcome, summary.usage.total, summary.balance
    return _Row(
        "all",
        outcome.succeeded + outcome.failed,
        outcome.failed,
        total.attempts,
        total.input_tokens,
        total.output_tokens,
        total.cost,
        total.reported_cost,
        check.taken,
        check.currency,
        check.verdict,
    )


def stopped_words(services: Sequence[ServiceFigures]) -> list[str]:
    """A sentence for each service that stopped before its jobs were done."""
    return [f"{each.name} stopped: {each.stopped}" for each in services if each.stopped is not None]
