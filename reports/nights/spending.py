"""What the nights of a day have spent, those that judges' votes came to included."""

from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl

from headrace.jobs import InputError, unbilled

from ..figures import kept_money
from ..run import Run, open_run, reading_tables
from ..scores import votes_runs

ZERO = Decimal(0)


class Spent(NamedTuple):
    """Cost and what is kept for unknown bills: of the night's run, of the runs of its judges, and
    of all that counts on the day, these two included. `currency` is None where nothing has one."""

    by_run: Decimal
    by_judge: Decimal
    on_day: Decimal
    currency: str | None


class _Amount(NamedTuple):
    """What a run has spent, and in which currency."""

    amount: Decimal
    currency: str | None


def spent_by(night: Path, others: Iterable[Path], days: Collection[date]) -> Spent:
    """What a night has spent, and what its day has.

    Args:
        night: its run directory, which need not be there.
        others: those of other nights, which count with what they sent on the days.
        days: the night's and that of its start, in UTC.

    Raises:
        InputError: one that is there can't be read, or what counts has several currencies.
    """
    run, votes = _all([night]), _all(votes_runs(night))
    sent = [_sent_on(each, days) for other in others for each in (other, *votes_runs(other))]
    counted = [*run, *votes, *sent]
    currencies = sorted({each.currency for each in counted if each.amount and each.currency})
    if len(currencies) > 1:
        raise InputError(
            f"the runs of the day in {night.parent} are priced in {' and '.join(currencies)}, "
            "which one budget can't hold; price them in one currency, or leave max-cost out"
        )
    return Spent(_sum(run), _sum(votes), _sum(counted), currencies[0] if currencies else None)


def _sum(found: Iterable[_Amount]) -> Decimal:
    return sum((each.amount for each in found), ZERO)


def _all(directories: Iterable[Path]) -> list[_Amount]:
    found = []
    for directory in filter(_is_run, directories):
        run = open_run(directory)
        with reading_tables(directory):
            found.append(_Amount(_cost(run.attempts) + _kept(run), run.manifest.currency))
    return found


def _sent_on(directory: Path, days: Collection[date]) -> _Amount:
    if not _is_run(directory):
        return _Amount(ZERO, None)
    run = open_run(directory)
    with reading_tables(directory):
        attempts = run.attempts.filter(pl.col("sent_at").dt.date().is_in(list(days)))
        bounds = attempts.filter(unbilled()).select(pl.col("cost_bound").sum()).collect().item()
        # What readings of the account released belongs to no one day.
        kept = min(Decimal(bounds), _kept(run)) if bounds else ZERO
        return _Amount(_cost(attempts) + kept, run.manifest.currency)


def _is_run(directory: Path) -> bool:
    return (directory / "run.json").exists()


def _kept(run: Run) -> Decimal:
    kept = kept_money(run)
    return ZERO if kept is None else kept.kept


def _cost(attempts: pl.LazyFrame) -> Decimal:
    found = attempts.select(pl.col("cost").sum()).collect().item()
    return Decimal(found or 0)
