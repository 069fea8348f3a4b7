"""What a night and its day have spent, judges' votes included."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from headrace.jobs import InputError, PriceTable
from headrace.reports.nights import Spent, spent_by
from headrace.reports.scores import VOTES_RUN

from ..conftest import RunMaker, at

DAY = date(2026, 6, 8)


def run_of(directory: Path, cost: str, currency: str = "CNY") -> RunMaker:
    """A run of two jobs, the second of the next day, that cost so much each."""
    directory.mkdir(parents=True)
    run = RunMaker(directory)
    assert run.prices is not None
    run.prices = PriceTable(currency=currency, models=run.prices.models)
    run.job(0, cost=Decimal(cost))
    run.job(1, cost=Decimal(cost), sent_at=at(86_400))
    return run


def votes_of(night: Path) -> Path:
    return night / "scores" / "judge" / VOTES_RUN


def test_a_night_counts_whole_and_others_with_what_they_sent_on_the_day(tmp_path: Path) -> None:
    night, other = tmp_path / "a.run", tmp_path / "b.run"
    assert spent_by(night, [other], {DAY}) == Spent(Decimal(0), Decimal(0), Decimal(0), None)
    run_of(night, "1").write()
    run_of(votes_of(night), "0.1").write()
    run_of(other, "5").write()
    run_of(votes_of(other), "0.5").write()
    found = spent_by(night, [other], {DAY})
    assert found == Spent(Decimal(2), Decimal("0.2"), Decimal("7.7"), "CNY")
    both = spent_by(night, [other], {DAY, date(2026, 6, 9)})
    assert both.on_day == Decimal("13.2")


def test_what_is_kept_for_unknown_bills_counts(tmp_path: Path) -> None:
    night, other = tmp_path / "a.run", tmp_path / "b.run"
    for each in (night, other):
        run = run_of(each, "1")
        run.attempt(2, error_kind="timeout", cost_bound=Decimal("0.25"))
        run.attempt(3, error_kind="lost", cost_bound=Decimal("0.5"), sent_at=at(86_400))
        run.write()
    found = spent_by(night, [other], {DAY})
    assert found.by_run == Decimal("2.75")
    assert found.on_day == Decimal("2.75") + Decimal("1.25")


def test_currencies_are_not_added_up(tmp_path: Path) -> None:
    night, other = tmp_path / "a.run", tmp_path / "b.run"
    run_of(night, "1").write()
    run_of(other, "1", "USD").write()
    with pytest.raises(InputError, match="are priced in CNY and USD, which one budget can't hold"):
        spent_by(night, [other], {DAY})
    assert spent_by(night, [other], {date(2026, 6, 1)}).currency == "CNY"  # of another day
