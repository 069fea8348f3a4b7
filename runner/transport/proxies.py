"""Which proxy the environment sets for a URL. A proxy's own URL may hold a password: messages name
the variable, and show nothing of its value."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

import httpx

from headrace.jobs import InputError
from headrace.loopback import is_loopback

SUFFIX = "_proxy"
SPOKEN = ("http", "https")
SOCKS = ("socks5", "socks5h")


def proxy_for(base_url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment sets for a URL, None where none does.

    Raises InputError for one that can't be used, naming the variable.
    """
    found = proxy_variable(base_url, environment)
    return None if found is None else _checked(environment[found].strip(), found)


def proxy_variable(base_url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The variable that sets a proxy for a URL, None where none does."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if not host or is_loopback(host):
        return None
    variables = {
        name.lower().removesuffix(SUFFIX): name
        for name, value in environment.items()
        if name.lower().endswith(SUFFIX) and value.strip()
    }
    proxies = {scheme: environment[name].strip() for scheme, name in variables.items()}
    if proxy_bypass_environment(f"{host}:{parts.port}" if parts.port else host, proxies):
        return None
    return next((variables[each] for each in (parts.scheme, "all") if each in variables), None)


def _checked(value: str, variable: str) -> str:
    """The proxy's URL; without a scheme it is http."""
    text = value if "://" in value else f"http://{value}"
    scheme = text.partition("://")[0].lower()
    if scheme not in SPOKEN and scheme not in SOCKS:
        raise InputError(
            f"{variable} names a proxy of a kind that is not spoken; "
            "write it like http://proxy.example.com:3128, or socks5://"
        )
    if scheme in SOCKS and find_spec("socksio") is None:
        raise InputError(f"{variable} names a SOCKS proxy, which needs pip install 'httpx[socks]'")
    if not _is_proxy(text):
        raise InputError(
            f"{variable} is not the URL of a proxy; write it like http://proxy.example.com:3128, "
            "with / : @ # ? and % in a password as %2F %3A %40 %23 %3F %25"
        )
    return text


def _is_proxy(text: str) -> bool:
    try:
        parts, url = urlsplit(text), httpx.URL(text)
        port_fits = parts.port is None or parts.port > 0
    except (ValueError, httpx.InvalidURL):
        return False
    named = bool(parts.hostname) and bool(url.host)
    plain = text.isprintable() and not any(each.isspace() for each in text)
    # More than that is a password with a / in it, cut in two.
    return (
        named
        and port_fits
        and plain
        and parts.path in ("", "/")
        and not (parts.query or parts.fragment or parts.netloc.count("@") > 1)
    )
