"""What a load run sends: an endless supply of jobs.

FilePrompts          the jobs of a file, in a cycle or sampled
SyntheticPrompts     words of given lengths, alone or in conversations
TracePrompts         words of the lengths that a trace has, line by line
"""

from typing import Protocol

from ..job import Job


class Prompts(Protocol):
    """Makes a job for each request that is due. What it says depends on the seed, the request's
    index and, in a conversation, on what was answered before: not on which others were made."""

    def next(self, index: int, user: int = 0) -> Job:
        """The job of the request with this index, counted from 0; `user` is whose turn it is."""
        ...

    def answered(self, job: Job, text: str | None) -> None:
        """To be called once for each job, with its answer's text, or None where it failed."""
        ...
