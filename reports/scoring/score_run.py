"""`headrace score`: the answers of a run scored, into the run. Nothing is sent."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl

from headrace.jobs import ENDPOINTS, SCORES, InputError, Score, schema

from ..expected_values import expected_value
from ..output import whole_file
from ..run import Run, open_run, reading_tables
from ..samples import samples_of
from ..scores import SCORER_KEY, Scored, ScoreFigures, Scorer, score_figures
from .function_scorer import FunctionScorer
from .unanswered import unanswered

SCORES_SCHEMA_VERSION = 1
# Answers that are scored at a time.
ROWS = 4_096
PART = "part-000001.parquet"
NEEDED = ("index", "custom_id", "url", "text", "expected")


class ScoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headrace score --json` prints: the run, and the figures of what was scored now."""

    schema_version: int
    run: str
    scores: list[ScoreFigures]


class Named(NamedTuple):
    """A scorer and the name that its scores get."""

    name: str
    scorer: Scorer


def score_run(directory: Path, scorers: Sequence[Named]) -> ScoreReport:
    """Score all answers of a run, and write the scores into it, each whole or not at all.

    Args:
        directory: the run: one that ended, was killed, or is still running.
        scorers: what to score them by.

    Returns:
        The figures of these scores.

    Raises:
        InputError: it is not a run, a scorer can't be imported, or the scores can't be written.
    """
    names = [each.name for each in scorers]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"two scores would be called {twice[0]}; score them apart, with --name")
    run = open_run(directory)
    with reading_tables(directory):
        rest = unscored(unanswered(run))
        for each, frame in zip(scorers, _scored(run, scorers), strict=True):
            write_scores(run, each.name, each.scorer.spec, pl.concat([frame, rest]))
        return report_of(run, names)


def report_of(run: Run, names: Sequence[str]) -> ScoreReport:
    """The figures of some of a run's scores."""
    found = [each for each in score_figures(run) if each.name in names]
    return ScoreReport(schema_version=SCORES_SCHEMA_VERSION, run=str(run.directory), scores=found)


def _scored(run: Run, scorers: Sequence[Named]) -> list[pl.DataFrame]:
    """The scores of all answers by each scorer: `index`, `custom_id`, `score`, `reason`."""
    found: list[list[pl.DataFrame]] = [[] for _ in scorers]
    with ExitStack() as stack:
        functions = {
            each.name: stack.enter_context(FunctionScorer(each.scorer.spec))
            for each in scorers
            if each.scorer.score is None
        }
        for piece in answers(run, whole=bool(functions)):
            expected = list(map(expected_value, piece["expected"]))
            for frames, each in zip(found, scorers, strict=True):
                if (function := functions.get(each.name)) is not None:
                    scores = function.scores(list(_rows(piece, expected)))
                else:
                    scores = _plain(each.scorer, piece, expected)
                frames.append(_framed(piece, scores))
    empty = pl.DataFrame(schema=SCORED)
    return [pl.concat([empty, *frames]) for frames in found]


SCORED = {"index": pl.Int64, "custom_id": pl.String, "score": pl.Float64, "reason": pl.String}


def answers(run: Run, *, whole: bool) -> Iterator[pl.DataFrame]:
    """The results of jobs that succeeded, piece by piece and in no order.

    Args:
        run: whose answers.
        whole: whether all columns are needed, and not just what is compared.
    """
    good = run.results.filter(pl.col("status") == "succeeded")
    wanted = good if whole else good.select(*NEEDED)
    yield from wanted.collect_batches(chunk_size=ROWS, maintain_order=False)


def _plain(scorer: Scorer, piece: pl.DataFrame, expected: Sequence[Any]) -> list[Scored]:
    score = scorer.score
    assert score is not None
    return [
        score(text or "", value)
        if text is not None or ENDPOINTS[url].limits
        else Scored(None, f"an answer of {url} has no text")
        for text, url, value in zip(piece["text"], piece["url"], expected, strict=True)
    ]


def _rows(piece: pl.DataFrame, expected: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for row, value in zip(piece.iter_rows(named=True), expected, strict=True):
        yield {**row, "expected": value}


def _framed(piece: pl.DataFrame, scores: Sequence[Scored]) -> pl.DataFrame:
    columns = {
        "score": [each.score for each in scores],
        "reason": [each.reason for each in scores],
    }
    found = pl.DataFrame(columns, schema={name: SCORED[name] for name in columns})
    return piece.select("index", "custom_id").hstack(found)


def unscored(rows: pl.DataFrame) -> pl.DataFrame:
    """Jobs that have no score (`index`, `custom_id`, `reason`), with the columns of SCORED."""
    null = pl.lit(None, pl.Float64).alias("score")
    return rows.select("index", "custom_id", null, "reason").cast(pl.Schema(SCORED))


def write_scores(run: Run, name: str, spec: str, rows: pl.DataFrame) -> None:
    """Put the scores of all jobs in the place of those of the same name.

    Args:
        run: whose scores they are.
        name: of the score.
        spec: what scored them.
        rows: a row per job, with the columns of SCORED.

    Raises:
        InputError: the file system refuses.
    """
    number = samples_of(run).number
    sample = pl.lit(None, pl.Int32) if number is None else number
    numbered = rows.with_columns(sample.alias("sample")).sort("index")
    table = numbered.select(pl.col(column).cast(kind) for column, kind in schema(Score).items())
    folder = run.directory / SCORES / name
    try:
        mode = os.stat(run.directory).st_mode & 0o777
        for each in (folder.parent, folder):
            each.mkdir(mode=mode, exist_ok=True)
        with whole_file(folder / PART) as file:
            table.write_parquet(file, compression="zstd", metadata={SCORER_KEY: spec})
        for other in folder.glob("*.parquet"):
            if other.name != PART:
                other.unlink()  # of these scores as they were
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
