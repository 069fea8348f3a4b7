"""Where a service is: base URLs, checked, and what becomes of a job's path under one.

One rule for versions: what the base URL says stands in for `/v1`. Where its path has a version
(`/v4`, `/v1beta/openai`, `/v1/accounts/7/ai`), or it ends in `?api-version=`, requests go to
it and the rest of the job's path; where it has none, to it and the whole path.
"""

import os
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from headrace.settings_file import KEY_VARIABLE

from .endpoints import ENDPOINTS
from .errors import InputError
from .wording import suggested

UNIX = "unix:"  # before the path of a Unix socket
VERSION = re.compile(r"v[0-9]+(?:[.p][0-9]+)*(?:(?:alpha|beta|preview)[0-9]*)?", re.IGNORECASE)
V1 = "/v1"
# What is pasted with an endpoint at its end, without the version.
ENDPOINT_ENDS = tuple(path.removeprefix(V1) for path in ENDPOINTS)
# Others, and what only is one behind a version: a path may end in such a word.
VERSIONED_ENDS = ("/completions", "/embeddings", "/responses", "/rerank", "/moderations", "/models")
WRITE = "write it like https://api.example.com"

BaseUrl = str | Mapping[str, str]


class BaseUrls(NamedTuple):
    """Where each protocol's requests go: `anthropic` those of /v1/messages, `openai` the others and
    the balance."""

    openai: str
    anthropic: str


def checked_base_urls(given: BaseUrl, *, key_variable: str = KEY_VARIABLE) -> BaseUrls:
    """The base URLs of one for all, or of a mapping by protocol that holds at least one; what it
    lacks is as the other.

    Args:
        given: as they were written.
        key_variable: where a key belongs that stands in one.

    Raises:
        InputError: as `checked_base_url`, and for other protocols.
    """
    if not isinstance(given, Mapping):
        url = checked_base_url(given, key_variable=key_variable)
        return BaseUrls(url, url)
    if unknown := [name for name in given if name not in BaseUrls._fields]:
        raise InputError(
            f"base URLs are of openai and anthropic, not of {unknown[0]!r}"
            + suggested(unknown[0], BaseUrls._fields)
        )
    checked = {
        name: checked_base_url(given[name], key_variable=key_variable)
        for name in BaseUrls._fields
        if given.get(name)
    }
    first = next(iter(checked.values()))
    urls = BaseUrls(*(checked.get(name, first) for name in BaseUrls._fields))
    if urls.openai != urls.anthropic and all(url.startswith(UNIX) for url in urls):
        raise InputError("the base URLs are two Unix sockets; one of them has to be a URL")
    return urls


def checked_base_url(given: str, *, key_variable: str = KEY_VARIABLE) -> str:
    """The base URL without a `/v1` and a slash at its end; of a Unix socket, `unix:` and its
    absolute path.

    Args:
        given: as it was written.
        key_variable: where a key belongs that stands in it.

    Raises:
        InputError: it is not one; neither a user name nor a query is shown.
    """
    text = given.strip()
    if text.startswith(UNIX):
        path = text.removeprefix(UNIX)
        if not path or path.startswith("//"):
            raise InputError(f"the base URL is {text!r}; write it like unix:/run/gateway.sock")
        return UNIX + os.path.abspath(path)
    shown = without_secrets(text)
    if "@" in text.partition("?")[0]:
        raise InputError(f"the base URL holds a user name or password; set {key_variable} instead")
    try:
        parts = http_parts(text)
    except ValueError as error:
        raise InputError(f"the base URL {shown} can't be read; {WRITE}") from error
    if parts is None:
        raise InputError(f"the base URL is {shown!r}; {WRITE}")
    query = _api_version(parts.query, fragment=parts.fragment, key_variable=key_variable)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    if (end := _endpoint_at_the_end_of(path)) is not None:
        raise InputError(
            f"the base URL {shown} holds the endpoint {end}, which each job's url names; "
            f"give {origin}{path[: -len(end)]}{query}"
        )
    if path.endswith(V1) and not query and not _has_version(shorter := path.removesuffix(V1)):
        path = shorter.rstrip("/")
    return f"{origin}{path}{query}"


def http_parts(text: str) -> SplitResult | None:
    """The parts of a URL of HTTP, None where it is not one, or has no host, or port 0.

    Raises ValueError where it can't be read, whose words may show a secret.
    """
    import httpx  # loaded where there is a URL

    if not text.isprintable() or " " in text:
        raise ValueError("a blank or a control character")  # which urlsplit drops
    parts = urlsplit(text)
    port_fits = parts.port is None or parts.port > 0
    try:
        httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    return parts if parts.scheme in ("http", "https") and parts.hostname and port_fits else None


def endpoint_url(base_url: str, path: str) -> str:
    """The URL of an endpoint, by the rule above.

    Args:
        base_url: where its service is, checked.
        path: such as `/v1/chat/completions`.
    """
    base, mark, query = base_url.partition("?")
    if mark or _has_version(urlsplit(base).path):
        path = path.removeprefix(V1)
    return f"{base}{path}{mark}{query}"


def has_api_version(base_url: str) -> bool:
    """Whether it is of Azure's kind, which takes a key in a header of its own."""
    return "?" in base_url


def without_secrets(url: str) -> str:
    """A URL as a message may show it: without a user name, a password and a query."""
    shown = re.sub(r"^([a-zA-Z0-9+.-]*:?//)?[^?#]*@", r"\1", url)
    return re.sub(r"[?#].*", "", shown, flags=re.DOTALL)


def _api_version(query: str, *, fragment: str, key_variable: str) -> str:
    """The one query that a base URL may have, with its `?`; empty without one."""
    if not query and not fragment:
        return ""
    found = parse_qsl(query, keep_blank_values=True)
    version = found[0][1] if len(found) == 1 and found[0][0] == "api-version" else ""
    if fragment or not re.fullmatch(r"[A-Za-z0-9._-]+", version):
        raise InputError(
            "the base URL ends in a query or a #, and may have ?api-version= alone; "
            f"leave it out, and a key belongs in {key_variable}"
        )
    return f"?api-version={version}"


def _endpoint_at_the_end_of(path: str) -> str | None:
    lowered = path.lower()
    for end in (*ENDPOINT_ENDS, *VERSIONED_ENDS):
        before = lowered.removesuffix(end)
        if before != lowered and (end.count("/") > 1 or _version_ends(before)):
            return path[-len(end) :]
    return None


def _version_ends(path: str) -> bool:
    return VERSION.fullmatch(path.rpartition("/")[2]) is not None


def _has_version(path: str) -> bool:
    return any(VERSION.fullmatch(segment) for segment in path.split("/"))
