"""Which question each job asks, and which sample of it: one rule for every figure of a run.

Of a table the recipe says how often each row is asked; the samples of a row have lines one after
the other, whatever rows are left out between them, or answered by copies of others. Of a file that
`jobs make` wrote the ids say it: all end in -s1, -s2 and so on, as their lines have it. The samples
of a question are together its line, which is that of the first of them.
"""

from typing import NamedTuple

import polars as pl

from .run import Run

ENDING = r"-s([1-9][0-9]{0,5})$"


class Samples(NamedTuple):
    """The rule of one run, as expressions over rows that have `index` and `custom_id`.

    `number` is which sample of its question a job is, from 1; None where each question is asked
    once, and then a job is a question.
    """

    number: pl.Expr | None

    @property
    def several(self) -> bool:
        """Whether questions are asked more than once."""
        return self.number is not None

    @property
    def question(self) -> pl.Expr:
        """The line of a job's question."""
        if self.number is None:
            return pl.col("index")
        return pl.col("index") - self.number.fill_null(1).cast(pl.Int64) + 1

    @property
    def name(self) -> pl.Expr:
        """What the question is called: its jobs' id without the number of the sample."""
        name = pl.col("custom_id")
        return name if self.number is None else name.str.replace(ENDING, "")


ONCE = Samples(None)


def samples_of(run: Run) -> Samples:
    """The rule of a run. Of a load run, which goes through its jobs many times, each request is a
    question."""
    if run.manifest.kind == "load":
        return ONCE
    recipe = run.manifest.recipe
    if recipe is None:
        return _by_ids(run.results)
    if recipe.samples == 1:
        return ONCE
    return Samples((pl.col("index") % recipe.samples + 1).cast(pl.Int32))


def _by_ids(results: pl.LazyFrame) -> Samples:
    """Ids may end so for other reasons: all of them have to, and those of one line of a first
    sample to have one name, and the other way round."""
    number = pl.col("custom_id").str.extract(ENDING).cast(pl.Int32)
    found = Samples(number)
    first = results.select(number.alias("number")).head(1).collect()
    if first["number"].null_count() or not len(first):
        return ONCE  # so that no other row has to be read
    rows = results.select(found.question.alias("question"), found.name.alias("name"), number=number)
    said = rows.select(
        pl.col("number").is_not_null().all().alias("all"),
        pl.col("number").max().alias("most"),
        pl.col("question").min().alias("first"),
        pl.col("question").n_unique().alias("questions"),
        pl.col("name").n_unique().alias("names"),
        pl.struct("question", "name").n_unique().alias("both"),
    ).collect(engine="streaming")
    (row,) = said.to_dicts()
    one_to_one = row["questions"] == row["names"] == row["both"]
    right = row["all"] and row["most"] > 1 and row["first"] >= 0 and one_to_one
    return found if right else ONCE
