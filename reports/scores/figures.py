"""What a run's scores come to: how many jobs were scored, the mean, and why others were not."""

from collections.abc import Iterator

import msgspec
import polars as pl

from ..run import Run
from .table import ScoreTable, question, score_tables

REASONS_MAX = 20


class ScoreFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One score of a run.

    `jobs` are the run's, `scored` those of them that have a score, `scored_share` their share.
    `mean` is over these; None where there are none. `reasons` say why others have none, the
    commonest first. `stale` answers came after the scoring: score again.
    """

    name: str
    scorer: str | None
    jobs: int
    scored: int
    scored_share: float | None
    mean: float | None
    questions: int
    reasons: dict[str, int]
    stale: int


def score_figures(run: Run) -> list[ScoreFigures]:
    """The figures of all scores of a run, by name. Raises InputError where one can't be read."""
    return [_figures(run, table) for table in score_tables(run)]


def _figures(run: Run, table: ScoreTable) -> ScoreFigures:
    rows = table.rows.select("index", "score", "reason", question().alias("question")).collect(
        engine="streaming"
    )
    scored = rows.drop_nulls("score")
    stale, fresh = _unseen(run, rows)
    jobs = len(rows) + fresh
    return ScoreFigures(
        name=table.name,
        scorer=table.scorer,
        jobs=jobs,
        scored=len(scored),
        scored_share=len(scored) / jobs if jobs else None,
        mean=_mean(scored["score"]),
        questions=scored["question"].n_unique(),
        reasons=dict(_reasons(rows)),
        stale=stale,
    )


def _unseen(run: Run, rows: pl.DataFrame) -> tuple[int, int]:
    """How many answers the scorer did not see, and how many of these jobs have no row at all."""
    unanswered = pl.col("reason").is_in(["failed", "rejected", "unfinished"])
    answered = rows.lazy().filter(pl.col("score").is_not_null() | ~unanswered)
    good = run.results.filter(pl.col("status") == "succeeded").select("index")
    stale = good.join(answered, on="index", how="anti")
    fresh = run.results.select("index").join(rows.lazy(), on="index", how="anti")
    counts = [each.select(pl.len()).collect().item() for each in (stale, fresh)]
    return counts[0], counts[1]


def _mean(scores: pl.Series) -> float | None:
    mean = scores.mean()
    return mean if isinstance(mean, float) else None


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
