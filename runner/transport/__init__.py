"""HTTP/1.1 over trio sockets as an httpx transport: the only place that knows sockets."""

from .body import decoded, whole_body
from .carrier import Answering, Prepared, carrier_over
from .connection import Headers
from .exchange import Exchange
from .phase import Timeouts
from .route import http_base, transport_to
from .streams import Connect, Origin, open_tcp, open_unix
from .transport import PORTS, TrioTransport
from .wire import Wire

__all__ = [
    "PORTS",
    "Answering",
    "Connect",
    "Exchange",
    "Headers",
    "Origin",
    "Prepared",
    "Timeouts",
    "TrioTransport",
    "Wire",
    "carrier_over",
    "decoded",
    "http_base",
    "open_tcp",
    "open_unix",
    "transport_to",
    "whole_body",
]
