"""Messages: the Anthropic protocol, whole and streamed."""

import json
from typing import Any

import msgspec

from .choice import Choice, make_choice
from .messages_params import MessagesParams, prompt_text, prompt_tokens, wanted
from .response import EventStream, RequestContext, Response
from .text import GeneratedText

# The reference's mapping.
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}
_encode = msgspec.json.Encoder().encode
_DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}}\n\n'
)
_ARGUMENTS = _DELTA.replace(b'"text_delta","text"', b'"input_json_delta","partial_json"')


def messages_response(params: MessagesParams, context: RequestContext) -> Response:
    """The answer to one conversation."""
    choice = _choice(params, context)
    generated, block = choice.text, _block(choice, context)
    stop_reason, stop_sequence = STOP_REASONS[generated.finish], None
    if choice.tool is not None:
        stop_reason = "tool_use" if generated.finish == "stop" else stop_reason
    elif params.stop_sequences:
        generated, stop_sequence = generated.until_first(params.stop_sequences)
        if stop_sequence is not None:
            stop_reason = "stop_sequence"
    input_tokens, output_tokens = prompt_tokens(params), len(generated.tokens)
    prefix = context.prefix(params.model, input_tokens, lambda: prompt_text(params))
    # By this protocol's convention, what came from the cache is not in `input_tokens`.
    used: dict[str, Any] = {"input_tokens": input_tokens - prefix.cached_tokens}
    if prefix.cached_tokens:
        used |= {"cache_creation_input_tokens": 0, "cache_read_input_tokens": prefix.cached_tokens}
    opened = {
        "id": f"msg_{context.serial}",
        "type": "message",
        "role": "assistant",
        "model": params.model,
    }
    ended = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
    body: bytes | EventStream
    if params.stream:
        begun: dict[str, Any] = {
            "stop_reason": None,
            "stop_sequence": None,
            "content": [],
            "usage": used | {"output_tokens": 0},
        }
        delta = _DELTA if choice.tool is None else _ARGUMENTS
        body = EventStream(
            opening=[
                _event("message_start", message=opened | begun),
                _event("content_block_start", index=0, content_block=block),
            ],
            events=[delta % token for token in generated.encoded],
            closing=[
                _event("content_block_stop", index=0),
                _event("message_delta", delta=ended, usage={"output_tokens": output_tokens}),
                _event("message_stop"),
            ],
        )
    else:
        content = [_filled(block, generated)]
        body = _encode(
            opened | ended | {"content": content, "usage": used | {"output_tokens": output_tokens}}
        )
    return context.text_response(
        body, input_tokens=input_tokens, output_tokens=output_tokens, prefix=prefix
    )


def _choice(params: MessagesParams, context: RequestContext) -> Choice:
    if not (params.tools or params.tool_choice or params.output_config) and context.book is None:
        return Choice(context.generator.generate(context.digest, params.max_tokens))
    return make_choice(
        wanted(params),
        context.digest,
        0,
        generator=context.generator,
        book=context.book,
        max_tokens=params.max_tokens,
    )


def _block(choice: Choice, context: RequestContext) -> dict[str, Any]:
    """The only content block, as it begins in a stream."""
    if choice.tool is None:
        return {"type": "text", "text": ""}
    return {"type": "tool_use", "id": f"toolu_{context.serial}", "name": choice.tool, "input": {}}


def _filled(block: dict[str, Any], text: GeneratedText) -> dict[str, Any]:
    if block["type"] == "text":
        return block | {"text": text.text}
    # Arguments that max_tokens cut are not JSON: they are left out.
    return block if text.finish == "length" else block | {"input": json.loads(text.text)}


def _event(name: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name} | fields))
