"""Completions of a prompt: OpenAI's older protocol, whole and streamed."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated, Any

import msgspec

from .chat import DONE, usage_of
from .chat_params import MAX_CHOICES, StreamOptions
from .choice import Choice, make_choice
from .draws import digest
from .errors import ApiError
from .params import Code, Count, Share, Wanted
from .response import EventStream, RequestContext, Response
from .tokens import count_tokens

DEFAULT_TOKENS = 16
MOST_PROMPTS = 128
_encode = msgspec.json.Encoder().encode

Prompt = str | list[int]


class CompletionsParams(msgspec.Struct, frozen=True):
    """POST /v1/completions: texts or tokens, one or several, each completed `n` times."""

    model: Code
    prompt: str | Annotated[list[str | int | list[int]], msgspec.Meta(min_length=1)]
    max_tokens: Count | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=MAX_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None
    echo: bool | None = None

    @property
    def prompts(self) -> Sequence[Prompt]:
        """Each prompt by itself. Raises ApiError where they are not all of one kind."""
        given = self.prompt
        if isinstance(given, str):
            return [given]
        tokens = [each for each in given if isinstance(each, int)]
        if tokens:
            if len(tokens) < len(given):
                raise ApiError(400, "Invalid parameter prompt: texts and tokens are mixed.")
            return [tokens]
        if len(given) > MOST_PROMPTS:
            raise ApiError(400, f"Invalid parameter prompt: more than {MOST_PROMPTS} prompts.")
        return [each for each in given if not isinstance(each, int)]


def completions_response(params: CompletionsParams, context: RequestContext) -> Response:
    """The continuations of each prompt."""
    prompts = params.prompts
    input_tokens = sum(map(_count, prompts))
    choices = [
        _choice(prompt, params, context, number)
        for number, prompt in enumerate(each for each in prompts for _ in range(params.n or 1))
    ]
    output_tokens = sum(len(choice.text.tokens) for choice in choices)
    prefix = context.prefix(params.model, input_tokens, lambda: "\n".join(map(_text, prompts)))
    usage = usage_of(input_tokens, output_tokens, prefix.cached_tokens)
    base = {
        "id": f"cmpl-{context.serial}",
        "object": "text_completion",
        "created": context.created,
        "model": params.model,
    }
    body: bytes | EventStream
    if params.stream:
        body = _stream(params, base, choices, usage)
    else:
        body = _encode(
            base
            | {
                "choices": [_whole(choice, params, at) for at, choice in enumerate(choices)],
                "usage": usage,
            }
        )
    return context.text_response(
        body, input_tokens=input_tokens, output_tokens=output_tokens, prefix=prefix
    )


def _text(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else " ".join(map(str, prompt))


def _count(prompt: Prompt) -> int:
    return max(1, count_tokens(prompt) if isinstance(prompt, str) else len(prompt))


def _choice(
    prompt: Prompt, params: CompletionsParams, context: RequestContext, number: int
) -> Choice:
    most = params.max_tokens or DEFAULT_TOKENS
    if context.book is not None:
        return make_choice(
            Wanted(_text(prompt)),
            context.digest,
            number,
            generator=context.generator,
            book=context.book,
            max_tokens=most,
        )
    state = context.digest if number == 0 else digest(number, context.digest)
    return Choice(context.generator.generate(state, most))


def _logprobs(tokens: Sequence[str], wanted: int, offset: int) -> dict[str, Any]:
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token)
    values = [-round((len(token) % 7) / 10, 4) for token in tokens]
    pairs = zip(tokens, values, strict=True)
    return {
        "tokens": list(tokens),
        "token_logprobs": values,
        "top_logprobs": [{token: value} for token, value in pairs] if wanted else None,
        "text_offset": offsets,
    }


def _whole(choice: Choice, params: CompletionsParams, index: int) -> dict[str, Any]:
    text, logprobs = choice.text, None
    before = _text(params.prompts[index // (params.n or 1)]) if params.echo else ""
    if params.logprobs is not None:
        logprobs = _logprobs(text.tokens, params.logprobs, len(before))
    return {
        "text": before + text.text,
        "index": index,
        "logprobs": logprobs,
        "finish_reason": text.finish,
    }


def _stream(
    params: CompletionsParams,
    base: dict[str, Any],
    choices: Sequence[Choice],
    usage: dict[str, Any],
) -> EventStream:
    """As chat streams: the usage in a chunk of its own, on the last chunk, or not at all."""
    together: list[list[bytes]] = []
    closing: list[bytes] = []
    opening: list[bytes] = []
    for index, choice in enumerate(choices):
        events, offset = [], 0
        if params.echo:
            before = _text(params.prompts[index // (params.n or 1)])
            opening.append(_chunk(base, [_part(index, before)]))
            offset = len(before)
        for token in choice.text.tokens:
            logprobs = None
            if params.logprobs is not None:
                logprobs = _logprobs([token], params.logprobs, offset)
            events.append(_chunk(base, [_part(index, token, logprobs)]))
            offset += len(token)
        together.append(events)
        closing.append(_chunk(base, [_part(index, "", None, choice.text.finish)]))
    options = params.stream_options
    if options is None or options.include_usage is None:
        last = _part(len(choices) - 1, "", None, choices[-1].text.finish)
        closing[-1] = _chunk(base | {"usage": usage}, [last])
    elif options.include_usage:
        closing.append(_chunk(base | {"usage": usage}, []))
    turns = zip_longest(*together)
    return EventStream(
        opening, [event for turn in turns for event in turn if event], [*closing, DONE]
    )


def _part(
    index: int, text: str, logprobs: dict[str, Any] | None = None, finish: str | None = None
) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}


def _chunk(base: dict[str, Any], choices: list[dict[str, Any]]) -> bytes:
    return b"data: %b\n\n" % _encode(base | {"choices": choices})
