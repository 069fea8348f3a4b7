"""Money that is kept and released, as the summary and its reports show it."""

from decimal import Decimal
from typing import Any

from headrace.reports import summarise
from headrace.reports.figures.kept_money import Release
from headrace.reports.headline import kept_words
from headrace.reports.markdown import markdown
from tests.reports.conftest import RunMaker, at


def bounded(made: RunMaker, index: int, bound: str | None, **fields: Any) -> None:
    made.attempt(index, cost_bound=None if bound is None else Decimal(bound), **fields)


def test_what_is_kept_is_told_by_why_its_bill_is_unknown(made: RunMaker) -> None:
    made.job(0, cost=Decimal("0.5"), cost_bound=Decimal(2))
    bounded(made, 1, "0.25", error_kind="http", http_status=502)
    bounded(made, 2, "0.25", error_kind="http", http_status=500)
    bounded(made, 3, "1", error_kind="lost")
    bounded(made, 4, None, error_kind="timeout")
    bounded(made, 5, "7", error_kind="http", http_status=429)  # refused
    bounded(made, 6, "7", error_kind="connect", sent_at=None)  # never sent
    found = summarise(made.write()).kept
    assert found is not None
    assert found.kept == found.bounds == Decimal("1.5")
    assert found.released == Decimal(0)
    assert found.attempts == {"failed answer": 2, "lost": 1, "timeout": 1}
    assert (found.unbounded, found.currency) == (1, "CNY")
    assert kept_words(found)[1] == "1 of them has no bound: nothing is kept for it"


def test_what_was_released_is_told_with_its_reading(made: RunMaker) -> None:
    bounded(made, 1, "0.25", error_kind="http", http_status=502)
    made.reading(0, "10.00", "0", kept=Decimal(0))
    made.reading(70, "9.90", "0", kept=Decimal("0.1"), released=Decimal("0.15"))
    summary = summarise(made.write())
    found = summary.kept
    assert found is not None
    assert (found.kept, found.released) == (Decimal("0.1"), Decimal("0.15"))
    assert found.releases == [Release(at=at(70), released=Decimal("0.15"), kept=Decimal("0.1"))]
    assert "0.1 CNY kept as spent for 1 attempt whose bill is unknown" in markdown(summary)
    assert "0.15 CNY released at 2026-06-08 12:01:10 UTC: the account had taken 0.1 CNY" in (
        markdown(summary)
    )


def test_where_every_bill_is_known_there_is_nothing_to_tell(made: RunMaker) -> None:
    made.job(0, cost=Decimal("0.5"))
    assert summarise(made.write()).kept is None


def test_what_lost_machines_may_have_sent_is_kept_without_a_row(made: RunMaker) -> None:
    made.job(0, cost=Decimal("0.5"))
    made.unrecorded = Decimal("0.3")
    made.reading(70, "9.90", "0", kept=Decimal("0.1"), released=Decimal("0.2"))
    summary = summarise(made.write())
    found = summary.kept
    assert found is not None
    assert (str(found.kept), str(found.bounds), str(found.unrecorded)) == ("0.1", "0", "0.3")
    said = markdown(summary)
    assert "0.1 CNY kept as spent for what machines that were lost may have sent last" in said
