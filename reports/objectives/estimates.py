"""The figures of a run that are estimates: shares, means and percentiles over its rows.

What is counted or billed (`cost`, `failed`, `max(...)`) is what it is, and no estimate. Rows belong
together where they are of one question: its samples, the attempts of its job, the gaps of a stream.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from headrace.jobs import (
    CLIENT_CANCELLED,
    OF_SAMPLES,
    Aggregate,
    Binary,
    Expression,
    Name,
    Node,
    format_expression,
)

from ..figures import Summary, measured_results, summary_of
from ..load import Requests
from ..run import Run, open_run, reading_tables
from ..samples import Samples, samples_of
from ..scores import score_names, scored_jobs
from ..uncertainty import (
    Clustered,
    Estimate,
    clustered,
    least,
    mean_estimate,
    quantile_estimate,
)
from .aggregate import sampled_values, values_of
from .evaluate import Figures
from .figure_names import FIGURES

# Figures of all attempts that are a mean per job once they are divided by the jobs.
PER_JOB = {
    "attempts": pl.len(),
    "cost": pl.col("cost").sum(),
    "input_tokens": pl.col("input_tokens").sum(),
    "output_tokens": pl.col("output_tokens").sum(),
}


class RunEstimates:
    """A run, its figures as they came out, and those that are estimates, each worked out once."""

    def __init__(self, run: Run, summary: Summary) -> None:
        self.run, self.summary = run, summary
        self.figures = Figures(run, summary)
        self._found: dict[str, Estimate | None] = {}

    @classmethod
    def of_directory(cls, directory: Path) -> "RunEstimates":
        """Those of the run in a directory. Raises InputError as `summarise` does."""
        run = open_run(directory)
        return cls(run, summary_of(run))

    @cached_property
    def samples(self) -> Samples:
        """Which jobs ask the same question; of a bulk run it may have to read all ids."""
        return samples_of(self.run)

    def of(self, expression: Expression, node: Node) -> Estimate | None:
        """The estimate that a figure is; None where it is exact.

        Raises UnknownError where it isn't known.
        """
        key = format_expression(node)
        if key not in self._found:
            self.figures.value(expression, node)
            with reading_tables(self.run.directory):
                self._found[key] = self._estimate(expression, node)
        return self._found[key]

    def _estimate(self, expression: Expression, node: Node) -> Estimate | None:
        match node:
            case Aggregate(argument=None):
                return None
            case Aggregate(function="mean"):
                return mean_estimate(self._clustered(values_of(self.run, expression, node)))
            case Aggregate(function=function) if function in OF_SAMPLES:
                rows = sampled_values(self.run, expression, node)
                return mean_estimate(clustered(rows["value"], rows["question"]))
            case Aggregate(quantile=share) if share is not None and 0 < share < 1:
                found = self._clustered(values_of(self.run, expression, node))
                return quantile_estimate(found, float(share))
            case Name(name="scored_share"):
                return self._scored_share()
            case Name(name=name) if name in SHARES:
                return mean_estimate(self._clustered(SHARES[name](self)))
            case Name(name=name) if isinstance(read := FIGURES[name].read, Aggregate):
                return self._estimate(expression, read)
            case Binary(operator="/", left=Name(name=name), right=Name(name="jobs")):
                return self._per_job(name)
        return None

    def _clustered(self, rows: pl.DataFrame) -> Clustered:
        return clustered(rows["value"], rows.select(self.samples.question).to_series())

    def _scored_share(self) -> Estimate:
        names = score_names(self.run.directory)
        return least(
            [mean_estimate(self._clustered(scored_jobs(self.run, name))) for name in names]
        )

    def questions(self) -> pl.DataFrame:
        """The questions of a bulk run: `key`, `name` and `body_digest`."""
        rows = self.run.results.select(
            self.samples.question.alias("key"),
            self.samples.name.alias("name"),
            "body_digest",
            "index",
        )
        first = rows.sort("index").unique("key", keep="first", maintain_order=True)
        return first.drop("index").collect()

    def _per_job(self, name: str) -> Estimate | None:
        if name not in PER_JOB or self.run.manifest.kind != "bulk":
            return None
        spent = self.run.attempts.group_by("index").agg(PER_JOB[name].cast(pl.Float64).alias("x"))
        rows = self.run.results.select("index", "custom_id").join(spent, on="index", how="left")
        values = rows.select("index", "custom_id", pl.col("x").fill_null(0).alias("value"))
        return mean_estimate(self._clustered(values.collect()))


def same_questions(one: RunEstimates, other: RunEstimates) -> pl.DataFrame | None:
    """The questions (`one`, `other`: their keys) that two runs both have: one name and one body.

    None of load runs, which go through their jobs many times.
    """
    if one.run.manifest.kind != "bulk" or other.run.manifest.kind != "bulk":
        return None
    sides = []
    for each in (one, other):
        with reading_tables(each.run.directory):
            sides.append(each.questions())
    both = sides[0].join(sides[1], on=["name", "body_digest"])
    return both.select(pl.col("key").alias("one"), pl.col("key_right").alias("other"))


def _failed_jobs(found: RunEstimates) -> pl.DataFrame:
    if (load := found.summary.load) is not None:
        return _counted(load.requests.error_rate, load.requests)
    failed = (pl.col("status") == "failed").alias("value")
    return measured_results(found.run).select("index", "custom_id", failed).collect()


def _failed_attempts(found: RunEstimates) -> pl.DataFrame:
    asked_for = pl.col("error_code").eq_missing(pl.lit(CLIENT_CANCELLED))
    failed = (pl.col("error_kind").is_not_null() & ~asked_for).alias("value")
    return found.run.made.select("index", "custom_id", failed).collect()


def _good(found: RunEstimates) -> pl.DataFrame:
    load = found.summary.load
    assert load is not None
    return _counted(load.goodput_share, load.requests)


def _counted(share: float | None, requests: Requests) -> pl.DataFrame:
    """Rows of 0 and 1 for a share of the measured attempts that were not cut off."""
    count = requests.answered + requests.failed
    ones = round((share or 0.0) * count)
    return pl.DataFrame({"index": np.arange(count), "value": np.arange(count) < ones})


SHARES: dict[str, Callable[[RunEstimates], pl.DataFrame]] = {
    "error_rate": _failed_jobs,
    "attempt_error_rate": _failed_attempts,
    "goodput_share": _good,
}
