"""The jobs of a run that have no answer to score: failed, rejected, or not finished yet."""

import polars as pl

from ..reject_rows import reject_rows
from ..run import Run
from .asked_jobs import asked_jobs

FAILED, REJECTED, UNFINISHED = "failed", "rejected", "unfinished"
_SCHEMA = {"index": pl.Int64, "custom_id": pl.String}


def unanswered(run: Run) -> pl.DataFrame:
    """Jobs without an answer: `index`, `custom_id`, and as `reason` how each stands.

    Jobs that were never sent are among them where the job file is still there, and what it was.
    """
    failed = run.results.filter(pl.col("status") == "failed").select(*_SCHEMA).collect()
    line = pl.concat_str(pl.lit("line-"), pl.col("index") + 1)
    rejected = reject_rows(run.directory).select("index", pl.coalesce("custom_id", line))
    ended = run.results.select("index").collect(engine="streaming")
    rejected = rejected.unique("index", keep="last").join(ended, on="index", how="anti")
    known = pl.concat([ended, rejected.select("index")])
    unfinished = _jobs(run).unique("index").join(known, on="index", how="anti")
    frames = [(failed, FAILED), (rejected, REJECTED), (unfinished, UNFINISHED)]
    return pl.concat(
        frame.select(*_SCHEMA, pl.lit(reason).alias("reason")) for frame, reason in frames
    )


def _jobs(run: Run) -> pl.DataFrame:
    """The jobs that may be unfinished: none of a run that finished, or of a load run."""
    if run.manifest.sessions[-1].state == "finished" or run.manifest.kind == "load":
        return pl.DataFrame(schema=_SCHEMA)
    begun = run.attempts.select(*_SCHEMA).unique("index").collect(engine="streaming")
    listed = [(job.index, job.custom_id) for job in asked_jobs(run)]
    return pl.concat([begun, pl.DataFrame(listed, schema=_SCHEMA, orient="row")])
