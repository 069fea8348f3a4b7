"""What the account says over a run: the fall of its balance, and the rise of the key's own use.

Readings are compared pairwise, each with the next, and only while the run was at work: what happens
between the last reading of one session and the first of the next is nobody's business here.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from headrace.jobs import PERIODS, AccountChange, BalanceReading, Period

TOLERANCE_MAX = Decimal("0.01")
ZERO = Decimal(0)


class AccountMoves(NamedTuple):
    """What the account did while the run was at work, in its currency.

    `fall`, `daily` and `monthly` are sums over all stretches, None where a stretch lacks the
    figure. `said` has what each figure that the cost is held against came to: the key's own use by
    day and by month, and the fall of the balance where the use is not known. `elsewhere` and
    `topped_up` are what the balance fell more, and less, than the key used. `hidden` says that in
    some stretch the balance rose, and nothing shows what was used meanwhile.
    """

    computed: Decimal
    fall: Decimal
    daily: Decimal | None
    monthly: Decimal | None
    said: list[Decimal]
    elsewhere: Decimal
    topped_up: Decimal
    in_pauses: Decimal
    own_known: bool
    hidden: bool
    allowed: Decimal
    notes: list[str]


def account_moves(shown: Sequence[BalanceReading]) -> AccountMoves:
    """Add up what two or more readings with a figure say, in order of time."""
    stretches, pauses = _stretches(shown)
    own = [each.own for each in stretches]
    fall = _sum(each.fall for each in stretches)
    known = [
        (each.fall, used) for each, used in zip(stretches, own, strict=True) if used is not None
    ]
    said = [_sum(each.fall if (used := each.own) is None else used for each in stretches)]
    if (monthly := _total("monthly", stretches)) is not None:
        said.append(monthly)
    unit = _unit(shown)
    return AccountMoves(
        computed=_sum(each.computed for each in stretches),
        fall=fall,
        daily=_total("daily", stretches),
        monthly=monthly,
        said=said,
        elsewhere=_sum(max(ZERO, fell - used) for fell, used in known),
        topped_up=_sum(max(ZERO, used - fell) for fell, used in known),
        in_pauses=_sum(each.fall for each in pauses),
        own_known=None not in own,
        hidden=any(
            each.own is None and (each.fall < 0 or each.own_at_least - each.fall > unit)
            for each in stretches
        ),
        # Each session's first and last figure are rounded by the service.
        allowed=unit * (len(pauses) + 1),
        notes=_notes(stretches),
    )


def _stretches(shown: Sequence[BalanceReading]) -> tuple[list[AccountChange], list[AccountChange]]:
    """Pairs of readings with work between them, and those around a pause."""
    work, pauses = list[AccountChange](), list[AccountChange]()
    for first, last in pairwise(shown):
        pause = first.moment == "after" and last.moment == "before" and first.spent == last.spent
        (pauses if pause else work).append(AccountChange(first, last))
    return work, pauses


def _notes(stretches: Sequence[AccountChange]) -> list[str]:
    notes = [
        f"the key's {period} use was reset during the run"
        for period in PERIODS
        if any(each.was_reset(period) and each.same_key for each in stretches)
    ]
    if not all(each.same_key for each in stretches):
        notes.append("another API key took over, so what the first one used is not known")
    return notes


def _total(period: Period, stretches: Sequence[AccountChange]) -> Decimal | None:
    rises = [each.rise(period) for each in stretches]
    known = [rise for rise in rises if rise is not None]
    return _sum(known) if known and len(known) == len(rises) else None


def _unit(shown: Sequence[BalanceReading]) -> Decimal:
    """One unit in the last decimal shown, at most 0.01."""
    decimals = max(reading.places for reading in shown)
    return min(TOLERANCE_MAX, Decimal(1).scaleb(-decimals))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
