"""Chat and search completions: the OpenAI protocol, whole and streamed."""

from typing import Any

import msgspec

from .answer import Answer, Desk, Stream
from .cache import STEP_TOKENS, Prefix
from .params import ChatParams
from .tokens import MESSAGE_TOKENS, PROMPT_TOKENS, count_tokens

_DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


def prompt_tokens(params: ChatParams) -> int:
    """What the conversation counts as."""
    total = PROMPT_TOKENS
    for message in params.messages:
        total += MESSAGE_TOKENS + count_tokens(message.content)
    return total


def answer_chat(params: ChatParams, desk: Desk, *, searches: int = 0, suffix: str = "") -> Answer:
    """The answer to one conversation. `suffix` is added to the text, as the last token."""
    written = desk.writer.write(desk.digest, params.max_completion_tokens or params.max_tokens)
    encoded, text = written.encoded, written.text + suffix
    if suffix:
        encoded = [*encoded, _encode(suffix)]
    given, made = prompt_tokens(params), len(encoded)
    prefix = _prefix(params, desk) if given > STEP_TOKENS else Prefix()
    cached = prefix.cached_tokens
    usage: dict[str, Any] = {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
    }
    if cached:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    reply: bytes | Stream
    if params.stream:
        wanted = params.stream_options.include_usage if params.stream_options else None
        reply = _stream(
            params.model, desk, encoded, finish=written.finish, usage=usage, wanted=wanted
        )
    else:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": written.finish}
        reply = _encode(
            {
                "id": f"chatcmpl-{desk.serial}",
                "object": "chat.completion",
                "created": desk.created,
                "model": params.model,
                "choices": [choice],
                "usage": usage,
            }
        )
    return Answer(
        reply=reply,
        steps=made,
        input_tokens=given,
        cached_input_tokens=cached,
        output_tokens=made,
        prefix=prefix,
        charge=desk.price.tokens_cost(
            fresh=given - cached, cached=cached, output=made, searches=searches
        ),
    )


def _prefix(params: ChatParams, desk: Desk) -> Prefix:
    return desk.look_up(
        params.model, "\n".join(f"{each.role}\n{each.content}" for each in params.messages)
    )


def _stream(
    model: str,
    desk: Desk,
    encoded: list[bytes],
    *,
    finish: str,
    usage: dict[str, Any],
    wanted: bool | None,
) -> Stream:
    """`wanted` is `include_usage`: a chunk of its own if true, on the last chunk if not said."""
    start = (
        b'data: {"id":"chatcmpl-%b","object":"chat.completion.chunk","created":%d,"model":%b,'
        b'"choices":[' % (desk.serial.encode(), desk.created, _encode(model))
    )
    before = start + b'{"index":0,"delta":{"content":'
    after = b'},"finish_reason":null}]}\n\n'
    opening = start + b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}'
    ending = start + b'{"index":0,"delta":{},"finish_reason":"%b"}]' % finish.encode()
    counted = b',"usage":%b}\n\n' % _encode(usage)
    if wanted is None:
        closing = [ending + counted, _DONE]
    elif wanted:
        closing = [ending + b"}\n\n", start + b"]" + counted, _DONE]
    else:
        closing = [ending + b"}\n\n", _DONE]
    return Stream([opening + b"]}\n\n"], [before + token + after for token in encoded], closing)


def answer_search(params: ChatParams, desk: Desk) -> Answer:
    """As chat, with the sources that the answer cites at its end."""
    topics = desk.digest[:2]
    sources = "\n".join(
        f"[{number}] Report {topic} on the water - https://news.example/{topic:02x}"
        for number, topic in enumerate(topics, 1)
    )
    return answer_chat(params, desk, searches=1, suffix=f" [1][2]\n\nSources:\n{sources}")
