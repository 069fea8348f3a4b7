"""Which transport goes to a base URL: our own sockets, or httpx's for proxies and HTTP/2."""

import os
from collections.abc import Mapping

import httpx

from headrace.jobs import UNIX, InputError

from .by_origin import TransportByOrigin
from .httpx_transport import httpx_transport
from .proxies import proxy_for
from .streams import Origin, open_unix
from .tls import own_authorities
from .transport import TrioTransport


def http_base(base_url: str) -> str:
    """What requests to `base_url` are addressed to: a Unix socket has no host of its own."""
    return "http://localhost" if base_url.startswith(UNIX) else base_url


def transport_to(
    *base_urls: str, http2: bool = False, environment: Mapping[str, str] = os.environ
) -> httpx.AsyncBaseTransport:
    """The transport to one base URL or several, which the caller closes.

    HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case, say where a proxy stands
    between; none does before this machine's own addresses. SSL_CERT_FILE and SSL_CERT_DIR name
    authorities. Raises InputError, naming what can't be used.
    """
    made: dict[Origin, httpx.AsyncBaseTransport] = {}
    for base_url in dict.fromkeys(base_urls):
        origin = Origin.of(httpx.URL(http_base(base_url)))
        if origin not in made:
            made[origin] = _transport_to(base_url, http2=http2, environment=environment)
    return next(iter(made.values())) if len(made) == 1 else TransportByOrigin(made)


def _transport_to(
    base_url: str, *, http2: bool, environment: Mapping[str, str]
) -> httpx.AsyncBaseTransport:
    if base_url.startswith(UNIX):
        if http2:
            raise InputError("HTTP/2 is not spoken on a Unix socket; leave --http2 out")
        return TrioTransport(connect=open_unix(base_url.removeprefix(UNIX)))
    proxy = proxy_for(base_url, environment)
    # (A proxy may itself be reached by TLS.)
    secure = base_url.startswith("https:") or (proxy or "").startswith("https:")
    tls = own_authorities(environment) if secure else None
    if proxy is None and not http2:
        return TrioTransport(tls=tls)
    try:
        return httpx_transport(proxy=proxy, http2=http2, tls=tls)
    except ImportError as error:
        raise InputError("HTTP/2 needs pip install 'headrace[http2]'") from error
