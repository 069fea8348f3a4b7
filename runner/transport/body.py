"""The body of an answer, whole or as it comes, and unpacked where the server packed it."""

from contextlib import suppress
from typing import NamedTuple

import httpx
import trio

from .encoding import PIECE_BYTES, Decoder, codings_of
from .sender import Response
from .unfolding import UNCOUNTED_BYTES, Unfolding
from .wire import Take

# How long a finished stream may take to end, so that its connection can be used again.
DRAIN_S = 1.0


class Collected(NamedTuple):
    """What came of a body, and the error that it broke off with; None where it came whole."""

    data: bytes
    broken: httpx.TransportError | None = None


async def whole_body(answer: Response, *, most_bytes: int) -> bytes | None:
    """The body, unpacked; None where what came is over `most_bytes`.

    Raises:
        httpx.TransportError: where it doesn't come.
        BodyError: where it can't be unpacked.
    """
    collected = await collect(answer, most_bytes=most_bytes)
    if collected is None or collected.broken is None:
        return None if collected is None else collected.data
    raise collected.broken


async def collect(answer: Response, *, most_bytes: int) -> Collected | None:
    """The body, unpacked, as far as it came; None where it is over `most_bytes`.

    Raises BodyError where it can't be unpacked.
    """
    pieces: list[bytes] = []
    size_bytes = 0
    broken: httpx.TransportError | None = None

    def take(piece: bytes, _arrived_at_s: float | None) -> bool:
        nonlocal size_bytes
        pieces.append(piece)
        size_bytes += len(piece)
        return size_bytes <= most_bytes

    try:
        if codings_of(answer.headers):
            await feed_decoded(answer, take, most_bytes=most_bytes)
        else:  # one coroutine fewer in the way of each read
            await answer.feed(take)
    except httpx.TransportError as error:
        broken = error
    if size_bytes > most_bytes:
        return None
    return Collected(pieces[0] if len(pieces) == 1 else b"".join(pieces), broken)


async def feed_decoded(answer: Response, take: Take, *, most_bytes: int) -> None:
    """`answer.feed`, unpacked where it is packed, to at most `most_bytes`.

    Raises:
        httpx.TransportError: where it doesn't come.
        BodyError: where it can't be unpacked, or unfolds to too much.
    """
    if not codings_of(answer.headers):
        await answer.feed(take)
        return
    decoder = Decoder(answer.headers, most_bytes=most_bytes)
    unfolding = Unfolding()
    size_bytes = 0

    async def take_decoded(piece: bytes, arrived_at_s: float | None) -> bool:
        nonlocal size_bytes
        for data in decoder.feed(piece):
            size_bytes += len(data)
            if size_bytes > UNCOUNTED_BYTES:
                unfolding.add(data)
            more = take(data, arrived_at_s)
            if more is not True and (more is False or not await more):
                return False
            if len(data) == PIECE_BYTES:  # as many may come as one read unpacks to
                await trio.lowlevel.checkpoint()
        return True

    await answer.feed(take_decoded)


async def drain(answer: Response) -> None:
    """Read a finished stream to its end, so that its connection can be used again.

    The answer is whole: an end that doesn't come, or is not one, costs no more than the connection.
    """
    with trio.move_on_after(DRAIN_S), suppress(httpx.TransportError):
        await answer.feed(lambda *_: True)
