"""What a load run sends: an endless supply of jobs.

FilePrompts          the jobs of a file, in a cycle or sampled
SyntheticPrompts     words of given lengths, alone or in conversations
TracePrompts         words of the lengths that a trace has, line by line
"""

from typing import Protocol

from ..job import Job


class Prompts(Protocol):
    """Makes a job for each request that is due. All randomness is from the generator that it was
    made with, so the same calls in the same order give the same jobs."""

    def next(self, index: int) -> Job:
        """The job of the request with this index, counted from 0."""
        ...

    def answered(self, job: Job, text: str | None) -> None:
        """To be called once for each job, with its answer's text, or None where it failed."""
        ...
