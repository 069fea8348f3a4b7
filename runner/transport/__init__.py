"""HTTP/1.1 over trio sockets as an httpx transport: the only place that knows sockets."""

from .body import feed_decoded, whole_body
from .connection import Headers
from .encoding import BodyError
from .response import SocketResponse
from .route import http_base, transport_to
from .sender import RequestHead, Response, sender_over
from .streams import Connect, Origin, open_tcp, open_unix
from .timeouts import Timeouts
from .transport import PORTS, TrioTransport
from .unfolding import UNCOUNTED_BYTES, Unfolding, check_unfolding
from .unprocessed import UnprocessedError
from .wire import Take, Wire

__all__ = [
    "PORTS",
    "UNCOUNTED_BYTES",
    "BodyError",
    "Connect",
    "Headers",
    "Origin",
    "RequestHead",
    "Response",
    "SocketResponse",
    "Take",
    "Timeouts",
    "TrioTransport",
    "Unfolding",
    "UnprocessedError",
    "Wire",
    "check_unfolding",
    "feed_decoded",
    "http_base",
    "open_tcp",
    "open_unix",
    "sender_over",
    "transport_to",
    "whole_body",
]
