"""The body of an answer, whole, and decoded where the server encoded it."""

from typing import NamedTuple

import httpx

from .connection import Headers
from .sender import Response


class Collected(NamedTuple):
    """What came of a body, and the error that it broke off with; None where it came whole."""

    data: bytes
    broken: httpx.TransportError | None = None


async def whole_body(answer: Response, *, most_bytes: int) -> bytes | None:
    """The body as it came; None where it is over `most_bytes`. Raises httpx.TransportError."""
    collected = await collect(answer, most_bytes=most_bytes)
    if collected is None or collected.broken is None:
        return None if collected is None else collected.data
    raise collected.broken


async def collect(answer: Response, *, most_bytes: int) -> Collected | None:
    """The body as far as it came; None where it is over `most_bytes`."""
    pieces: list[bytes] = []
    size_bytes = 0
    broken: httpx.TransportError | None = None

    def take(piece: bytes, _arrived_at_s: float | None) -> bool:
        nonlocal size_bytes
        pieces.append(piece)
        size_bytes += len(piece)
        return size_bytes <= most_bytes

    try:
        await answer.feed(take)
    except httpx.TransportError as error:
        broken = error
    if size_bytes > most_bytes:
        return None
    return Collected(pieces[0] if len(pieces) == 1 else b"".join(pieces), broken)


def decoded(body: bytes, headers: Headers) -> bytes:
    """A body that may be encoded, which nobody asked for, decoded by httpx.

    Raises httpx.DecodingError.
    """
    codings = [(name, value) for name, value in headers if name == b"content-encoding"]
    return httpx.Response(200, headers=codings, content=body).content
