"""as_expected: whether each answer is what its job expects. Nothing has to be scored for it."""

import msgspec
import polars as pl

from ..run import Run
from ..unpacked import check_results_unpack

AS_EXPECTED = "as_expected"


def matches(run: Run, results: pl.LazyFrame) -> pl.LazyFrame:
    """Whether each answer is the expected one: `index`, and `score`, 1 or 0.

    Only jobs of these results that expect one that can be compared. A failed job does not match.
    """
    found: dict[str, list[int | bool]] = {"index": [], "score": []}
    expecting = results.filter(pl.col("expected").is_not_null())
    if expecting.select(pl.len()).collect().item():
        check_results_unpack(run)
    rows = expecting.select("index", "status", "text", "expected").collect()
    for index, status, text, expected in rows.iter_rows():
        wanted = expected_answers(expected)
        if wanted:
            found["index"].append(index)
            found["score"].append(status == "succeeded" and (text or "").strip() in wanted)
    frame = pl.LazyFrame(found, schema={"index": pl.Int64, "score": pl.Boolean})
    return frame.cast({"score": pl.Float64})


def expected_answers(expected: str) -> frozenset[str]:
    """The texts, trimmed, of which one is right, from a job's `expected` (JSON text).

    Text stands for itself, a number, true or false for its JSON text, and a list for any of what it
    holds. Anything else can't be compared, and gives none.
    """
    try:
        value = msgspec.json.decode(expected)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return frozenset()  # not what a run recorded
    options = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | int | float) for each in options):
        return frozenset()
    return frozenset(
        each.strip() if isinstance(each, str) else msgspec.json.encode(each).decode()
        for each in options
    )
