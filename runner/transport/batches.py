"""A stream's body, several reads at once."""

from collections.abc import Awaitable, Iterator

from .body import feed_decoded
from .encoding import codings_of
from .sender import Response
from .wire import Take, TakeAll


async def feed_stream(answer: Response, take: Take, take_all: TakeAll, *, most_bytes: int) -> None:
    """A stream's body: several pieces at once to `take_all`, but for a packed one, which is
    unpacked as it comes.

    Raises:
        httpx.TransportError: where it doesn't come.
        BodyError: where it can't be unpacked, or unfolds to too much.
    """
    if codings_of(answer.headers):
        await feed_decoded(answer, take, most_bytes=most_bytes)
    else:
        await answer.feed_batches(take_all)


def take_each(take: Take, pieces: Iterator[tuple[bytes, float | None]]) -> bool | Awaitable[bool]:
    """Take one piece after the other; whether more is wanted, once what takes long is over."""
    for piece, arrived_at_s in pieces:
        more = take(piece, arrived_at_s)
        if more is not True:
            return more and _then_take(more, take, pieces)
    return True


async def _then_take(
    long: Awaitable[bool], take: Take, pieces: Iterator[tuple[bytes, float | None]]
) -> bool:
    if not await long:
        return False
    more = take_each(take, pieces)
    return more if isinstance(more, bool) else await more
