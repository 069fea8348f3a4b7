"""The balance check: computed cost = fall of the balance = rise of the key's use.

Everything is decimal and exact; the verdict allows one unit in the last decimal that the service
shows, and never more than 0.01, for each session.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec
import polars as pl

from headrace.jobs import BalanceReading, strip_zeros

from ..run import Run
from .account import AccountMoves, account_moves
from .suspects import SUSPICION, Suspect, Suspects, suspects_since
from .usage_table import NO_PRICES, unpriced_answer, unpriced_reasons

BalanceVerdict = Literal["agrees", "too small to tell", "differs", "cannot be checked"]


class BalanceCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict and the figures behind it, in `currency`.

    `computed` is the cost of the attempts, None where answers came and none of them has a cost;
    `reported` is what the service itself says that they cost, in whatever currency it counts.
    `fall` is that of the balance while the run was at work, `daily_rise` and `monthly_rise` those
    of the key's use; None where there is none to compare.
    `difference` is what the account says minus `computed`. `elsewhere` is what the balance fell
    beyond the key's own use, `topped_up` what it fell short of that. `suspects` are the largest of
    `suspect_counts`, whose estimates by suspicion are in `suspect_estimates`.

    Of several services together each figure is a sum, and `taken_in_all` that of what each account
    took; it is left out where there is one account.
    """

    verdict: BalanceVerdict
    why: list[str]
    currency: str | None
    computed: Decimal | None
    fall: Decimal | None
    daily_rise: Decimal | None
    monthly_rise: Decimal | None
    difference: Decimal | None
    tolerance: Decimal | None
    elsewhere: Decimal | None
    topped_up: Decimal | None
    suspect_counts: dict[str, int]
    suspect_estimates: dict[str, Decimal]
    suspects: list[Suspect]
    reported: Decimal | None = None
    taken_in_all: Decimal | msgspec.UnsetType | None = msgspec.UNSET

    @property
    def taken(self) -> Decimal | None:
        """What the account took: the rise of the key's own use, where that is not known the fall of
        the balance; None where neither is, and where the balance rose."""
        if self.taken_in_all is not msgspec.UNSET:
            return self.taken_in_all
        used = self.daily_rise if self.daily_rise is not None else self.monthly_rise
        if used is not None:
            return used
        return None if self.fall is None or self.fall < 0 else self.fall


REASONS_MAX = 3
NO_COST = f"{NO_PRICES}, so no cost is known"
NO_SUSPECTS = Suspects(counts={}, estimates={}, largest=[])


def check_balance(run: Run, *, tolerance: Decimal | None = None) -> BalanceCheck:
    """Compare the run's cost with what its readings of the account say: of one account.

    `tolerance` in the account's currency overrides that of the module's rule.
    """
    readings = [BalanceReading(**row) for row in run.readings.to_dicts()]
    shown = [reading for reading in readings if reading.balance is not None]
    prices = run.manifest.prices
    if (reason := _hindrance(run, readings, shown)) is not None:
        currency = prices.currency if prices else None
        return unchecked(reason, currency, computed=_computed(run), reported=_reported(run))
    moves = account_moves(shown)
    if tolerance is not None:
        moves = moves._replace(allowed=tolerance)
    return _compare(run, shown, moves)


def unchecked(
    reason: str, currency: str | None, *, computed: Decimal | None, reported: Decimal | None
) -> BalanceCheck:
    """What a check comes to where the account has nothing to say.

    Args:
        reason: why, in words.
        currency: of the prices.
        computed: the cost of the attempts.
        reported: what the service itself says that they cost.
    """
    return BalanceCheck(
        verdict="cannot be checked",
        why=[reason],
        currency=currency,
        computed=computed,
        fall=None,
        daily_rise=None,
        monthly_rise=None,
        difference=None,
        tolerance=None,
        elsewhere=None,
        topped_up=None,
        suspect_counts={},
        suspect_estimates={},
        suspects=[],
        reported=reported,
    )


def _hindrance(
    run: Run, readings: Sequence[BalanceReading], shown: Sequence[BalanceReading]
) -> str | None:
    """What leaves nothing to compare, in words; None where there is something."""
    if run.running:
        return "the run is still running"
    if not shown:
        said = readings[0].error if readings else "it was never read"
        return f"the service shows no balance ({said})"
    prices = run.manifest.prices
    foreign = [each.currency for each in shown if prices and each.currency != prices.currency]
    if prices is not None and foreign:
        return f"prices are in {prices.currency} and the balance in {foreign[0]}"
    last_sent = _last_sent(run)
    unread = last_sent is not None and last_sent > shown[-1].read_at
    if len(shown) < 2 or unread or shown[-1].spent != _cost(run):
        if prices is None:
            return NO_COST
        failed = f" ({readings[-1].error})" if readings[-1].error is not None else ""
        return f"the balance was not read after the last job{failed}"
    return None


