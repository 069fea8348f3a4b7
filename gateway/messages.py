"""Messages: the Anthropic protocol, whole and streamed."""

import msgspec

from .answer import Answer, Desk, Stream
from .params import Block, MessagesParams
from .tokens import MESSAGE_TOKENS, PROMPT_TOKENS, count_tokens

# The reference's mapping.
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}
_encode = msgspec.json.Encoder().encode


def _content_tokens(content: str | list[Block]) -> int:
    if isinstance(content, str):
        return count_tokens(content)
    return sum(count_tokens(block.text) for block in content)


def input_tokens(params: MessagesParams) -> int:
    """What the conversation and its system prompt count as."""
    total = PROMPT_TOKENS
    if params.system is not None:
        total += MESSAGE_TOKENS + _content_tokens(params.system)
    for turn in params.messages:
        total += MESSAGE_TOKENS + _content_tokens(turn.content)
    return total


def answer_messages(params: MessagesParams, desk: Desk) -> Answer:
    """The answer to one conversation."""
    written = desk.writer.write(desk.digest, params.max_tokens)
    given, made = input_tokens(params), len(written.tokens)
    stop_reason = STOP_REASONS[written.finish]
    opened = {
        "id": f"msg_{desk.serial}",
        "type": "message",
        "role": "assistant",
        "model": params.model,
    }
    reply: bytes | Stream
    if params.stream:
        reply = Stream(
            opening=[
                _event(
                    "message_start",
                    message=opened
                    | {
                        "stop_reason": None,
                        "stop_sequence": None,
                        "content": [],
                        "usage": {"input_tokens": given, "output_tokens": 0},
                    },
                ),
                _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            ],
            events=[_DELTA % token for token in written.encoded],
            closing=[
                _event("content_block_stop", index=0),
                _event(
                    "message_delta",
                    delta={"stop_reason": stop_reason, "stop_sequence": None},
                    usage={"output_tokens": made},
                ),
                _event("message_stop"),
            ],
        )
    else:
        reply = _encode(
            opened
            | {
                "stop_reason": stop_reason,
                "stop_sequence": None,
                "content": [{"type": "text", "text": written.text}],
                "usage": {"input_tokens": given, "output_tokens": made},
            }
        )
    return Answer(
        reply=reply,
        steps=made,
        input_tokens=given,
        output_tokens=made,
        charge=desk.price.tokens_cost(fresh=given, output=made),
    )


_DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}}\n\n'
)


def _event(name: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name} | fields))
