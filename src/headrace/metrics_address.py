"""Where metrics are served: an address as the flag says it, and a socket that listens there."""

import socket
from typing import NamedTuple

from .loopback import is_loopback

LOOPBACK = "127.0.0.1"
BACKLOG = 16


class Address(NamedTuple):
    """A host, without brackets, and a port; 0 is any that is free."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    @property
    def shown(self) -> str:
        """As it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`127.0.0.1:9464`, `[::1]:9464`, or a port alone, which is one of loopback.

    Raises ValueError.
    """
    host, _, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    known = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
    if not known or (":" in host and not bracketed) or "/" in host or not host.isprintable():
        raise ValueError(
            f"--metrics {text!r} is not an address; write one like 127.0.0.1:9464, [::1]:9464 "
            "or 9464"
        )
    return Address(host or LOOPBACK, int(port))


def listen(address: Address) -> socket.socket:
    """A socket that listens there; whoever asks closes it. Raises ValueError where none can."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
        listening.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        listening.close()
        said = (isinstance(error, OSError) and error.strerror) or str(error)
        raise ValueError(
            f"--metrics can't listen on {address.shown} ({said}); give another address, or "
            f"{LOOPBACK}:0 for a free port"
        ) from error
    return listening
