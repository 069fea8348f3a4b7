"""Completions of a prompt: OpenAI's older protocol, whole and streamed."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated, Any

import msgspec

from .chat import DONE, usage_of
from .chat_params import MAX_CHOICES, StreamOptions
from .choice import Choice, make_choice
from .params import Code, Prompt, PromptList, Share, Wanted, prompts_in
from .response import EventStream, RequestContext, Response
from .text import GeneratedText
from .tokens import count_prompt

DEFAULT_TOKENS = 16
MOST_PROMPTS = 128
_encode = msgspec.json.Encoder().encode


class CompletionsParams(msgspec.Struct, frozen=True):
    """POST /v1/completions: texts or tokens, one or several, each completed `n` times."""

    model: Code
    prompt: str | PromptList
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None  # 0: the prompt alone, by `echo`
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=MAX_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None
    echo: bool | None = None


def completions_response(params: CompletionsParams, context: RequestContext) -> Response:
    """The continuations of each prompt."""
    prompts = prompts_in(params.prompt, "prompt", most=MOST_PROMPTS)
    input_tokens = sum(max(1, count_prompt(each)) for each in prompts)
    texts = [_text(each) for each in prompts]
    asked = [text for text in texts for _ in range(params.n or 1)]  # by choice
    choices = [_choice(text, params, context, number) for number, text in enumerate(asked)]
    echoed = asked if params.echo else None
    output_tokens = sum(len(choice.text.tokens) for choice in choices)
    prefix = context.prefix(params.model, input_tokens, lambda: "\n".join(texts))
    usage = usage_of(input_tokens, output_tokens, prefix.cached_tokens)
    base = {
        "id": f"cmpl-{context.serial}",
        "object": "text_completion",
        "created": context.created,
        "model": params.model,
    }
    body: bytes | EventStream
    if params.stream:
        body = _stream(params, base, choices, echoed=echoed, usage=usage)
    else:
        body = _encode(
            base
            | {
                "choices": [
                    _whole(choice, params, at, before="" if echoed is None else echoed[at])
                    for at, choice in enumerate(choices)
                ],
                "usage": usage,
            }
        )
    return context.text_response(
        body, input_tokens=input_tokens, output_tokens=output_tokens, prefix=prefix
    )


def _text(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else " ".join(map(str, prompt))


def _choice(text: str, params: CompletionsParams, context: RequestContext, number: int) -> Choice:
    if params.max_tokens == 0:
        return Choice(GeneratedText([], [], "length"))
    return make_choice(
        Wanted(text),
        context.digest,
        number,
        generator=context.generator,
        book=context.book,
        max_tokens=params.max_tokens or DEFAULT_TOKENS,
    )


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


def _whole(choice: Choice, params: CompletionsParams, index: int, *, before: str) -> dict[str, Any]:
    text, logprobs = choice.text, None
    if params.logprobs is not None:
        logprobs = _logprobs(text.tokens, params.logprobs, len(before))
    return _part(index, before + text.text, logprobs, text.finish)


def _stream(
    params: CompletionsParams,
    base: dict[str, Any],
    choices: Sequence[Choice],
    *,
    echoed: Sequence[str] | None,
    usage: dict[str, Any],
) -> EventStream:
    """As chat streams: the usage in a chunk of its own, on the last chunk, or not at all."""
    together: list[list[bytes]] = []
    closing: list[bytes] = []
    opening: list[bytes] = []
    for index, choice in enumerate(choices):
        events, offset = [], 0
        if echoed is not None:
            opening.append(_chunk(base, [_part(index, echoed[index])]))
            offset = len(echoed[index])
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