def _compare(run: Run, shown: Sequence[BalanceReading], moves: AccountMoves) -> BalanceCheck:
    allowed, why = moves.allowed, list(moves.notes)
    why += _others(moves)
    difference = max((said - moves.computed for said in moves.said), key=abs)
    unpriced, computed = _unpriced_models(run), _computed(run)
    verdict: BalanceVerdict = "agrees" if abs(difference) <= allowed else "differs"
    if run.manifest.prices is None:  # then what the account took is all that is known
        verdict = "cannot be checked"
        why.insert(0, NO_COST)
    elif unpriced:
        verdict = "cannot be checked"
        why.append(f"no price is known for {', '.join(unpriced)}")
        if difference > 0:
            why.append(
                f"the account says {strip_zeros(difference):f} more than the others' cost: what "
                "these cost, where nothing else was at work"
            )
    elif computed is None and _answers_without_cost(run):
        verdict = "cannot be checked"
        why.append(f"no answer has a cost: {'; '.join(list(unpriced_reasons(run))[:REASONS_MAX])}")
    elif moves.hidden:
        verdict = "cannot be checked"
        why.append("the balance was topped up during the run, and the key's own use is not known")
    elif verdict == "agrees" and moves.computed < allowed and computed != 0:
        # (Where nothing was billed, nothing taken is just what should be: that is 0, not None.)
        verdict = "too small to tell"
        why.append(
            f"the cost of {strip_zeros(moves.computed):f} is less than the tolerance of "
            f"{strip_zeros(allowed):f}: the account would look the same had it taken nothing"
        )
    elif verdict == "differs":
        why += _remarks(moves, difference)
        if difference > 0 and _unread_pause(run):
            why.append(
                "a session was killed and read no balance at its end: what the key spent from then "
                "to the next session is in the difference"
            )
    suspects = NO_SUSPECTS
    if verdict == "differs" and difference > 0:
        suspects = suspects_since(run, shown[0].read_at)
    return BalanceCheck(
        verdict=verdict,
        why=why,
        currency=shown[0].currency,
        computed=None if computed is None else strip_zeros(moves.computed),
        fall=strip_zeros(moves.fall),
        daily_rise=None if moves.daily is None else strip_zeros(moves.daily),
        monthly_rise=None if moves.monthly is None else strip_zeros(moves.monthly),
        difference=None if verdict == "cannot be checked" else strip_zeros(difference),
        tolerance=allowed,
        elsewhere=strip_zeros(moves.elsewhere) if moves.own_known else None,
        topped_up=strip_zeros(moves.topped_up) if moves.own_known else None,
        suspect_counts=suspects.counts,
        suspect_estimates=suspects.estimates,
        suspects=suspects.largest,
        reported=_reported(run),
    )


def _others(moves: AccountMoves) -> list[str]:
    """Who else moved the balance: other keys of the account, or whoever topped it up."""
    said = []
    if moves.elsewhere > moves.allowed:
        said.append(
            f"the balance fell by {strip_zeros(moves.elsewhere):f} more than the key used: other "
            "keys of the account were at work"
        )
    if moves.topped_up > moves.allowed:
        said.append(
            f"the balance fell by {strip_zeros(moves.topped_up):f} less than the key used: it was "
            "topped up during the run"
        )
    if abs(moves.in_pauses) > moves.allowed:
        fell = "fell" if moves.in_pauses > 0 else "rose"
        said.append(
            f"between two sessions the balance {fell} by {strip_zeros(abs(moves.in_pauses)):f}, "
            "which is not counted"
        )
    return said


def _remarks(moves: AccountMoves, difference: Decimal) -> list[str]:
    """What a difference may mean, beyond the attempts that could explain it."""
    if difference < 0:
        top_up = "" if moves.own_known else ", a small top-up"
        return [
            "the account took less than was computed: prices that are too high, charges that were "
            f"booked later{top_up}"
        ]
    daily, monthly = moves.daily, moves.monthly
    if daily is not None and monthly is not None and abs(daily - monthly) > moves.allowed:
        return ["the key's daily and monthly use rose by different amounts"]
    if not moves.own_known:
        return [
            "other keys of the account would look the same: what this key itself used is not known "
            "for the whole run"
        ]
    return []


def _unread_pause(run: Run) -> bool:
    """Whether a session before the newest never came to its end."""
    return any(session.ended_at is None for session in run.manifest.sessions[:-1])


def _unpriced_models(run: Run) -> list[str]:
    """Models that answered and have no price."""
    prices = run.manifest.prices
    if prices is None:
        return []
    answered = run.attempts.filter(
        pl.col("error_kind").is_null()
        & pl.col("cost").is_null()
        & ~pl.col("model").is_in(list(prices.models))
    )
    names: list[str] = answered.select(pl.col("model").unique().sort()).collect()["model"].to_list()
    return names


def _cost(run: Run) -> Decimal:
    total = run.attempts.select(pl.col("cost").sum()).collect()["cost"][0]
    return Decimal(total or 0)


def _computed(run: Run) -> Decimal | None:
    """The cost of all attempts; None where some may have been billed and no cost is known."""
    if run.manifest.prices is None:
        return None
    open_bills = (SUSPICION.is_not_null() & (SUSPICION != "refused")).sum().alias("open")
    found = run.attempts.select(pl.col("cost").count().alias("priced"), open_bills).collect()
    priced, unknown = found.row(0)
    return None if unknown and not priced else strip_zeros(_cost(run))


def _answers_without_cost(run: Run) -> int:
    return int(run.attempts.select(unpriced_answer().sum()).collect().item())


def _reported(run: Run) -> Decimal | None:
    """What the service says that the attempts cost, of those that have it."""
    column = run.attempts.select("reported_cost").drop_nulls().collect().to_series()
    return strip_zeros(Decimal(column.sum())) if len(column) else None


def _last_sent(run: Run) -> datetime | None:
    last: datetime | None = run.attempts.select(pl.col("sent_at").max()).collect()["sent_at"][0]
    return last
