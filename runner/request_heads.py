"""The heads of requests: where each endpoint is, and how the key goes with it."""

from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple

import httpx

from headrace.jobs import ENDPOINTS, KeySentAs, endpoint_url, has_api_version

from .secret import Secret
from .transport import RequestHead, http_base

ANTHROPIC_VERSION = "2023-06-01"


class PostHeads(dict[str, RequestHead]):
    """The heads of POSTs by path; that of another path is made when it is asked for, and kept."""

    def __init__(self, make: Callable[[str], RequestHead]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, path: str) -> RequestHead:
        head = self[path] = self._make(path)
        return head


class RequestHeads(NamedTuple):
    """The heads of all POSTs, by the job's url; and the headers of a GET from the service."""

    posts: PostHeads
    get: httpx.Headers
    user_agent: str


def request_heads(
    base_url: str,
    anthropic_base_url: str,
    *,
    key: Secret,
    headers: tuple[tuple[str, str], ...],
    auth: KeySentAs | None = None,
) -> RequestHeads:
    """Heads for a service, with `headers` of the user's own, which come before ours. `auth` says
    how the key is sent; None by the endpoint and the URL."""
    agent = user_agent()
    own = {name.lower(): value for name, value in headers}

    def head_of(path: str) -> RequestHead:
        anthropic = ENDPOINTS[path].key == "x-api-key"
        base = anthropic_base_url if anthropic else base_url
        fields = {
            **_common(base, agent),
            **(_anthropic(key, auth) if anthropic else _bearer(base, key, auth)),
            "content-type": "application/json",
            **own,
        }
        url = httpx.URL(endpoint_url(http_base(base), path))
        return RequestHead("POST", url, httpx.Headers(fields))

    posts = PostHeads(head_of)
    posts.update({path: head_of(path) for path in ENDPOINTS})
    get = {**_common(base_url, agent), **_bearer(base_url, key, auth), **own}
    return RequestHeads(posts, httpx.Headers(get), agent)


def user_agent() -> str:
    """What every request says it comes from."""
    return f"headrace/{version('headrace')}"


def _common(base_url: str, agent: str) -> dict[str, str]:
    host = httpx.URL(http_base(base_url)).netloc.decode("ascii")
    return {"host": host, "user-agent": agent, "accept-encoding": "identity"}


def _bearer(base_url: str, key: Secret, auth: KeySentAs | None) -> dict[str, str]:
    if auth is not None:
        return _sent_as(auth, key)
    fields = _sent_as("bearer", key)
    if has_api_version(base_url):
        fields["api-key"] = key.reveal()  # where Azure looks for a key; Bearer is a token of Entra
    return fields


def _anthropic(key: Secret, auth: KeySentAs | None) -> dict[str, str]:
    return {**_sent_as(auth or "x-api-key", key), "anthropic-version": ANTHROPIC_VERSION}


def _sent_as(auth: KeySentAs, key: Secret) -> dict[str, str]:
    return {"authorization": f"Bearer {key.reveal()}"} if auth == "bearer" else {auth: key.reveal()}
