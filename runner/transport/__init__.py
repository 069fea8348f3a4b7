"""HTTP/1.1 over trio sockets as an httpx transport: the only place that knows sockets."""

from .body import Collected, collect, decoded, whole_body
from .connection import Headers
from .head import RequestHead
from .response import SocketResponse
from .route import http_base, transport_to
from .sender import Response, sender_over
from .streams import UNIX, Connect, Origin, open_tcp, open_unix
from .timeouts import Timeouts
from .transport import TrioTransport
from .wire import Take, Wire

__all__ = [
    "UNIX",
    "Collected",
    "Connect",
    "Headers",
    "Origin",
    "RequestHead",
    "Response",
    "SocketResponse",
    "Take",
    "Timeouts",
    "TrioTransport",
    "Wire",
    "collect",
    "decoded",
    "http_base",
    "open_tcp",
    "open_unix",
    "sender_over",
    "transport_to",
    "whole_body",
]
