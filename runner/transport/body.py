"""The body of an answer, whole, and decoded where the server encoded it."""

import httpx

from .connection import Headers
from .sender import Response


async def whole_body(answer: Response, *, most_bytes: int) -> bytes | None:
    """The body as it came; None where it is over `most_bytes`. Raises httpx.TransportError."""
    pieces: list[bytes] = []
    size_bytes = 0

    def take(piece: bytes, _arrived_at_s: float | None) -> bool:
        nonlocal size_bytes
        pieces.append(piece)
        size_bytes += len(piece)
        return size_bytes <= most_bytes

    await answer.feed(take)
    if size_bytes > most_bytes:
        return None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def decoded(body: bytes, headers: Headers) -> bytes:
    """A body that may be encoded, which nobody asked for, decoded by httpx.

    Raises httpx.DecodingError.
    """
    codings = [(name, value) for name, value in headers if name == b"content-encoding"]
    return httpx.Response(200, headers=codings, content=body).content
