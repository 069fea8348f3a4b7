"""Questions whose answer changed from right to wrong, or back, with both answers."""

from typing import Literal

import msgspec
import polars as pl

from ..run import Run
from .pairing import Sides

# Of each direction so many are told with their answers, and of each text so much.
SHOWN_MAX = 20
CHARACTERS_MAX = 1_200

Change = Literal["right to wrong", "wrong to right"]


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """One question: what it expected (JSON text), and both answers, cut where they are long. An
    answer is None where the job failed."""

    custom_id: str
    change: Change
    expected: str | None
    a: str | None
    b: str | None


class Flips(msgspec.Struct, frozen=True, kw_only=True):
    """How many questions changed in either direction, and the first of each by their line."""

    right_to_wrong: int
    wrong_to_right: int
    shown: list[Flip]


def flips_of(sides: Sides, a: Run, b: Run) -> Flips | None:
    """The flips of two runs; None where they are not compared in pairs, or nothing is expected."""
    if not sides.pairing.paired or not sides.a["matches"].count():
        return None
    pairs = pl.DataFrame(
        {
            "index_a": sides.a["index"],
            "index_b": sides.b["index"],
            "was": sides.a["matches"],
            "is": sides.b["matches"],
        }
    ).filter(pl.col("was") != pl.col("is"))
    lost, gained = pairs.filter("was"), pairs.filter("is")
    shown = pl.concat([lost.head(SHOWN_MAX), gained.head(SHOWN_MAX)])
    of_a, of_b = _answers(a, shown["index_a"]), _answers(b, shown["index_b"])
    return Flips(
        right_to_wrong=len(lost),
        wrong_to_right=len(gained),
        shown=[
            Flip(
                custom_id=str(of_a[index_a]["custom_id"]),
                change="right to wrong" if was else "wrong to right",
                expected=of_a[index_a]["expected"],
                a=of_a[index_a]["text"],
                b=of_b[index_b]["text"],
            )
            for index_a, index_b, was, _ in shown.iter_rows()
        ],
    )


def _answers(run: Run, indices: pl.Series) -> dict[int, dict[str, str | None]]:
    rows = (
        run.results.filter(pl.col("index").is_in(indices.to_list()))
        .select("index", "custom_id", "expected", pl.col("text").str.head(CHARACTERS_MAX))
        .collect()
    )
    return {row["index"]: row for row in rows.to_dicts()}
