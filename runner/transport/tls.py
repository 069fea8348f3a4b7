"""TLS over a stream: verified, speaking HTTP/1.1, and resumed where the server allows it."""

import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import trio

from headrace.jobs import InputError

from .streams import Connect, Origin

CERT_FILE, CERT_DIR = "SSL_CERT_FILE", "SSL_CERT_DIR"
# What OpenSSL says of a peer that doesn't speak TLS, by its version.
NOT_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
    }
)
SPEAKS_TLS = "the server speaks TLS at this port; write https://"
SHAKES_HANDS_WITHIN_S = 2.0
TLS_ALERT = b"\x15\x03"  # what a record of an alert begins with (RFC 8446, section 5.1)


def verifying() -> ssl.SSLContext:
    """What httpx verifies with: the authorities of certifi, or SSL_CERT_FILE and SSL_CERT_DIR."""
    return httpx.create_ssl_context()


def own_authorities(environment: Mapping[str, str] = os.environ) -> ssl.SSLContext | None:
    """What verifies by SSL_CERT_FILE or SSL_CERT_DIR, in this order; None where neither is set.

    Raises InputError, naming the variable, where there are no certificates.
    """
    file, directory = environment.get(CERT_FILE), environment.get(CERT_DIR)
    if file:
        try:
            return ssl.create_default_context(cafile=file)
        except ssl.SSLError as error:
            raise InputError(f"{CERT_FILE} is {file}, which holds no certificate in PEM") from error
        except OSError as error:
            raise InputError(
                f"{CERT_FILE} is {file}, which can't be read ({error.strerror}); "
                "name a PEM file, or unset it"
            ) from error
    if directory:
        for each in directory.split(os.pathsep):
            if not Path(each).is_dir():
                raise InputError(
                    f"{CERT_DIR} is {directory}, and {each} is not a directory; "
                    "name one with certificates, or unset it"
                )
        return ssl.create_default_context(capath=directory)
    return None


def words_for(error: ssl.SSLError) -> str | None:
    """What a failed handshake most likely means, None where OpenSSL's words say it."""
    if error.reason in NOT_TLS:
        return "the server does not speak TLS at this port; if it is meant, write http://"
    if isinstance(error, ssl.SSLEOFError):
        return "the server ended the TLS handshake; if it speaks plain HTTP, write http://"
    return None


async def speaks_tls(connect: Connect, origin: Origin) -> bool:
    """Whether a server shakes hands, or refuses to as TLS has it. Nothing is sent to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with trio.move_on_after(SHAKES_HANDS_WITHIN_S):
        try:
            stream = await connect(origin)
        except (OSError, trio.BrokenResourceError):
            return False
        secure = trio.SSLStream(stream, context, https_compatible=True)
        try:
            await secure.do_handshake()
        except trio.BrokenResourceError as error:
            cause = error.__cause__
            return isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or "")
        finally:
            await trio.aclose_forcefully(secure)
        return True
    return False


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
