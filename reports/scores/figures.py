"""What a run's scores come to: how many jobs were scored, the mean, and why others were not."""

import math
from collections.abc import Iterator
from statistics import fmean
from typing import Any

import msgspec
import polars as pl

from ..run import Run
from ..samples import Samples, samples_of
from .samples import pass_all, pass_at, questions_of, right_or_wrong, votes_of
from .scorer import reading_of
from .table import ScoreTable, score_table, score_tables

REASONS_MAX = 20
LEVEL = 0.95


class ScoreFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One score of a run.

    `jobs` are the run's, `scored` those of them that have a score, `scored_share` their share.
    `share`: all scores are 0 or 1, so that `mean` is a share. It is over these, None where there
    are none, and `low` to `high` its 95 % interval,
    clustered by question: None where there are too few. `reasons` say why others have none, the
    commonest first. With `samples` of each question: what the most common answers come to, and of
    scores of 0 and 1 `pass_at` and `pass_all` by how many samples, "1" and so on. `stale` answers
    came after the scoring: score again.
    """

    name: str
    scorer: str | None
    jobs: int
    scored: int
    scored_share: float | None
    share: bool
    mean: float | None
    low: float | None = None
    high: float | None = None
    questions: int
    samples: int | None = None
    pass_at: dict[str, float] | None = None
    pass_all: dict[str, float] | None = None
    majority: float | None = None
    agreement: float | None = None
    reasons: dict[str, int]
    stale: int


def score_figures(run: Run) -> list[ScoreFigures]:
    """The figures of all scores of a run, by name. Raises InputError where one can't be read."""
    tables = score_tables(run)
    if not tables:
        return []  # so that no ids have to be read
    samples = samples_of(run)
    return [_figures(run, table, samples) for table in tables]


def _figures(run: Run, table: ScoreTable, samples: Samples) -> ScoreFigures:
    rows = _rows(table, samples).collect(engine="streaming")
    scored = rows.drop_nulls("score")
    stale, fresh = _unseen(run, rows)
    jobs = len(rows) + fresh
    return ScoreFigures(
        name=table.name,
        scorer=table.scorer,
        jobs=jobs,
        scored=len(scored),
        scored_share=len(scored) / jobs if jobs else None,
        share=bool(len(scored)) and right_or_wrong(scored["score"]),
        **_mean(scored),
        questions=scored["question"].n_unique(),
        reasons=dict(_reasons(rows)),
        stale=stale,
        **_of_samples(run, table, rows),
    )


def _rows(table: ScoreTable, samples: Samples) -> pl.LazyFrame:
    number = pl.lit(None, pl.Int32) if samples.number is None else samples.number
    asked = (samples.question.alias("question"), number.alias("sample"))
    return table.rows.select("index", "custom_id", "score", "reason", *asked)


def scored_jobs(run: Run, name: str) -> pl.DataFrame:
    """The jobs of a run, and whether each has a score: `index`, `custom_id` and `value`."""
    columns = ("index", "custom_id")
    rows = score_table(run, name).rows.select(
        *columns, pl.col("score").is_not_null().alias("value")
    )
    unseen = run.results.select(*columns).join(rows, on="index", how="anti")
    return pl.concat([rows, unseen.with_columns(value=pl.lit(value=False))]).collect()


def _of_samples(run: Run, table: ScoreTable, rows: pl.DataFrame) -> dict[str, Any]:
    samples = rows["sample"].max()
    if not isinstance(samples, int) or samples < 2:
        return {}
    scored = rows.drop_nulls("score")
    texts = run.results.select("index", "text").collect(engine="streaming")
    votes = votes_of(scored.join(texts, on="index"), reading_of(table.scorer))
    found: dict[str, Any] = {"samples": samples}
    if votes:
        found["majority"] = fmean(each.majority for each in votes)
        found["agreement"] = fmean(each.agreement for each in votes)
    if (questions := questions_of(scored)) is not None:
        for name, chance in (("pass_at", pass_at), ("pass_all", pass_all)):
            values = {str(k): chance(questions, k) for k in range(1, samples + 1)}
            found[name] = {k: value for k, value in values.items() if value is not None}
    return found


def _unseen(run: Run, rows: pl.DataFrame) -> tuple[int, int]:
    """How many answers the scorer did not see, and how many of these jobs have no row at all."""
    unanswered = pl.col("reason").is_in(["failed", "rejected", "unfinished"])
    answered = rows.lazy().filter(pl.col("score").is_not_null() | ~unanswered)
    good = run.results.filter(pl.col("status") == "succeeded").select("index")
    stale = good.join(answered, on="index", how="anti")
    fresh = run.results.select("index").join(rows.lazy(), on="index", how="anti")
    counts = [each.select(pl.len()).collect().item() for each in (stale, fresh)]
    return counts[0], counts[1]


def _mean(scored: pl.DataFrame) -> dict[str, Any]:
    """The mean of the scores and its interval, each None where it is not known."""
    from ..uncertainty import clustered, mean_estimate  # numpy, which takes long to load

    if not len(scored):
        return {"mean": None}
    estimate = mean_estimate(clustered(scored["score"], scored["question"]))
    low, high = estimate.ends(LEVEL, 1.0)
    known = math.isfinite(low) and math.isfinite(high)
    return {
        "mean": estimate.value,
        "low": low if known else None,
        "high": high if known else None,
    }


def _reasons(rows: pl.DataFrame) -> Iterator[tuple[str, int]]:
    """Why rows have no score, and how many have each reason; beyond so many they are one."""
    counted = (
        rows.filter(pl.col("score").is_null())
        .group_by("reason")
        .len()
        .sort("len", "reason", descending=[True, False], nulls_last=True)
    )
    for reason, count in counted.head(REASONS_MAX).iter_rows():
        yield reason or "no reason was given", count
    if others := int(counted["len"][REASONS_MAX:].sum()):
        yield "other reasons", others
