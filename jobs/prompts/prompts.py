"""What a load run sends: a supply of jobs that does not end by itself.

FilePrompts          the jobs of a file, in a circle or sampled
SyntheticPrompts     words of given lengths, in conversations where asked
TracePrompts         words of the lengths that a trace has, line by line
"""

from typing import Protocol

from ..job import Job


class Prompts(Protocol):
    """Gives a job for each request that is due. All chance is in the random generator it was made
    with; the same calls in the same order give the same jobs."""

    def next(self, index: int) -> Job:
        """The job of the request with this index, which the caller counts from 0."""
        ...

    def answered(self, job: Job, text: str | None) -> None:
        """To be called once for each job: its answer's text, or None where it has failed."""
        ...
