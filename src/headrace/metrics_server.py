"""A small HTTP server for one page, GET /metrics, on the loop of what it tells of.

Whatever a client does, it takes little of that: few connections at a time, ten new ones per
second, each with one request, whose head is small and comes soon, and one answer.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from .metrics_address import Address, listen, parse_address

CONNECTIONS_MAX = 8
ACCEPT_EVERY_S = 0.1
HEAD_BYTES_MAX = 8192
ANSWERED_WITHIN_S = 5.0
PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def serve_page(
    listener: trio.abc.Listener[trio.SocketStream], page: Callable[[], bytes]
) -> None:
    """Answer whoever asks with what `page` makes, until cancelled. The caller closes `listener`."""
    places = trio.Semaphore(CONNECTIONS_MAX)
    async with trio.open_nursery() as nursery:
        while True:
            await places.acquire()
            try:
                stream = await listener.accept()
            except OSError:  # no file is free for it; what is served may need the next one
                places.release()
            else:
                nursery.start_soon(_serve_connection, stream, places, page)
            await trio.sleep(ACCEPT_EVERY_S)


@contextmanager
def listening_at(text: str, announce: Callable[[str], None]) -> Iterator[socket.socket]:
    """A socket that listens at an address, and `announce` is told where: as a warning where others
    can read it. Raises ValueError where it can't be used."""
    with listen(parse_address(text)) as listening:
        bound = Address(*listening.getsockname()[:2])
        said = f"etrics are at http://{bound.shown}{PATH}"
        if bound.is_loopback:
            announce(f"M{said}.")
        else:
            announce(f"Warning: m{said}: others on the network can read them.")
        yield listening


async def serve_at(listening: socket.socket, page: Callable[[], bytes]) -> None:
    """Answer on a listening socket, which stays the caller's and open, until cancelled."""
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening.dup()))
    async with listener:
        await serve_page(listener, page)


async def _serve_connection(
    stream: trio.abc.Stream, places: trio.Semaphore, page: Callable[[], bytes]
) -> None:
    try:
        with trio.move_on_after(ANSWERED_WITHIN_S):
            await answer(stream, page)
    finally:
        places.release()


async def answer(stream: trio.abc.Stream, page: Callable[[], bytes]) -> None:
    """Answer one request, and close `stream`."""
    try:
        head = b""
        while b"\r\n\r\n" not in head and b"\n\n" not in head:
            if len(head) > HEAD_BYTES_MAX:
                break
            received = await stream.receive_some(HEAD_BYTES_MAX)
            if not received:
                return
            head += received
        await stream.send_all(_answer_to(head, page))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # it has gone
    finally:
        await trio.aclose_forcefully(stream)


def _answer_to(head: bytes, page: Callable[[], bytes]) -> bytes:
    if len(head) > HEAD_BYTES_MAX:
        return _response("431 Request Header Fields Too Large")
    method, _, rest = head.partition(b"\n")[0].strip().partition(b" ")
    target, _, protocol = rest.partition(b" ")
    if not protocol.startswith(b"HTTP/1"):
        return _response("400 Bad Request")
    if target.partition(b"?")[0] != PATH.encode():
        return _response("404 Not Found", f"The metrics are at {PATH}.\n".encode())
    if method not in (b"GET", b"HEAD"):
        return _response("405 Method Not Allowed", allow=True)
    body = page()
    whole = _response("200 OK", body, content_type=CONTENT_TYPE)
    return whole if method == b"GET" else whole[: len(whole) - len(body)]


def _response(
    status: str,
    body: bytes = b"",
    *,
    content_type: str = "text/plain; charset=utf-8",
    allow: bool = False,
) -> bytes:
    allowed = "allow: GET, HEAD\r\n" if allow else ""
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
        f"{allowed}connection: close\r\n\r\n"
    )
    return head.encode() + body
