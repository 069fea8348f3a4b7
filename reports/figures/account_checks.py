"""The balance check of a run: of its one account, or of each service's, and of all together.

Each service has an account of its own, so readings are compared within a service alone. What is
said of all is a sum, where each could be checked.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec
import polars as pl

from headrace.jobs import strip_zeros

from ..run import Run
from ..service_runs import by_service, sharing_accounts
from .balance_check import NO_COST, BalanceCheck, BalanceVerdict, check_balance, unchecked
from .suspects import SUSPECTS_SHOWN, SUSPICIONS, Suspect
from .usage_table import known_sum

NO_COST_THERE = "it has no prices (`prices` in headrace.toml), so no cost is known"
Amount = TypeVar("Amount", int, Decimal)
# What one service's verdict makes of that of all: the first that any has.
FIRST: tuple[BalanceVerdict, ...] = ("differs", "cannot be checked", "agrees", "too small to tell")


class AccountChecks(NamedTuple):
    """`in_all` is of the run, `by_service` of each service, {} where it has none."""

    in_all: BalanceCheck
    by_service: dict[str, BalanceCheck]


def check_accounts(run: Run, *, tolerance: Decimal | None = None) -> AccountChecks:
    """Compare a run's cost with what the readings of its accounts say.

    Args:
        run: the run.
        tolerance: what one account may differ by; None is the rule of the balance check.
    """
    parts = by_service(run)
    if not parts:
        return AccountChecks(check_balance(run, tolerance=tolerance), {})
    found = {name: check_balance(part, tolerance=tolerance) for name, part in parts.items()}
    for name, part in parts.items():
        if part.manifest.prices is None:
            why = [NO_COST_THERE if each == NO_COST else each for each in found[name].why]
            found[name] = msgspec.structs.replace(found[name], why=why)
    for name, others in sharing_accounts(run).items():
        found[name] = _of_shared_account(found[name], others)
    # What nothing was sent to says something only where it could be checked.
    counted = {
        name: check
        for name, check in found.items()
        if check.verdict != "cannot be checked" or _was_used(parts[name])
    }
    return AccountChecks(_in_all(counted or found), found)


def _of_shared_account(check: BalanceCheck, others: Sequence[str]) -> BalanceCheck:
    """What is left of a check where the account took what others used, too."""
    return unchecked(
        f"its account is that of {' and '.join(others)}, too, and doesn't tell them apart (write "
        "them as one service, with limits of its models)",
        check.currency,
        computed=check.computed,
        reported=check.reported,
    )


def _was_used(part: Run) -> bool:
    return bool(part.attempts.select(pl.len()).collect().item())


def _in_all(checks: dict[str, BalanceCheck]) -> BalanceCheck:
    found = list(checks.values())
    verdicts = {each.verdict for each in found}
    why = [f"{name}: {said}" for name, check in checks.items() for said in _said(check)]
    # Amounts of the accounts are added up where they are of one currency.
    said = found
    if len(currencies := _currencies(checks)) > 1:
        accounts = " and ".join(f"{of} ({', '.join(names)})" for of, names in currencies.items())
        why.append(f"the accounts are in {accounts}, so what they took has no sum")
        said = []
    return BalanceCheck(
        verdict=next(each for each in FIRST if each in verdicts),
        why=why,
        currency=next((each.currency for each in found if each.currency is not None), None),
        computed=known_sum(each.computed for each in found),
        fall=_sum_of_all(each.fall for each in said),
        daily_rise=_sum_of_all(each.daily_rise for each in said),
        monthly_rise=_sum_of_all(each.monthly_rise for each in said),
        difference=_sum_of_all(each.difference for each in said),
        tolerance=_sum_of_all(each.tolerance for each in said),
        elsewhere=known_sum(each.elsewhere for each in said),
        topped_up=known_sum(each.topped_up for each in said),
        suspect_counts=_in_order(_added(each.suspect_counts for each in found)),
        suspect_estimates=_in_order(_added(each.suspect_estimates for each in found)),
        suspects=_largest(checks),
        reported=known_sum(each.reported for each in found),
        taken_in_all=_sum_of_all(each.taken for each in said),
    )


def _currencies(checks: dict[str, BalanceCheck]) -> dict[str, list[str]]:
    """The services by the currency of what their accounts took."""
    found: dict[str, list[str]] = {}
    for name, check in checks.items():
        if check.fall is not None and check.currency is not None:
            found.setdefault(check.currency, []).append(name)
    return found


def _said(check: BalanceCheck) -> list[str]:
    """What is to be known of one account: by how much it differs, and why."""
    if check.verdict != "differs" or check.difference is None:
        return check.why
    more = "more" if check.difference > 0 else "less"
    amount = f"{strip_zeros(abs(check.difference)):f} {check.currency}"
    return [f"the account says {amount} {more} than was computed", *check.why]


def _sum_of_all(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Their sum; None where one of them is not known, and of none."""
    found = list(amounts)
    known = [amount for amount in found if amount is not None]
    return strip_zeros(sum(known, Decimal(0))) if known and len(known) == len(found) else None


def _added(found: Iterable[dict[str, Amount]]) -> dict[str, Amount]:
    total: dict[str, Amount] = {}
    for each in found:
        for name, amount in each.items():
            total[name] = total[name] + amount if name in total else amount
    return total


def _in_order(found: dict[str, Amount]) -> dict[str, Amount]:
    return {name: found[name] for name in SUSPICIONS if name in found}


def _largest(checks: dict[str, BalanceCheck]) -> list[Suspect]:
    """The largest suspects of all services, each with its service's name."""
    named: Sequence[Suspect] = [
        msgspec.structs.replace(each, service=name)
        for name, check in checks.items()
        for each in check.suspects
    ]
    return sorted(named, key=_smallness)[:SUSPECTS_SHOWN]


def _smallness(each: Suspect) -> tuple[bool, Decimal]:
    amount = each.estimate if each.estimate is not None else each.at_most
    return each.suspicion == "refused", -(Decimal(-1) if amount is None else amount)
