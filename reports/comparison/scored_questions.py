"""Each question of two runs with its score, in pairs where both asked the same."""

import re
from typing import Any, NamedTuple

import msgspec
import polars as pl

from headrace.jobs import InputError

from ..figures import measured_results
from ..run import Run
from ..samples import Samples, samples_of
from ..scores import AS_EXPECTED, matches, score_table


class Questions(NamedTuple):
    """The scores of one name on both sides. Columns: `question`, `body_digest`, `index`, `score`
    (the mean of its samples) and `part` (what --by asks for). In pairs, row n of one belongs to row
    n of the other, and `pairs` has `index_a`, `index_b`, `score_a`, `score_b`. `share`: the scores
    of all answers are 0 or 1.
    """

    a: pl.DataFrame
    b: pl.DataFrame
    pairs: pl.DataFrame | None
    share: bool = False


class Asked(NamedTuple):
    """A run, and which of its jobs ask the same."""

    run: Run
    samples: Samples

    @classmethod
    def by(cls, run: Run) -> "Asked":
        """What a run asked."""
        return cls(run, samples_of(run))


def scored_questions(
    sides: tuple[Asked, Asked], name: str, by: str | None, *, paired: bool
) -> Questions:
    """The questions of two runs that have a score.

    Args:
        sides: A and B.
        name: that of the score, or as_expected.
        by: a key of the jobs' metadata.
        paired: whether to keep those alone that are the same in both, side by side.
    """
    a, b = (_questions(side, name, by) for side in sides)
    share = all(bool(each["share"].all()) for each in (a, b))
    if not paired:
        return Questions(a, b, None, share)
    same = a.join(b, on=["question", "body_digest"], how="inner", maintain_order="left")
    names = ["question", "body_digest", "index", "score", "part"]
    right = [pl.col("question"), pl.col("body_digest")]
    right += [pl.col(f"{each}_right").alias(each) for each in ("index", "score")]
    pairs = same.select(
        pl.col("index").alias("index_a"),
        pl.col("index_right").alias("index_b"),
        pl.col("score").alias("score_a"),
        pl.col("score_right").alias("score_b"),
    )
    # What a question is about is told by A, where the two don't agree.
    return Questions(same.select(names), same.select(*right, "part"), pairs, share)


def scorer_in(run: Run, name: str) -> str | None:
    """By what a score of a run was made, where its files say it."""
    return None if name == AS_EXPECTED else score_table(run, name).scorer


def _questions(asked: Asked, name: str, by: str | None) -> pl.DataFrame:
    run, samples = asked
    results = measured_results(run)
    if name == AS_EXPECTED:
        scores = matches(run, results)
    else:
        scores = score_table(run, name).rows.select("index", "score").drop_nulls()
    names = (samples.name.alias("question"), samples.question.alias("key"))
    columns = [*names, "body_digest", "index", "metadata"]
    rows = results.select(columns).join(scores, on="index").sort("index").collect()
    part = pl.lit(None, pl.String) if by is None else _parts(rows["metadata"], by)
    rows = rows.with_columns(part.alias("part"), pl.col("score").is_in([0.0, 1.0]).alias("share"))
    if not samples.several:
        return rows.drop("metadata", "key")
    grouped = rows.group_by("key", maintain_order=True).agg(
        pl.col("question").first(),
        pl.col("body_digest").first(),
        pl.col("index").first(),
        pl.col("score").mean(),
        pl.col("share").all(),
        pl.col("part").first(),
    )
    return grouped.drop("key")


def _parts(metadata: pl.Series, by: str) -> pl.Series:
    """The value of one key of each job's metadata, as text; null without it."""
    return pl.Series([_text(each, by) for each in metadata], dtype=pl.String)


def _text(metadata: str | None, by: str) -> str | None:
    value = _decoded(metadata).get(by)
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _decoded(metadata: str | None) -> dict[str, Any]:
    if metadata is None:
        return {}
    try:
        value = msgspec.json.decode(metadata)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}  # not what a run recorded
    return value if isinstance(value, dict) else {}


def check_column(runs: tuple[Run, Run], by: str) -> None:
    """Refuse a name that no job's metadata has. Raises InputError, naming those that there are."""
    found: dict[str, None] = {}
    for run in runs:
        rows = run.results.select("metadata").drop_nulls().unique().collect()
        for text in rows["metadata"]:
            found |= dict.fromkeys(_decoded(text))
    if by in found:
        return
    names = sorted(name for name in found if re.fullmatch(r"[\w .:-]{1,60}", name))[:12]
    there = f"it has {', '.join(names)}" if names else "the jobs have no metadata"
    raise InputError(f"--by {by}: no job has that in its metadata; {there}")
