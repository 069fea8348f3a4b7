"""The balance check: computed cost = fall of the balance = rise of the key's use.

Everything is decimal and exact; the verdict allows one unit in the last decimal that the service
shows, and never more than 0.01.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
import polars as pl

from jobs import Attempt, BalanceReading, frame

from .run import Run

TOLERANCE_MAX = Decimal("0.01")
SUSPECTS_SHOWN = 20

# Why an attempt may have been billed without its cost being known, the likeliest first.
SUSPICIONS = {
    "usage missing": "answered, but the answer did not say what it used",
    "stream cut": "the stream broke off before its usage came",
    "timeout": "no answer in time: the gateway may have gone on",
    "cancelled": "cancelled while in flight",
    "lost": "sent before a crash, and its answer never recorded",
    "failed answer": "failed, and may have been billed all the same",
}

Verdict = Literal["agrees", "differs", "cannot be checked"]


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that could explain a difference; `probable_cost` where that was estimated."""

    suspicion: str
    index: int
    custom_id: str
    attempt: int
    request_id: str | None
    probable_cost: Decimal | None


class BalanceCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict and the figures behind it, in `currency`.

    `computed` is the cost of the attempts, `fall` that of the balance between the run's first and
    last reading, `daily_rise` and `monthly_rise` those of the key's use; None where there is none
    to compare. `difference` is what the account says minus `computed`. `suspects` are the first of
    `suspect_counts`, by suspicion; `suspect_costs` are their probable costs added up, where any was
    estimated, and never part of `computed`.
    """

    verdict: Verdict
    why: list[str]
    currency: str | None
    computed: Decimal | None
    fall: Decimal | None
    daily_rise: Decimal | None
    monthly_rise: Decimal | None
    difference: Decimal | None
    tolerance: Decimal | None
    suspect_counts: dict[str, int]
    suspect_costs: dict[str, Decimal]
    suspects: list[Suspect]


class _Span:
    """The first and the last reading with a figure, and what changed between them."""

    def __init__(self, first: BalanceReading, last: BalanceReading) -> None:
        self.first = first
        self.last = last
        self.fall = _difference(first.balance, last.balance)
        self.notes: list[str] = []
        self.daily = self._rise(
            "daily", first.daily_used, last.daily_used, first.daily_reset_at, last.daily_reset_at
        )
        self.monthly = self._rise(
            "monthly",
            first.monthly_used,
            last.monthly_used,
            first.monthly_reset_at,
            last.monthly_reset_at,
        )

    def _rise(
        self,
        name: str,
        before: Decimal | None,
        after: Decimal | None,
        reset: datetime | None,
        later_reset: datetime | None,
    ) -> Decimal | None:
        if before is None or after is None:
            return None
        if reset != later_reset or after < before:
            self.notes.append(f"the {name} use was reset during the run, so it says nothing")
            return None
        return after - before


def check_balance(run: Run, *, tolerance: Decimal | None = None) -> BalanceCheck:
    """Compare the run's cost with what its readings of the account say.

    `tolerance` in the account's currency overrides that of the module's rule.
    """
    readings = [BalanceReading(**row) for row in run.readings.to_dicts()]
    shown = [reading for reading in readings if reading.balance is not None]
    computed = _computed(run)
    if (reason := _hindrance(run, readings, shown, computed)) is not None:
        return _verdict("cannot be checked", [reason], run, computed=computed)
    span = _Span(shown[0], shown[-1])
    paid = computed - span.first.spent
    allowed = _tolerance(span) if tolerance is None else tolerance
    return _compare(run, span, paid, allowed)


def _hindrance(
    run: Run, readings: list[BalanceReading], shown: list[BalanceReading], computed: Decimal
) -> str | None:
    """What makes the check impossible, in words; None where it can be made."""
    if run.running:
        return "the run still goes on"
    if not shown:
        said = readings[0].error if readings else "it was never read"
        return f"the service shows no balance ({said})"
    prices = run.manifest.prices
    if prices is None:
        return "no prices were given (--prices), so no cost is known"
    if prices.currency != shown[0].currency:
        return f"prices are in {prices.currency} and the balance in {shown[0].currency}"
    if len(shown) < 2 or shown[-1].spent != computed:
        return "the balance was not read after the last job"
    unpriced = (
        run.attempts.filter(
            pl.col("error_kind").is_null()
            & pl.col("cost").is_null()
            & ~pl.col("model").is_in(list(prices.models))
        )
        .select(pl.col("model").unique().sort())
        .collect()["model"]
        .to_list()
    )
    if unpriced:
        return f"no price is known for {', '.join(unpriced)}"
    return None


def _compare(run: Run, span: _Span, paid: Decimal, allowed: Decimal) -> BalanceCheck:
    why = span.notes
    # What the key used is about this key alone; the balance is the whole tenant's.
    own = span.daily if span.daily is not None else span.monthly
    fall = span.fall
    if own is not None and fall is not None and abs(fall - own) > allowed:
        if fall < own:
            why.append(
                f"the balance fell by {plain(own - fall):f} less than the key used: it was "
                "topped up during the run"
            )
        else:
            why.append(
                f"the balance fell by {plain(fall - own):f} more than the key used: other keys "
                "of the account were at work"
            )
    elif own is None and fall is not None and fall < 0:
        why.append("the balance rose during the run: it was topped up")
        return _verdict("cannot be checked", why, run, span=span, computed=paid, allowed=allowed)
    said = own if own is not None else fall
    assert said is not None
    difference = said - paid
    verdict: Verdict = "agrees" if abs(difference) <= allowed else "differs"
    if verdict == "differs" and own is None and difference > 0:
        why.append(
            "the account's use by other keys would look the same: this key has no budget, so its "
            "own use is not shown"
        )
    return _verdict(
        verdict, why, run, span=span, computed=paid, allowed=allowed, difference=difference
    )


def _verdict(
    verdict: Verdict,
    why: list[str],
    run: Run,
    *,
    span: _Span | None = None,
    computed: Decimal | None = None,
    allowed: Decimal | None = None,
    difference: Decimal | None = None,
) -> BalanceCheck:
    rows = _suspects(run) if verdict == "differs" else _NONE
    by_suspicion = rows.group_by("suspicion", maintain_order=True)
    costs = by_suspicion.agg(pl.col("probable_cost").sum()).filter(pl.col("probable_cost") != 0)
    prices = run.manifest.prices
    return BalanceCheck(
        verdict=verdict,
        why=why,
        currency=span.first.currency if span else prices.currency if prices else None,
        computed=None if prices is None or computed is None else plain(computed),
        fall=plain(span.fall) if span and span.fall is not None else None,
        daily_rise=plain(span.daily) if span and span.daily is not None else None,
        monthly_rise=plain(span.monthly) if span and span.monthly is not None else None,
        difference=None if difference is None else plain(difference),
        tolerance=allowed,
        suspect_counts=dict(by_suspicion.len().iter_rows()),
        suspect_costs={name: plain(cost) for name, cost in costs.iter_rows()},
        suspects=[_suspect(row) for row in rows.head(SUSPECTS_SHOWN).to_dicts()],
    )


_SUSPECT_COLUMNS = ("index", "custom_id", "attempt", "request_id", "probable_cost")
_NONE = frame(Attempt, []).select(pl.lit("").alias("suspicion").head(0), *_SUSPECT_COLUMNS)


def _suspects(run: Run) -> pl.DataFrame:
    """The attempts that may have been billed without a cost, the likeliest suspicion first."""
    kind = pl.col("error_kind")
    suspicion = (
        pl.when(kind.is_null() & pl.col("cost").is_null())
        .then(pl.lit("usage missing"))
        .when((kind == "stream") | ((kind == "reset") & pl.col("http_status").is_not_null()))
        .then(pl.lit("stream cut"))
        .when(kind.is_in(["timeout", "cancelled", "lost"]))
        .then(kind)
        .when(kind.is_in(["http", "protocol", "reset"]))
        .then(pl.lit("failed answer"))
    )
    return (
        run.attempts.filter(pl.col("sent_at").is_not_null())
        .select(suspicion.alias("suspicion"), *_SUSPECT_COLUMNS)
        .filter(pl.col("suspicion").is_not_null())
        .sort(pl.col("suspicion").cast(pl.Enum(list(SUSPICIONS))), "index", "attempt")
        .collect()
    )


def _suspect(row: dict[str, Any]) -> Suspect:
    cost = row.pop("probable_cost")
    return Suspect(**row, probable_cost=None if cost is None else plain(cost))


def _computed(run: Run) -> Decimal:
    total = run.attempts.select(pl.col("cost").sum()).collect()["cost"][0]
    return Decimal(total or 0)


def _tolerance(span: _Span) -> Decimal:
    """One unit in the last decimal shown, at most 0.01."""
    decimals = max(span.first.decimals or 0, span.last.decimals or 0)
    return min(TOLERANCE_MAX, Decimal(1).scaleb(-decimals))


def _difference(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    return None if before is None or after is None else before - after


def plain(amount: Decimal) -> Decimal:
    """The same amount without zeros at its end, and without an exponent."""
    return Decimal(f"{amount.normalize():f}")
