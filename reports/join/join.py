"""`headrace join`: all rows of a table, in their order, with their answers beside them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from headrace.jobs import InputError, Recipe, Selection

from ..output import refuse_within
from ..run import open_run, reading_tables
from .answers import REJECTED, Answers
from .rows import Rows, table_of
from .writers import WRITERS, Format


class Joined(NamedTuple):
    """What was written.

    Args:
        rows: how many.
        statuses: how many of them by `answer_status`.
        running: whether the run is still running, so that there will be more answers.
    """

    rows: int
    statuses: dict[str, int]
    running: bool


def join_run(
    directory: Path,
    out: Path,
    *,
    data: str | None = None,
    recipe: Recipe | None = None,
    by_id: bool = False,
    prefix: str = "",
) -> Joined:
    """Write a table's rows with the answers of a run, whatever became of it.

    Args:
        directory: the run.
        out: the file, whose ending says its format: .parquet, .csv or .jsonl.
        data: the table; None is the one that the run was made of.
        recipe: what made its jobs; None is the one in run.json.
        by_id: find rows by the ids of their jobs: the table may have changed.
        prefix: what the names of the answers' columns begin with.

    Raises:
        InputError: the table is not what it was, has a column by the name of one of the answers',
            or something can't be read or written.
    """
    to = _format(out)
    refuse_within(directory, out)
    run = open_run(directory)
    dataset = run.manifest.dataset
    table, by_id = table_of(run, data, by_id=by_id)
    if any(out.exists() and out.samefile(file) for file in table.files):
        raise InputError(f"{out} is the table itself; name another file")
    made_by = recipe or run.manifest.recipe
    if made_by is None:
        raise InputError(f"what made jobs of {table.name} is not known; name it with --recipe")
    rows = Rows(
        run,
        table,
        recipe=made_by,
        selection=Selection() if dataset is None else dataset.selection,
        images_from=None if dataset is None else dataset.images_from,
        by_id=by_id,
        as_text=to == "csv" and table.kind == "csv",
    )
    with reading_tables(directory):
        answers = Answers(run, made_by.schema)
        names = _names(answers, prefix, [*table.columns, *["sample"] * (made_by.samples > 1)])
        counts: dict[str, int] = {}
        frames = _joined(rows, answers, names, counts)
        WRITERS[to](out, frames, list(names.values()))
    return Joined(sum(counts.values()), counts, run.running)


def _names(answers: Answers, prefix: str, taken: list[str]) -> dict[str, str]:
    """What the answers' columns are called. Raises InputError where the table has such a one."""
    names = {name: prefix + shown for name, shown in answers.shown().items()}
    if twice := [name for name in names.values() if name in taken]:
        other = "answer_" if prefix != "answer_" else "headrace_"
        raise InputError(
            f"the table has a column {twice[0]!r} already; give --prefix {other}, which the names "
            "of the answers' columns begin with then"
        )
    if twice := [name for name in taken if taken.count(name) > 1]:
        raise InputError(f"the table has a column {twice[0]!r}, as the samples have; rename it")
    if odd := [name for name in taken if name.startswith("#")]:
        raise InputError(f"the table has a column {odd[0]!r}; rename it")
    return names


def _joined(
    rows: Rows, answers: Answers, names: dict[str, str], counts: dict[str, int]
) -> Iterator[pl.DataFrame]:
    """The rows with their answers, piece by piece; `counts` gets the statuses."""
    types = answers.columns()
    rejects = answers.rejects.select("index", "reason").unique("index", keep="last")
    for piece in rows.pieces():
        lines = sorted(piece["#index"].drop_nulls().to_list())
        first, last = (lines[0], lines[-1]) if lines else (0, -1)
        among = None if len(lines) == last - first + 1 else pl.Series(lines, dtype=pl.Int64)
        found = answers.between(first, last, among)
        found = found.select("index", *(pl.col(n).cast(t) for n, t in types.items()))
        joined = piece.join(
            found.rename({"index": "#index", **{name: f"#{name}" for name in types}}),
            on="#index",
            how="left",
            maintain_order="left",
        ).join(
            rejects.rename({"index": "#index", "reason": "#reason"}),
            on="#index",
            how="left",
            maintain_order="left",
        )
        rejected = pl.col("#answer_status").is_null() & pl.col("#reason").is_not_null()
        joined = joined.with_columns(
            pl.when(rejected)
            .then(pl.lit(REJECTED))
            .otherwise(pl.coalesce("#answer_status", "#status"))
            .alias("#answer_status"),
            pl.when(rejected)
            .then(pl.col("#reason"))
            .otherwise(pl.col("#answer_error"))
            .alias("#answer_error"),
        )
        for status, count in joined["#answer_status"].value_counts().iter_rows():
            counts[status] = counts.get(status, 0) + count
        yield joined.drop("#index", "#status", "#reason").rename(
            {f"#{name}": shown for name, shown in names.items()}
        )


def _format(out: Path) -> Format:
    endings: dict[str, Format] = {
        ".parquet": "parquet",
        ".csv": "csv",
        ".jsonl": "jsonl",
        ".ndjson": "jsonl",
    }
    found = endings.get(out.suffix.lower())
    if found is None:
        raise InputError(f"{out}: what to write can't be told; end it in .parquet, .csv or .jsonl")
    return found
