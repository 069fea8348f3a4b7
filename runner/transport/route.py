"""Which transport goes to a base URL: our own sockets, or httpx's for proxies and HTTP/2."""

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

import httpx

from headrace.jobs import InputError

from .httpx_transport import httpx_transport
from .streams import UNIX, open_unix
from .transport import TrioTransport


def http_base(base_url: str) -> str:
    """What requests to `base_url` are addressed to: a Unix socket has no host of its own."""
    return "http://localhost" if base_url.startswith(UNIX) else base_url


def transport_to(
    base_url: str, *, http2: bool = False, environment: Mapping[str, str] = os.environ
) -> httpx.AsyncBaseTransport:
    """The transport to a base URL, which the caller closes.

    HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case, say where a proxy stands
    between; none does before this machine's own addresses. Raises InputError.
    """
    if base_url.startswith(UNIX):
        if http2:
            raise InputError("HTTP/2 is not spoken on a Unix socket; leave --http2 out")
        return TrioTransport(connect=open_unix(base_url.removeprefix(UNIX)))
    proxy = proxy_for(base_url, environment)
    if proxy is None and not http2:
        return TrioTransport()
    try:
        return httpx_transport(proxy=proxy, http2=http2)
    except ImportError as error:
        what = "HTTP/2 needs pip install 'headrace[http2]'" if http2 else str(error)
        raise InputError(what) from error
    except ValueError as error:
        raise InputError("the proxy in the environment is not a URL of a proxy") from error


def proxy_for(base_url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment sets for a URL, None where none does."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if _is_here(host):
        return None
    proxies = {
        name.lower().removesuffix("_proxy"): value
        for name, value in environment.items()
        if name.lower().endswith("_proxy") and value
    }
    if proxy_bypass_environment(f"{host}:{parts.port}" if parts.port else host, proxies):
        return None
    found = proxies.get(parts.scheme) or proxies.get("all")
    if found is None or "://" in found:
        return found
    return f"http://{found}"


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
