"""The jobs that a run was asked to do, where they can still be read."""

from collections.abc import Iterator

import msgspec

from headrace.jobs import ALL_OTHERS, MADE_JOBS, InputError, Job, JobReader, open_source

from ..run import Run


class AskedJob(msgspec.Struct, frozen=True):
    """A job by its line, its id, and its body as JSON."""

    index: int
    custom_id: str
    body: bytes


class _Made(msgspec.Struct):
    custom_id: str
    body: msgspec.Raw


def asked_jobs(run: Run) -> Iterator[AskedJob]:
    """Each job of a run: of its table, or of its job file as far as it is there and what it was."""
    made = run.directory / MADE_JOBS
    if made.exists():
        decode = msgspec.json.Decoder(_Made).decode
        with made.open("rb") as file:
            for index, line in enumerate(file):
                if line != b"\n":
                    job = decode(line)
                    yield AskedJob(index, job.custom_id, bytes(job.body))
        return
    file_of_run = run.manifest.job_file
    if file_of_run is None or file_of_run.size_bytes is None:
        return
    try:
        with open_source(file_of_run.path) as source:
            if source.identity == file_of_run:
                for each in JobReader(source, others=ALL_OTHERS):
                    if isinstance(each, Job):
                        yield AskedJob(each.index, each.custom_id, each.body)
    except InputError:
        return  # it is gone, or can't be read any more: what was sent is known all the same
