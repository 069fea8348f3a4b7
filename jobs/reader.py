"""A job file to jobs: its dialect, its duplicates, and what could never be sent."""

import json
from collections.abc import Iterator, Mapping

from .bound import CostBounds
from .dialects import begins_document, parse_document, parse_line, rejected
from .duplicates import SeenIds
from .job import Job, Reject
from .manifest import ModelLimits
from .prices import PriceTable
from .source import Source


def read_jobs(
    source: Source,
    *,
    tpm: int | None = None,
    own_limits: Mapping[str, ModelLimits] | None = None,
    bounded_by: PriceTable | None = None,
) -> Iterator[Job | Reject]:
    """Every job of the file and every line that is none, in the order of the file, lazily.

    Blank lines are skipped, but count. Of jobs with the same custom_id the first stands. With `tpm`
    (tokens a minute), a job that is estimated to be larger than that is a Reject: no limiter could
    ever let it through; models in `own_limits` have theirs from there. With `bounded_by`, so is one
    whose cost these prices don't bound. Raises InputError where the file can't be read on, after
    everything before that has been given.
    """
    seen = SeenIds()
    bounds = None if bounded_by is None else CostBounds(bounded_by)
    for line, item in _parsed(source):
        if isinstance(item, Job):
            own = own_limits.get(item.model) if own_limits else None
            reason = _too_large(item, tpm) if own is None else _too_large(item, own.tpm, own=True)
            if reason is None and bounds is not None:
                reason = bounds.why_none(item)
            if reason is None and not seen.add(item.custom_id, item.index + 1):
                reason = (
                    f"duplicate custom_id: line {seen.line_of(item.custom_id)} has it already; "
                    "give each line one of its own"
                )
            if reason is not None:
                item = rejected(line, item.index + 1, reason, item.custom_id)
        yield item


def _parsed(source: Source) -> Iterator[tuple[bytes, Job | Reject]]:
    if source.begins(begins_document):
        yield from parse_document(source.read_all(), source.path)
        return
    for number, line in source.lines():
        if line and not line.isspace():
            yield line, parse_line(line, number)


def _too_large(job: Job, tpm: int | None, *, own: bool = False) -> str | None:
    limit = job.output_limit_tokens or 0
    tokens = job.input_estimate_tokens + limit
    if tpm is None or tokens <= tpm:
        return None
    parts = f"about {job.input_estimate_tokens} of input"
    if limit:
        parts += f", {limit} of output allowed"
    what = f"the model's tpm in [limits.{json.dumps(job.model)}]" if own else "--tpm"
    return (
        f"needs {tokens} tokens ({parts}), more than the {tpm} tokens a minute that are allowed; "
        f"shorten it, lower max_tokens or raise {what}"
    )
