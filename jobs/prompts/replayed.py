"""Prompts as long as those of a trace, with the same shared beginnings."""

import hashlib
import random

from ..endpoints import ENDPOINTS
from ..errors import InputError
from ..job import Job
from .template import RequestTemplate
from .trace import Trace
from .trace_lines import Block
from .words import spelled


class TracePrompts:
    """A job for each request of a trace, in order, and then from the start again.

    Blocks with the same id get the same words, so that prompts share their beginnings as in the
    trace.

    Args:
        template: what every request has in common.
        trace: the lengths.
        rng: draws the words.

    Raises:
        InputError: where no request can be made of the template, or where it is for images.
    """

    def __init__(self, template: RequestTemplate, trace: Trace, *, rng: random.Random) -> None:
        if ENDPOINTS[template.check().url].price == "images":
            raise InputError(f"{template.url} has no lengths to replay; use an endpoint for text")
        self._template = template
        self._trace = trace
        self._seed = rng.getrandbits(64)

    def next(self, index: int, user: int = 0) -> Job:
        """The job of the request at this place of the trace, which begins again after its last."""
        trace = self._trace
        place = index % trace.requests
        tokens, size = trace.input_tokens[place], trace.block_tokens
        blocks = [self._block(block, size) for block in trace.blocks[place]]
        drawn = b"".join(blocks)[:tokens]  # the last one may be cut short
        rest = random.Random(f"{self._seed}/{index}")
        drawn += rest.randbytes(tokens - len(drawn))
        return self._template.job(
            index,
            [{"role": "user", "content": spelled(drawn)}],
            output_tokens=trace.output_tokens[place],
        )

    def _block(self, block: Block, tokens: int) -> bytes:
        """What a block's words are drawn from, the same wherever it comes."""
        name = f"{self._seed}/{block!r}".encode("utf-8", "surrogatepass")
        return hashlib.shake_128(name).digest(tokens)

    def answered(self, job: Job, text: str | None) -> None:
        """Does nothing: no prompt depends on an answer."""
