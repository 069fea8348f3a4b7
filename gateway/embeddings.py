"""Embeddings: vectors that depend on the seed, the model and the text alone."""

from array import array
from base64 import b64encode
from hashlib import shake_128
from typing import Annotated, Any, Literal

import msgspec

from .draws import digest
from .errors import ApiError
from .params import Code, Prompt, PromptList, prompts_in
from .response import RequestContext, Response
from .tokens import count_prompt

DEFAULT_DIMENSIONS = 1536
MOST_DIMENSIONS = 8192
MOST_INPUTS = 2048
# Of numbers of 16 bits: so many of them are about as long as 1, whatever their signs.
_SCALE = 3**0.5 / 32768
_DECIMALS = 8


class EmbeddingsParams(msgspec.Struct, frozen=True):
    """POST /v1/embeddings: texts, or tokens, one or several."""

    model: Code
    input: Code | PromptList
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=MOST_DIMENSIONS)] | None = None

    def inputs(self) -> list[Prompt]:
        """Each input by itself. Raises ApiError for what is not given as it must be."""
        found = prompts_in(self.input, "input", most=MOST_INPUTS)
        if not all(found):
            raise ApiError(400, "Invalid parameter input: an input is empty.")
        return found


def embeddings_response(params: EmbeddingsParams, context: RequestContext) -> Response:
    """A vector for each input, billed by its tokens."""
    inputs, size = params.inputs(), params.dimensions or DEFAULT_DIMENSIONS
    tokens = sum(map(count_prompt, inputs))
    data = []
    for index, each in enumerate(inputs):
        vector: Any = _vector(f"{params.model}\0{each}", size, context.seed)
        if params.encoding_format == "base64":
            vector = b64encode(array("f", vector).tobytes()).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    body = {
        "object": "list",
        "data": data,
        "model": params.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return Response(
        body=msgspec.json.encode(body),
        input_tokens=tokens,
        charge=context.price.tokens_cost(fresh=tokens, output=0),
    )


def _vector(text: str, size: int, seed: int) -> list[float]:
    """A vector of about length 1."""
    name = digest(seed, b"vector", text.encode("utf-8", "surrogatepass"))
    drawn = array("h", shake_128(name).digest(2 * size))
    scale = _SCALE / size**0.5
    return [round(each * scale, _DECIMALS) for each in drawn]
