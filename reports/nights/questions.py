"""What was asked in a night, question by question: what was expected, what came, and whether that
is right."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from ..figures import measured_results
from ..run import Run, reading_tables
from ..scores import matches


class AskedQuestion(NamedTuple):
    """One job. `right` is None where nothing is expected of it; `why` says why there is no answer,
    or no score."""

    custom_id: str
    expected: str | None
    answer: str | None
    right: bool | None
    why: str | None
    took_s: float | None


def questions_of(run: Run) -> Iterator[AskedQuestion]:
    """The jobs of a run with a result, in the order of their lines. Raises InputError."""
    with reading_tables(run.directory):
        results = measured_results(run)
        rows = (
            results.select(
                "index",
                "custom_id",
                "status",
                "error_code",
                "error_message",
                "text",
                "expected",
                "total_s",
            )
            .join(matches(run, results), on="index", how="left")
            .sort("index")
            .collect()
        )
    for row in rows.iter_rows(named=True):
        failed = row["status"] != "succeeded"
        said = " ".join(str(row[name]) for name in ("error_code", "error_message") if row[name])
        yield AskedQuestion(
            custom_id=row["custom_id"],
            expected=shown_expected(row["expected"]),
            answer=None if failed else row["text"] or "",
            right=False if failed else None if row["score"] is None else row["score"] == 1,
            why=said or "it failed" if failed else None,
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
