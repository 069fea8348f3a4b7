"""TLS over a stream: verified, speaking HTTP/1.1, and resumed where the server allows it."""

import ssl
from collections.abc import Callable

import httpx
import trio


def verifying() -> ssl.SSLContext:
    """What httpx verifies with: the authorities of certifi, or SSL_CERT_FILE and SSL_CERT_DIR."""
    return httpx.create_ssl_context()


class Handshakes:
    """Makes TLS connections that resume the session of the last one to the same host.

    The context is made when the first connection needs it: reading the authorities takes longer
    than a plain connection.
    """

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._make = context
        self._context: ssl.SSLContext | None = None
        # The latest connection of each host: its session is the freshest, and comes with the first
        # answer, not with the handshake (RFC 8446, section 4.6.1).
        self._latest: dict[str, trio.SSLStream[trio.abc.Stream]] = {}

    async def secure(self, stream: trio.abc.Stream, host: str) -> trio.SSLStream[trio.abc.Stream]:
        """Shake hands as a client of `host`. The stream is the new one's, and closed on failure.

        Raises trio.BrokenResourceError, caused by an ssl.SSLError where the certificate is refused.
        """
        if self._context is None:
            self._context = self._make()
            self._context.set_alpn_protocols(["http/1.1"])
        secure = trio.SSLStream(stream, self._context, server_hostname=host, https_compatible=True)
        latest = self._latest.get(host)
        if latest is not None and latest.session is not None:
            secure.session = latest.session
        try:
            await secure.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(secure)
            raise
        self._latest[host] = secure
        return secure
