"""The usual chunks of a chat stream, many at once: text of one choice and nothing else.

Taken one by one they cost three times as much. What is anything else in any way is left to
`SSEParser` and `ChatStream`, which are right on all, and which a test holds this against.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from .chat import ChatStream
from .stream import AnswerStream
from .token_times import TokenTimes

# Fewer are not worth the look.
PIECES_MIN = 4
BEGIN, END = b"data: ", b"\n\n"


class _Delta(msgspec.Struct, forbid_unknown_fields=True):
    content: str


class _Choice(msgspec.Struct, forbid_unknown_fields=True):
    delta: _Delta
    index: int = 0
    finish_reason: None = None
    logprobs: UnsetType | None = UNSET


class _Chunk(msgspec.Struct, forbid_unknown_fields=True):
    choices: tuple[_Choice]
    id: str | UnsetType | None = UNSET
    object: str | UnsetType | None = UNSET
    created: int | UnsetType | None = UNSET
    model: str | UnsetType | None = UNSET
    system_fingerprint: str | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET
    obfuscation: str | UnsetType | None = UNSET
    usage: UnsetType | None = UNSET


# What a body keeps of the last chunk that has it.
KEPT = ("id", "created", "model", "system_fingerprint", "service_tier", "obfuscation")
_decoder = msgspec.json.Decoder(list[_Chunk])


def add_plain(
    stream: AnswerStream, pieces: list[tuple[bytes, float | None]], times: TokenTimes
) -> bool:
    """Take pieces of a stream that hold nothing but usual chunks.

    Args:
        stream: the answer so far.
        pieces: what was read, and when it came.
        times: is told of every chunk.

    Returns:
        Whether they were taken; where not, nothing was.
    """
    if len(pieces) < PIECES_MIN or not isinstance(stream, ChatStream) or not stream.is_plain:
        return False
    if not all(data.startswith(BEGIN) and data.endswith(END) for data, _ in pieces):
        return False
    text = b"".join([data for data, _ in pieces])
    counts = [data.count(END) for data, _ in pieces]
    # Each event is one line: its end, and the empty line.
    if b"\r" in text or text.count(b"\n") != 2 * sum(counts):
        return False
    if text.count(END + BEGIN) != sum(counts) - 1:
        return False
    listed = b"[%s]" % text[len(BEGIN) : -len(END)].replace(END + BEGIN, b",")
    try:
        chunks = _decoder.decode(listed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    texts = [chunk.choices[0].delta.content for chunk in chunks]
    if len(chunks) != sum(counts) or not all(texts):
        return False
    index = chunks[0].choices[0].index
    if index < 0 or any(chunk.choices[0].index != index for chunk in chunks):
        return False
    nulls = any(chunk.choices[0].logprobs is None for chunk in chunks)
    if not stream.add_texts(index, texts, _kept(chunks), null_logprobs=nulls):
        return False
    for (_, arrived_at_s), count in zip(pieces, counts, strict=True):
        for _ in range(count):
            times.saw(arrived_at_s, content=True)
    return True


def _kept(chunks: list[_Chunk]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in KEPT:
        for chunk in reversed(chunks):
            value = getattr(chunk, name)
            if value is not UNSET and value is not None:
                found[name] = value
                break
    return found
