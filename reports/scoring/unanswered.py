"""The jobs of a run that have no answer to score: failed, rejected, or not finished yet."""

from collections.abc import Iterator

import msgspec
import polars as pl

from headrace.jobs import MADE_JOBS, InputError, Job, JobReader, open_source

from ..reject_rows import reject_rows
from ..run import Run

FAILED, REJECTED, UNFINISHED = "failed", "rejected", "unfinished"
_SCHEMA = {"index": pl.Int64, "custom_id": pl.String}


class _Made(msgspec.Struct):
    custom_id: str


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
    return pl.concat([begun, pl.DataFrame(list(_listed(run)), schema=_SCHEMA, orient="row")])


def _listed(run: Run) -> Iterator[tuple[int, str]]:
    """The line and id of each job that the run is of, as far as that can still be read."""
    made = run.directory / MADE_JOBS
    if made.exists():
        decode = msgspec.json.Decoder(_Made).decode
        with made.open("rb") as file:
            for index, line in enumerate(file):
                if line != b"\n":
                    yield index, decode(line).custom_id
        return
    file_of_run = run.manifest.job_file
    if file_of_run is None or file_of_run.size_bytes is None:
        return
    try:
        with open_source(file_of_run.path) as source:
            if source.identity == file_of_run:
                for each in JobReader(source):
                    if isinstance(each, Job):
                        yield each.index, each.custom_id
    except InputError:
        return  # it is gone, or can't be read any more: what was sent of it is known all the same
