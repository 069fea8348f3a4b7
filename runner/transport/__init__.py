"""HTTP/1.1 over trio sockets as an httpx transport: the only place that knows sockets."""

from .connection import Wire
from .streams import Connect, Origin, connect_tcp
from .transport import Timeouts, TrioTransport

__all__ = ["Connect", "Origin", "Timeouts", "TrioTransport", "Wire", "connect_tcp"]
