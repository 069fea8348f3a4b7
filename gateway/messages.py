"""Messages: the Anthropic protocol, whole and streamed."""

from typing import Any

import msgspec

from .cache import STEP_TOKENS, Prefix
from .params import ContentBlock, MessagesParams
from .response import EventStream, RequestContext, Response
from .tokens import MESSAGE_TOKENS, PROMPT_TOKENS, count_tokens

# The reference's mapping.
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}
_encode = msgspec.json.Encoder().encode
_DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}}\n\n'
)


def messages_response(params: MessagesParams, context: RequestContext) -> Response:
    """The answer to one conversation."""
    generated = context.generator.generate(context.digest, params.max_tokens)
    stop_reason, stop_sequence = STOP_REASONS[generated.finish], None
    if params.stop_sequences:
        generated, stop_sequence = generated.until_first(params.stop_sequences)
        if stop_sequence is not None:
            stop_reason = "stop_sequence"
    input_tokens, output_tokens = prompt_tokens(params), len(generated.tokens)
    prefix = _prefix(params, context) if input_tokens > STEP_TOKENS else Prefix()
    fresh = input_tokens - prefix.cached_tokens
    # By this protocol's convention, what came from the cache is not in `input_tokens`.
    used: dict[str, Any] = {"input_tokens": fresh}
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
        body = EventStream(
            opening=[
                _event("message_start", message=opened | begun),
                _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            ],
            events=[_DELTA % token for token in generated.encoded],
            closing=[
                _event("content_block_stop", index=0),
                _event("message_delta", delta=ended, usage={"output_tokens": output_tokens}),
                _event("message_stop"),
            ],
        )
    else:
        content = [{"type": "text", "text": generated.text}]
        body = _encode(
            opened | ended | {"content": content, "usage": used | {"output_tokens": output_tokens}}
        )
    return Response(
        body=body,
        steps=output_tokens,
        input_tokens=input_tokens,
        cached_input_tokens=prefix.cached_tokens,
        output_tokens=output_tokens,
        prefix=prefix,
        charge=context.price.tokens_cost(
            fresh=fresh, cached=prefix.cached_tokens, output=output_tokens
        ),
    )


def prompt_tokens(params: MessagesParams) -> int:
    """Input tokens that the conversation and its system prompt count as, cached or not."""
    total = PROMPT_TOKENS
    if params.system is not None:
        total += MESSAGE_TOKENS + count_tokens(_text(params.system))
    for turn in params.messages:
        total += MESSAGE_TOKENS + count_tokens(_text(turn.content))
    return total


def _prefix(params: MessagesParams, context: RequestContext) -> Prefix:
    parts = [] if params.system is None else [f"system\n{_text(params.system)}"]
    parts += [f"{turn.role}\n{_text(turn.content)}" for turn in params.messages]
    return context.look_up(params.model, "\n".join(parts))


def _text(content: str | list[ContentBlock]) -> str:
    return content if isinstance(content, str) else "".join([block.text for block in content])


def _event(name: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name} | fields))
