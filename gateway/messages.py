"""Messages: the Anthropic protocol, whole and streamed."""

from typing import Any

import msgspec

from .answer import Answer, Desk, Stream
from .cache import STEP_TOKENS, Prefix
from .params import Block, MessagesParams
from .tokens import MESSAGE_TOKENS, PROMPT_TOKENS, count_tokens

# The reference's mapping.
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}
_encode = msgspec.json.Encoder().encode
_DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}}\n\n'
)


def answer_messages(params: MessagesParams, desk: Desk) -> Answer:
    """The answer to one conversation."""
    written = desk.writer.write(desk.digest, params.max_tokens)
    stop_reason, stop_sequence = STOP_REASONS[written.finish], None
    if params.stop_sequences:
        written, stop_sequence = written.until_first(params.stop_sequences)
        if stop_sequence is not None:
            stop_reason = "stop_sequence"
    given, made = input_tokens(params), len(written.tokens)
    prefix = _prefix(params, desk) if given > STEP_TOKENS else Prefix()
    fresh = given - prefix.cached_tokens
    # By this protocol's convention, what came from the cache is not in `input_tokens`.
    used: dict[str, Any] = {"input_tokens": fresh}
    if prefix.cached_tokens:
        used |= {"cache_creation_input_tokens": 0, "cache_read_input_tokens": prefix.cached_tokens}
    opened = {
        "id": f"msg_{desk.serial}",
        "type": "message",
        "role": "assistant",
        "model": params.model,
    }
    ended = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
    reply: bytes | Stream
    if params.stream:
        begun: dict[str, Any] = {
            "stop_reason": None,
            "stop_sequence": None,
            "content": [],
            "usage": used | {"output_tokens": 0},
        }
        reply = Stream(
            opening=[
                _event("message_start", message=opened | begun),
                _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            ],
            events=[_DELTA % token for token in written.encoded],
            closing=[
                _event("content_block_stop", index=0),
                _event("message_delta", delta=ended, usage={"output_tokens": made}),
                _event("message_stop"),
            ],
        )
    else:
        content = [{"type": "text", "text": written.text}]
        reply = _encode(
            opened | ended | {"content": content, "usage": used | {"output_tokens": made}}
        )
    return Answer(
        reply=reply,
        steps=made,
        input_tokens=given,
        cached_input_tokens=prefix.cached_tokens,
        output_tokens=made,
        prefix=prefix,
        charge=desk.price.tokens_cost(fresh=fresh, cached=prefix.cached_tokens, output=made),
    )


def input_tokens(params: MessagesParams) -> int:
    """What the conversation and its system prompt count as, cached or not."""
    total = PROMPT_TOKENS
    if params.system is not None:
        total += MESSAGE_TOKENS + count_tokens(_text(params.system))
    for turn in params.messages:
        total += MESSAGE_TOKENS + count_tokens(_text(turn.content))
    return total


def _prefix(params: MessagesParams, desk: Desk) -> Prefix:
    parts = [] if params.system is None else [f"system\n{_text(params.system)}"]
    parts += [f"{turn.role}\n{_text(turn.content)}" for turn in params.messages]
    return desk.look_up(params.model, "\n".join(parts))


def _text(content: str | list[Block]) -> str:
    return content if isinstance(content, str) else "".join([block.text for block in content])


def _event(name: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name} | fields))
