"""The jobs of a file as a load run's supply: in a circle, or drawn from it."""

import random

import msgspec

from ..endpoints import ENDPOINTS
from ..errors import InputError
from ..files import MIB, JobReader, build_job, open_source
from ..job import Job, Reject

# They are kept in memory, so that no file is read between two requests.
HELD_BYTES_MAX = 512 * MIB


class FilePrompts:
    """The file's jobs in their order and round again or, with `rng`, each drawn from all of them.

    A job that comes a second time gets `#2` after its custom_id, and so on. `model` and `stream`,
    where given, take the place of what the bodies say. `rejects` are the lines that were no jobs.
    Reads the whole file at once. Raises InputError where it can't be read,
    has no jobs, or more than 512 MiB of them.
    """

    def __init__(
        self,
        path: str,
        *,
        rng: random.Random | None = None,
        model: str | None = None,
        stream: bool | None = None,
    ) -> None:
        self.rejects: list[Reject] = []
        self._jobs: list[Job] = []
        self._rng = rng
        self._given = 0
        held_bytes = 0
        with open_source(path) as source:
            for item in JobReader(source):
                if isinstance(item, Reject):
                    self.rejects.append(item)
                    continue
                self._jobs.append(_changed(item, model, stream))
                held_bytes += len(item.body)
                if held_bytes > HELD_BYTES_MAX:
                    raise InputError(
                        f"{path} has more than {HELD_BYTES_MAX // MIB} MiB of jobs, which a load "
                        "run would keep in memory; give it a part of them"
                    )
            self.identity = source.identity
        if not self._jobs:
            what = (
                f"none of its {len(self.rejects)} lines is one" if self.rejects else "it is empty"
            )
            raise InputError(f"{path} has no jobs: {what}; headrace jobs check shows why")
        self._times = [0] * len(self._jobs)

    def next(self, index: int) -> Job:
        """The next job of the circle, or any."""
        count = len(self._jobs)
        place = self._given % count if self._rng is None else self._rng.randrange(count)
        self._given += 1
        self._times[place] += 1
        job, times = self._jobs[place], self._times[place]
        custom_id = job.custom_id if times == 1 else f"{job.custom_id}#{times}"
        return msgspec.structs.replace(job, index=index, custom_id=custom_id)

    def answered(self, job: Job, text: str | None) -> None:
        """Nothing depends on an answer here."""


def _changed(job: Job, model: str | None, stream: bool | None) -> Job:
    """The job with another model, and streamed or not; images are never streamed."""
    if ENDPOINTS[job.url].kind == "images":
        stream = None
    if model is None and stream is None:
        return job
    body = msgspec.json.decode(job.body)
    if model is not None:
        body["model"] = model
    if stream is not None:
        body["stream"] = stream
        if not stream:
            body.pop("stream_options", None)  # which only a stream may have
    return build_job(
        msgspec.json.encode(body),
        url=job.url,
        custom_id=job.custom_id,
        number=job.index + 1,
        metadata=job.metadata,
        expected=job.expected,
    )
