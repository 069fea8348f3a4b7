"""What was asked in a night, question by question: what was expected, what came, and whether that
is right by the night's score."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import polars as pl

from ..figures import measured_results
from ..run import Run, reading_tables
from ..scores import matches, score_table

# Of grades from 0 to 1 that is right.
RIGHT_FROM = 0.5
NOT_SEEN = "it was not scored yet"
COLUMNS = (
    *("index", "custom_id", "status", "error_code", "error_message"),
    *("text", "expected", "total_s"),
)


class AskedQuestion(NamedTuple):
    """One job. `why` says why there is no answer; `score` is None where the answer has none, and
    `unscored` says why, where it should have one. `right` is None where there is no score, or one
    that is neither right nor wrong: on another scale than 0 to 1."""

    custom_id: str
    expected: str | None
    answer: str | None
    score: float | None
    right: bool | None
    why: str | None
    unscored: str | None
    took_s: float | None


def questions_of(run: Run, score: str | None = None) -> Iterator[AskedQuestion]:
    """The jobs of a run with a result, in the order of their lines.

    Args:
        run: the night's.
        score: the name of the score that says what is right; None is as_expected.

    Raises:
        InputError: a table can't be read, or there is no such score.
    """
    with reading_tables(run.directory):
        results = measured_results(run)
        scores = _as_expected(run, results) if score is None else _scores(run, score)
        rows = results.select(COLUMNS).join(scores, on="index", how="left").sort("index").collect()
    graded = bool(rows["score"].is_between(0, 1).all())
    for row in rows.iter_rows(named=True):
        yield _failed(row) if row["status"] != "succeeded" else _answered(row, graded=graded)


def _as_expected(run: Run, results: pl.LazyFrame) -> pl.LazyFrame:
    """What expects nothing that can be compared has no score, and needs none."""
    found = results.select("index").join(matches(run, results), on="index", how="left")
    return found.with_columns(reason=pl.lit(None, pl.String), seen=pl.lit(value=True))


def _scores(run: Run, score: str) -> pl.LazyFrame:
    rows = score_table(run, score).rows
    return rows.select("index", "score", "reason", pl.lit(value=True).alias("seen"))


def _failed(row: dict[str, Any]) -> AskedQuestion:
    said = " ".join(str(row[name]) for name in ("error_code", "error_message") if row[name])
    return AskedQuestion(
        custom_id=row["custom_id"],
        expected=shown_expected(row["expected"]),
        answer=None,
        score=None,
        right=False,
        why=said or "it failed",
        unscored=None,
        took_s=row["total_s"],
    )


def _answered(row: dict[str, Any], *, graded: bool) -> AskedQuestion:
    score = row["score"]
    return AskedQuestion(
        custom_id=row["custom_id"],
        expected=shown_expected(row["expected"]),
        answer=row["text"] or "",
        score=score,
        right=score >= RIGHT_FROM if graded and score is not None else None,
        why=None,
        unscored=None if score is not None else row["reason"] if row["seen"] else NOT_SEEN,
        took_s=row["total_s"],
    )


def shown_expected(expected: str | None) -> str | None:
    """An expected answer as one would write it: a text without its quotes, else JSON."""
    if expected is None:
        return None
    try:
        value = msgspec.json.decode(expected)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return expected
    return value if isinstance(value, str) else expected
