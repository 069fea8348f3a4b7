"""Chat and search completions: the OpenAI protocol, whole and streamed."""

from typing import Any

import msgspec

from .cache import STEP_TOKENS, Prefix
from .params import ChatParams
from .response import EventStream, RequestContext, Response
from .tokens import MESSAGE_TOKENS, PROMPT_TOKENS, count_tokens

_DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


def prompt_tokens(params: ChatParams) -> int:
    """Input tokens that the conversation counts as."""
    total = PROMPT_TOKENS
    for message in params.messages:
        total += MESSAGE_TOKENS + count_tokens(message.content)
    return total


def chat_response(
    params: ChatParams, context: RequestContext, *, searches: int = 0, suffix: str = ""
) -> Response:
    """The answer to one conversation. `suffix` is added to the text, as the last token."""
    generated = context.generator.generate(
        context.digest, params.max_completion_tokens or params.max_tokens
    )
    encoded, text = generated.encoded, generated.text + suffix
    if suffix:
        encoded = [*encoded, _encode(suffix)]
    input_tokens, output_tokens = prompt_tokens(params), len(encoded)
    prefix = _prefix(params, context) if input_tokens > STEP_TOKENS else Prefix()
    cached = prefix.cached_tokens
    usage: dict[str, Any] = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    if cached:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    body: bytes | EventStream
    if params.stream:
        include_usage = params.stream_options.include_usage if params.stream_options else None
        body = _stream(
            params.model,
            context,
            encoded,
            finish=generated.finish,
            usage=usage,
            include_usage=include_usage,
        )
    else:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": generated.finish}
        body = _encode(
            {
                "id": f"chatcmpl-{context.serial}",
                "object": "chat.completion",
                "created": context.created,
                "model": params.model,
                "choices": [choice],
                "usage": usage,
            }
        )
    return Response(
        body=body,
        steps=output_tokens,
        input_tokens=input_tokens,
        cached_input_tokens=cached,
        output_tokens=output_tokens,
        prefix=prefix,
        charge=context.price.tokens_cost(
            fresh=input_tokens - cached, cached=cached, output=output_tokens, searches=searches
        ),
    )


def _prefix(params: ChatParams, context: RequestContext) -> Prefix:
    return context.look_up(
        params.model, "\n".join(f"{each.role}\n{each.content}" for each in params.messages)
    )


def _stream(
    model: str,
    context: RequestContext,
    encoded: list[bytes],
    *,
    finish: str,
    usage: dict[str, Any],
    include_usage: bool | None,
) -> EventStream:
    """Usage comes in a chunk of its own where `include_usage` is true, on the last chunk where it
    is None, and not at all where it is false."""
    start = (
        b'data: {"id":"chatcmpl-%b","object":"chat.completion.chunk","created":%d,"model":%b,'
        b'"choices":[' % (context.serial.encode(), context.created, _encode(model))
    )
    before = start + b'{"index":0,"delta":{"content":'
    after = b'},"finish_reason":null}]}\n\n'
    opening = start + b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}'
    ending = start + b'{"index":0,"delta":{},"finish_reason":"%b"}]' % finish.encode()
    counted = b',"usage":%b}\n\n' % _encode(usage)
    if include_usage is None:
        closing = [ending + counted, _DONE]
    elif include_usage:
        closing = [ending + b"}\n\n", start + b"]" + counted, _DONE]
    else:
        closing = [ending + b"}\n\n", _DONE]
    return EventStream(
        [opening + b"]}\n\n"], [before + token + after for token in encoded], closing
    )


def search_response(params: ChatParams, context: RequestContext) -> Response:
    """The same as chat, followed by the sources that the answer cites."""
    topics = context.digest[:2]
    sources = "\n".join(
        f"[{number}] Report {topic} on the water - https://news.example/{topic:02x}"
        for number, topic in enumerate(topics, 1)
    )
    return chat_response(params, context, searches=1, suffix=f" [1][2]\n\nSources:\n{sources}")
