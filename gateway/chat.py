"""Chat and search completions: the OpenAI protocol, whole and streamed."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from .chat_params import ChatParams, prompt_text, prompt_tokens, wanted
from .choice import Choice, make_choice
from .response import EventStream, RequestContext, Response
from .text import GeneratedText

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


def chat_response(
    params: ChatParams, context: RequestContext, *, searches: int = 0, suffix: str = ""
) -> Response:
    """The answers to one conversation. `suffix` is added to each text, as its last token."""
    choices = _choices(params, context)
    if suffix:
        choices = [choice if choice.tool else _with(choice, suffix) for choice in choices]
    input_tokens = prompt_tokens(params)
    output_tokens = len(choices[0].text.encoded)
    for choice in choices[1:]:
        output_tokens += len(choice.text.encoded)
    prefix = context.prefix(params.model, input_tokens, lambda: prompt_text(params))
    usage = usage_of(input_tokens, output_tokens, prefix.cached_tokens)
    body: bytes | EventStream
    if params.stream:
        include_usage = params.stream_options.include_usage if params.stream_options else None
        body = _stream(params.model, context, choices, usage=usage, include_usage=include_usage)
    else:
        body = _encode(
            {
                "id": f"chatcmpl-{context.serial}",
                "object": "chat.completion",
                "created": context.created,
                "model": params.model,
                "choices": [_whole(choice, context, at) for at, choice in enumerate(choices)],
                "usage": usage,
            }
        )
    return context.text_response(
        body,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        prefix=prefix,
        searches=searches,
    )


def usage_of(input_tokens: int, output_tokens: int, cached_tokens: int) -> dict[str, Any]:
    """Usage as OpenAI tells it of chat and of completions."""
    usage: dict[str, Any] = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    if cached_tokens:
        usage["prompt_tokens_details"] = {"cached_tokens": cached_tokens}
    return usage


def _choices(params: ChatParams, context: RequestContext) -> list[Choice]:
    max_tokens = params.max_completion_tokens or params.max_tokens
    if not (params.n or params.tools or params.tool_choice or params.response_format) and (
        context.book is None
    ):
        # Nearly all of them.
        return [Choice(context.generator.generate(context.digest, max_tokens))]
    asked = wanted(params)
    return [
        make_choice(
            asked,
            context.digest,
            number,
            generator=context.generator,
            book=context.book,
            max_tokens=max_tokens,
        )
        for number in range(params.n or 1)
    ]


def _with(choice: Choice, suffix: str) -> Choice:
    tokens, encoded, finish = choice.text
    text = GeneratedText([*tokens, suffix], [*encoded, _encode(suffix)], finish)
    return choice._replace(text=text)


def _finish(choice: Choice) -> str:
    called = choice.tool is not None and choice.text.finish == "stop"
    return "tool_calls" if called else choice.text.finish


def _call(choice: Choice, context: RequestContext, index: int, arguments: str) -> dict[str, Any]:
    return {
        "id": f"call_{context.serial}-{index}",
        "type": "function",
        "function": {"name": choice.tool, "arguments": arguments},
    }


def _whole(choice: Choice, context: RequestContext, index: int) -> dict[str, Any]:
    text = choice.text
    message: dict[str, Any] = {"role": "assistant", "content": text.text}
    if choice.tool is None:
        return {"index": index, "message": message, "finish_reason": text.finish}
    call = _call(choice, context, index, text.text)
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"index": index, "message": message, "finish_reason": _finish(choice)}


def _stream(
    model: str,
    context: RequestContext,
    choices: Sequence[Choice],
    *,
    usage: dict[str, Any],
    include_usage: bool | None,
) -> EventStream:
    """Usage comes in a chunk of its own where `include_usage` is true, on the last chunk where it
    is None, and not at all where it is false."""
    start = (
        b'data: {"id":"chatcmpl-%b","object":"chat.completion.chunk","created":%d,"model":%b,'
        b'"choices":[' % (context.serial.encode(), context.created, _encode(model))
    )
    opening, events, closing = [], [], []
    for index, choice in enumerate(choices):
        first, deltas, last = _choice_events(start, choice, context, index)
        opening.append(first)
        events.append(deltas)
        closing.append(last + b"}\n\n")
    counted = b',"usage":%b}\n\n' % _encode(usage)
    if include_usage is None:
        closing[-1] = closing[-1].removesuffix(b"}\n\n") + counted
    elif include_usage:
        closing.append(start + b"]" + counted)
    # Several answers come side by side, a token of each in turn.
    together = (
        events[0]
        if len(events) == 1
        else [event for turn in zip_longest(*events) for event in turn if event is not None]
    )
    return EventStream(opening, together, [*closing, DONE])


def _choice_events(
    start: bytes, choice: Choice, context: RequestContext, index: int
) -> tuple[bytes, list[bytes], bytes]:
    """The first event of one answer, those of its tokens, and its last without what ends it."""
    begun, after = start + b'{"index":%d,"delta":' % index, b'},"finish_reason":null}]}\n\n'
    if choice.tool is None:
        opening = begun + b'{"role":"assistant","content":""' + after
        before = begun + b'{"content":'
    else:
        call = _encode({"index": 0, **_call(choice, context, index, "")})
        opening = begun + b'{"role":"assistant","content":null,"tool_calls":[%b]' % call + after
        before = begun + b'{"tool_calls":[{"index":0,"function":{"arguments":'
        after = b"}}]" + after
    ending = begun + b'{},"finish_reason":"%b"}]' % _finish(choice).encode()
    return opening, [before + token + after for token in choice.text.encoded], ending


def search_response(params: ChatParams, context: RequestContext) -> Response:
    """The same as chat, followed by the sources that the answer cites."""
    topics = context.digest[:2]
    sources = "\n".join(
        f"[{number}] Report {topic} on the water - https://news.example/{topic:02x}"
        for number, topic in enumerate(topics, 1)
    )
    return chat_response(params, context, searches=1, suffix=f" [1][2]\n\nSources:\n{sources}")
