"""What the nights of a day have spent."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ..figures import kept_money
from ..run import Run, open_run, reading_tables


class Spent(NamedTuple):
    """Cost and what is kept for unknown bills: of the night, and of all runs on its day."""

    by_night: Decimal
    on_day: Decimal


def spent_by(night: Path, others: Iterable[Path], day: date) -> Spent:
    """What a night has spent, and what its day has.

    Args:
        night: its run directory, which need not be there.
        others: those of other nights, which count with what they sent on the day.
        day: the night's date, in UTC.

    Raises:
        InputError: one that is there can't be read.
    """
    own = _all(night)
    return Spent(own, own + sum((_sent_on(each, day) for each in others), Decimal(0)))


def _all(directory: Path) -> Decimal:
    if not (directory / "run.json").exists():
        return Decimal(0)
    run = open_run(directory)
    with reading_tables(directory):
        kept = kept_money(run)
        return _cost(run.attempts) + (Decimal(0) if kept is None else kept.kept)


def _sent_on(directory: Path, day: date) -> Decimal:
    if not (directory / "run.json").exists():
        return Decimal(0)
    run = open_run(directory)
    with reading_tables(directory):
        return _cost(_on(run, day))


def _on(run: Run, day: date) -> pl.LazyFrame:
    return run.attempts.filter(pl.col("sent_at").dt.date() == day)


def _cost(attempts: pl.LazyFrame) -> Decimal:
    found = attempts.select(pl.col("cost").sum()).collect().item()
    return Decimal(found or 0)
