"""The response to one request, before any of it is sent."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from .answers import AnswerBook
from .cache import STEP_TOKENS, Prefix
from .prices import ZERO, ModelPrice
from .text import TextGenerator

_NO_PREFIX = Prefix()


class EventStream(NamedTuple):
    """Server-sent events: `opening` at once, an event with each token, then `closing`."""

    opening: Sequence[bytes]
    events: Sequence[bytes]
    closing: Sequence[bytes]


class Response(NamedTuple):
    """A body or a stream, and what it bills. `steps` is how many tokens it takes to generate.

    Only a variant of some provider has another status, a content type that is not its body's, or a
    connection that is cut at its end.
    """

    body: bytes | EventStream
    steps: int = 1
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    prefix: Prefix = _NO_PREFIX
    charge: Decimal = ZERO
    status: int = 200
    content_type: str | None = None
    cut: bool = False


class RequestContext(NamedTuple):
    """What an endpoint needs to answer one request.

    `digest` is of the seed and the request, `serial` goes into its ids, `created` is in Unix
    seconds, `look_up` asks the prompt cache for (model, prompt), `book` has the answers that are
    given, if any are, and `seed` is the gateway's.
    """

    generator: TextGenerator
    price: ModelPrice
    digest: bytes
    serial: str
    created: int
    base_url: str
    look_up: Callable[[str, str], Prefix]
    book: AnswerBook | None = None
    seed: int = 0

    def prefix(self, model: str, input_tokens: int, prompt: Callable[[], str]) -> Prefix:
        """What of a prompt is cached. One that is too short for that is not even made."""
        if input_tokens <= STEP_TOKENS:
            return _NO_PREFIX
        return self.look_up(model, prompt()).within(input_tokens)

    def text_response(
        self,
        body: bytes | EventStream,
        *,
        input_tokens: int,
        output_tokens: int,
        prefix: Prefix,
        searches: int = 0,
    ) -> Response:
        """The response with an answer that is made token by token, and billed by its tokens."""
        cached = prefix.cached_tokens
        return Response(
            body=body,
            steps=output_tokens,
            input_tokens=input_tokens,
            cached_input_tokens=cached,
            output_tokens=output_tokens,
            prefix=prefix,
            charge=self.price.tokens_cost(
                fresh=input_tokens - cached, cached=cached, output=output_tokens, searches=searches
            ),
        )
