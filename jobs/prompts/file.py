"""The jobs of a file as prompts of a load run: in a cycle, or sampled."""

import random

import msgspec

from ..endpoints import ENDPOINTS
from ..errors import InputError
from ..files import MIB, JobReader, build_job, open_source
from ..job import Job, Reject
from ..other_endpoints import NO_OTHERS, OtherEndpoints
from ..wording import counted
from .part import WHOLE, Part

# Jobs are kept in memory, so that no file is read between two requests.
HELD_BYTES_MAX = 512 * MIB


class FilePrompts:
    """The jobs of a file, in a cycle or sampled. Reads the whole file at once.

    The second time that a job is sent, `#2` is appended to its custom_id, and so on; where several
    processes draw, the request's number in the run. `rejects` are the lines that are not jobs.

    Args:
        path: the job file; "-" is standard input.
        rng: seeds the draw of each job from all of them; None takes them in order, again and again.
        part: which of the requests are asked for.
        model: replaces the model of every body.
        stream: replaces whether answers are streamed, where the endpoint can.
        others: the endpoints that jobs may name besides those of the table.

    Raises:
        InputError: where the file can't be read, has no jobs, or more than 512 MiB of them.
    """

    def __init__(
        self,
        path: str,
        *,
        rng: random.Random | None = None,
        part: Part = WHOLE,
        model: str | None = None,
        stream: bool | None = None,
        others: OtherEndpoints = NO_OTHERS,
    ) -> None:
        self.rejects: list[Reject] = []
        self._jobs: list[Job] = []
        self._seed = None if rng is None else rng.getrandbits(64)
        self._part = part
        held_bytes = 0
        with open_source(path) as source:
            for item in JobReader(source, others=others):
                if isinstance(item, Reject):
                    self.rejects.append(item)
                    continue
                self._jobs.append(_changed(item, model, stream))
                held_bytes += len(item.body)
                if held_bytes > HELD_BYTES_MAX:
                    raise InputError(
                        f"{path} has more than {HELD_BYTES_MAX // MIB} MiB of jobs, which a load "
                        "run would keep in memory; use a part of them"
                    )
            self.identity = source.identity
        if not self._jobs:
            what = (
                f"none of its {counted(len(self.rejects), 'line')} is one"
                if self.rejects
                else "it is empty"
            )
            raise InputError(f"{path} has no jobs: {what}; headrace jobs check shows why")
        self._times = [0] * len(self._jobs)

    def next(self, index: int, user: int = 0) -> Job:
        """The job at this place of the cycle, or a random one."""
        count = len(self._jobs)
        if self._seed is None:
            round_, place = divmod(index, count)
            times = round_ + 1
        else:
            place = random.Random(f"{self._seed}/{index}").randrange(count)
            self._times[place] += 1
            times = self._times[place] if self._part.of == 1 else index + 1
        job = self._jobs[place]
        custom_id = job.custom_id if times == 1 else f"{job.custom_id}#{times}"
        return msgspec.structs.replace(job, index=index, custom_id=custom_id)

    def answered(self, job: Job, text: str | None) -> None:
        """Does nothing: no prompt depends on an answer."""


def _changed(job: Job, model: str | None, stream: bool | None) -> Job:
    """The job with another model, and streamed or not, where its endpoint can."""
    if ENDPOINTS[job.url].stream is None:
        stream = None
    if model is None and stream is None:
        return job
    body = msgspec.json.decode(job.body)
    if model is not None:
        body["model"] = model
    if stream is not None:
        body["stream"] = stream
        if not stream:
            body.pop("stream_options", None)  # which only streams may have
    return build_job(
        msgspec.json.encode(body),
        url=job.url,
        custom_id=job.custom_id,
        number=job.index + 1,
        metadata=job.metadata,
        expected=job.expected,
    )
