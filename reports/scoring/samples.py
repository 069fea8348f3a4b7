"""Which sample of its question each job is: by the recipe, or by ids that end in -s1, -s2 ..."""

import polars as pl

from ..run import Run

ENDING = r"-s([1-9][0-9]{0,5})$"


def sample_numbers(run: Run, rows: pl.DataFrame) -> pl.Series:
    """The number of each row's sample, from 1; null in all rows where each question is asked once.

    Args:
        run: whose recipe says how often each row is asked, where there is one.
        rows: all jobs of the run, with `index` and `custom_id`.

    Returns:
        A column `sample`, in the order of the rows.
    """
    recipe = run.manifest.recipe
    if recipe is not None:
        samples = recipe.samples if recipe.samples > 1 else None
    else:
        samples = _by_ids(rows)
    if samples is None:
        return pl.Series("sample", [None] * len(rows), dtype=pl.Int32)
    number = pl.col("index") % samples + 1
    return rows.select(number.cast(pl.Int32).alias("sample"))["sample"]


def _by_ids(rows: pl.DataFrame) -> int | None:
    """How many samples a job file has that `jobs make` wrote; None where it is another.

    Ids may end so for other reasons: all of them have to, and as their lines have it.
    """
    number = pl.col("custom_id").str.extract(ENDING).cast(pl.Int64)
    samples = rows.select(number.max()).item() if len(rows) else None
    if samples is None or samples < 2:
        return None
    right = (number == pl.col("index") % samples + 1).fill_null(value=False).all()
    return int(samples) if rows.select(right).item() else None
