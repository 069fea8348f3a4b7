"""Prompts as long as those of a trace, with the same shared beginnings."""

import random

from ..endpoints import ENDPOINTS
from ..errors import InputError
from ..job import Job
from .template import RequestTemplate
from .trace import BLOCK_TOKENS, Trace
from .words import words


class TracePrompts:
    """A job for each request of a trace, in order, and then from the start again.

    Blocks with the same id get the same 512 words, so that prompts share their beginnings as in the
    trace.

    Args:
        template: what every request has in common.
        trace: the lengths.
        rng: draws the words.

    Raises:
        InputError: where no request can be made of the template, or where it is for images.
    """

    def __init__(self, template: RequestTemplate, trace: Trace, *, rng: random.Random) -> None:
        if ENDPOINTS[template.check().url].kind == "images":
            raise InputError(f"{template.url} has no lengths to replay; use an endpoint for text")
        self._template = template
        self._trace = trace
        self._rng = rng
        self._seed = rng.getrandbits(64)
        self._given = 0

    def next(self, index: int) -> Job:
        """The job of the next request of the trace."""
        trace = self._trace
        place = self._given % trace.requests
        self._given += 1
        left_tokens, text = trace.input_tokens[place], []
        for block in trace.blocks[place][: -(-left_tokens // BLOCK_TOKENS)]:
            # The last one may be cut short.
            tokens = min(left_tokens, BLOCK_TOKENS)
            block_rng = random.Random(f"{self._seed}/{block}")
            text += words(BLOCK_TOKENS, block_rng).split(" ")[:tokens]
            left_tokens -= tokens
        if left_tokens:
            text.append(words(left_tokens, self._rng))
        return self._template.job(
            index,
            [{"role": "user", "content": " ".join(text)}],
            output_tokens=trace.output_tokens[place],
        )

    def answered(self, job: Job, text: str | None) -> None:
        """Does nothing: no prompt depends on an answer."""
