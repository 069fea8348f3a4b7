"""HTTP/1.1 over trio sockets as an httpx transport: the only place that knows sockets."""

from .batches import feed_stream, take_each
from .body import Collected, collect, drain, whole_body
from .connection import Headers
from .encoding import BodyError, codings_of
from .head import RequestHead
from .proxies import proxy_variable
from .response import SocketResponse
from .route import http_base, transport_to
from .sender import Response, Sender, sender_over
from .streams import Connect, Origin, open_tcp, open_unix
from .timeouts import Timeouts
from .tls import own_authorities
from .transport import TrioTransport
from .unfolding import UNCOUNTED_BYTES, Unfolding, check_unfolding
from .unprocessed import UnprocessedError
from .wire import Take, Wire

__all__ = [
    "UNCOUNTED_BYTES",
    "BodyError",
    "Collected",
    "Connect",
    "Headers",
    "Origin",
    "RequestHead",
    "Response",
    "Sender",
    "SocketResponse",
    "Take",
    "Timeouts",
    "TrioTransport",
    "Unfolding",
    "UnprocessedError",
    "Wire",
    "check_unfolding",
    "codings_of",
    "collect",
    "drain",
    "feed_stream",
    "http_base",
    "open_tcp",
    "open_unix",
    "own_authorities",
    "proxy_variable",
    "sender_over",
    "take_each",
    "transport_to",
    "whole_body",
]
