"""The scores of a run, read: RUN/scores/NAME/*.parquet, a row per job."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from headrace.jobs import (
    LEFT_OUT,
    SCORES,
    Attempt,
    InputError,
    Result,
    Score,
    check_row_count,
    check_rows,
    read_left_out,
    schema,
    sealed_rows,
)

from ..run import Run, reading_tables
from .as_expected import AS_EXPECTED, matches
from .samples import right_or_wrong
from .scorer import SCORERS

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
# What is a column of a table already: of the run's, of scores themselves, or of a joined table. A
# score has another name, or it is not read.
JOINED = ("answer", "answer_status", "answer_error", "embedding", "embeddings")
TAKEN = frozenset({*schema(Result), *schema(Attempt), *schema(Score), *JOINED, AS_EXPECTED})
# Where the file says by what it was scored.
SCORER_KEY = "headrace.scorer"


class ScoreTable(NamedTuple):
    """One score of a run: its name, what scored (None: the file doesn't say), and its rows, lazy
    and in no order, with the columns of `Score`."""

    name: str
    scorer: str | None
    rows: pl.LazyFrame


def score_names(directory: Path) -> list[str]:
    """The names of the scores that a run directory has, sorted."""
    return sorted(
        folder.name
        for folder in (directory / SCORES).glob("*/")
        if NAME.fullmatch(folder.name) and folder.name not in TAKEN and _parts(folder)
    )


def score_table(run: Run, name: str) -> ScoreTable:
    """One score of a run; rows that the run's table no longer has are left out.

    Raises InputError where its files are not those of a score, or there are none.
    """
    folder = run.directory / SCORES / name
    parts = _parts(folder)
    if not parts:
        raise InputError(f"{run.directory} has no score {name}; make it with headrace score")
    try:
        check_row_count(parts, Score)
        rows = sealed_rows(parts, Score)
        check_rows(rows, Score, folder)
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise InputError(f"{folder} can't be read ({said}); score the run again") from error
    gone = [each.index for each in read_left_out(run.directory / LEFT_OUT)]
    if gone:
        rows = rows.filter(~pl.col("index").is_in(pl.Series(gone, dtype=pl.Int64).implode()))
    return ScoreTable(name, _scorer(parts[0]), rows)


def score_tables(run: Run) -> list[ScoreTable]:
    """All scores of a run, by name."""
    return [score_table(run, name) for name in score_names(run.directory)]


def is_share(directory: Path, name: str) -> bool:
    """Whether a score is one of headrace's own scorers, which say 0 to 1."""
    scorer = _scorer(_parts(directory / SCORES / name)[0])
    return scorer is not None and scorer.partition(":")[0] in SCORERS


def is_right_or_wrong(run: Run, name: str) -> bool:
    """Whether a score of a run is, where it has any."""
    with reading_tables(run.directory):
        scores = score_table(run, name).rows.select("score").drop_nulls().unique().collect()
    return bool(len(scores)) and right_or_wrong(scores["score"])


def _scorer(part: Path) -> str | None:
    try:
        return pl.read_parquet_metadata(part).get(SCORER_KEY)
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise InputError(f"{part} can't be read ({said}); score the run again") from error


def with_scores(run: Run, results: pl.LazyFrame, names: Iterable[str]) -> pl.LazyFrame:
    """Results with scores of the run beside them, each a column of its name, null without one, and
    as_expected if it is among the names."""
    found = results
    for name in names:
        keys, scores = ["index"], matches(run, results) if name == AS_EXPECTED else None
        if scores is None:
            keys, scores = ["index", "custom_id"], score_table(run, name).rows
        found = found.join(scores.select(*keys, pl.col("score").alias(name)), on=keys, how="left")
    return found


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))
