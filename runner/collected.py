"""The body of an answer, whole, and decoded where the server encoded it."""

from collections.abc import Mapping

import httpx

from .transport import Answering


async def whole_body(answer: Answering, *, most_bytes: int) -> bytes | None:
    """The body as it came; None where it is over `most_bytes`. Raises httpx.TransportError."""
    pieces: list[bytes] = []
    size_bytes = 0

    def take(piece: bytes) -> bool:
        nonlocal size_bytes
        pieces.append(piece)
        size_bytes += len(piece)
        return size_bytes <= most_bytes

    await answer.feed(take)
    if size_bytes > most_bytes:
        return None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def decoded(body: bytes, headers: Mapping[bytes, bytes]) -> bytes:
    """A body that is encoded, which nobody asked for, decoded by httpx.

    Raises httpx.DecodingError.
    """
    coding = headers.get(b"content-encoding")
    if coding is None:
        return body
    return httpx.Response(200, headers=[(b"content-encoding", coding)], content=body).content
