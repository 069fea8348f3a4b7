"""Questions whose answer changed from right to wrong, or back, with both answers."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import polars as pl

from ..run import Run

# Of each direction so many are told with their answers, on a page so many, and of each text so
# much.
LISTED_MAX = 500
SHOWN_MAX = 20
CHARACTERS_MAX = 1_200

Change = Literal["right to wrong", "wrong to right", "lower", "higher"]


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """One question: both its scores, what it expected (JSON text), and both answers, cut where they
    are long. An answer is None where the job failed; of several samples it is the first one's.

    `change` is lower or higher where scores are more than right and wrong.
    """

    custom_id: str
    change: Change
    expected: str | None
    a: str | None
    b: str | None
    score_a: float
    score_b: float


class Flips(msgspec.Struct, frozen=True, kw_only=True):
    """How many questions changed in either direction by a score, and the first of each by their
    line. `binary`: the score is right or wrong; of others what fell counts as the one direction,
    and what rose as the other."""

    score: str
    binary: bool
    right_to_wrong: int
    wrong_to_right: int
    shown: list[Flip]


def flips_of(pairs: pl.DataFrame, a: Run, b: Run, *, binary: bool) -> list[Flip]:
    """The questions whose score changed, those first that fell; what changed more before what
    changed less, and else in the order of their lines.

    Args:
        pairs: `index_a`, `index_b`, `score_a` and `score_b` of each question.
        a: the run of the first index.
        b: that of the second.
        binary: whether scores are right or wrong.
    """
    pairs = pairs.with_columns((pl.col("score_b") - pl.col("score_a")).alias("by"))
    fell = pairs.filter(pl.col("by") < 0).sort("by", "index_a").head(LISTED_MAX)
    rose = pairs.filter(pl.col("by") > 0).sort("by", "index_a", descending=[True, False])
    listed = pl.concat([fell, rose.head(LISTED_MAX)])
    of_a, of_b = _answers(a, listed["index_a"]), _answers(b, listed["index_b"])
    words: Sequence[Change] = (
        ("right to wrong", "wrong to right") if binary else ("lower", "higher")
    )
    return [
        Flip(
            custom_id=str(of_a[row["index_a"]]["custom_id"]),
            change=words[row["by"] > 0],
            expected=of_a[row["index_a"]]["expected"],
            a=of_a[row["index_a"]]["text"],
            b=of_b[row["index_b"]]["text"],
            score_a=row["score_a"],
            score_b=row["score_b"],
        )
        for row in listed.iter_rows(named=True)
    ]


def first_of_each(flips: Sequence[Flip]) -> list[Flip]:
    """Those to show side by side: the first of each direction."""
    words = dict.fromkeys(each.change for each in flips)
    return [
        each
        for word in words
        for each in [flip for flip in flips if flip.change == word][:SHOWN_MAX]
    ]


def _answers(run: Run, indices: pl.Series) -> dict[int, dict[str, str | None]]:
    rows = (
        run.results.filter(pl.col("index").is_in(indices.to_list()))
        .select("index", "custom_id", "expected", pl.col("text").str.head(CHARACTERS_MAX))
        .collect()
    )
    return {row["index"]: row for row in rows.to_dicts()}
