"""Images that an answer only links to, fetched while the links live.

The links are written by whoever made the answer. So: https to a public host, or the gateway's own
origin; no redirect is followed; the key goes to the gateway's own origin alone; what comes back is
bounded in size and time, says that it is an image, and begins like one.
"""

from typing import NamedTuple

import httpx
import trio

from ..client import Client
from ..outcome import WORD_CHARACTERS_MAX
from ..transport import Origin, RequestHead, Response, Wire, sender_over, whole_body
from .files import extension_of
from .public_hosts import NotPublicError

IMAGE_BYTES_MAX = 32 * 1024 * 1024
IMAGE_S = 60.0  # for one image, its attempts together
ATTEMPTS = 3
AT_ONCE = 8
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
# What a store that knows nothing of its files calls them.
UNNAMED = "application/octet-stream"


class DownloadError(Exception):
    """Why an image was not fetched, in words that name no more of its URL than the host."""


class _PassingError(DownloadError):
    """Another attempt may do better."""


class Target(NamedTuple):
    """A URL that may be fetched; `own` is the gateway's origin, which gets the key."""

    url: httpx.URL
    own: bool


class Downloads:
    """Fetches images, a few at once. Both transports belong to others."""

    def __init__(self, client: Client, foreign: httpx.AsyncBaseTransport) -> None:
        self._client = client
        self._foreign = sender_over(foreign)
        self._own = Origin.of(httpx.URL(client.http_url))
        self._room = trio.Semaphore(AT_ONCE)

    async def get(self, text: str) -> bytes:
        """The image at a URL, without the key should that be in it. Raises DownloadError."""
        hidden = self._client.hidden
        try:
            return hidden.blot_out(await self._fetched(text))
        except DownloadError as error:
            # Cut only now: a cut in the middle of the key would leave its beginning.
            raise DownloadError(hidden.redact(str(error))[:WORD_CHARACTERS_MAX]) from error

    async def _fetched(self, text: str) -> bytes:
        target = allowed(text, own=self._own)
        async with self._room:
            with trio.move_on_after(IMAGE_S):
                for attempt in range(1, ATTEMPTS + 1):
                    try:
                        return await self._once(target)
                    except _PassingError:
                        if attempt == ATTEMPTS:
                            raise
                    await trio.sleep(2.0 ** (attempt - 1))
        raise DownloadError(f"{target.url.host} took more than {IMAGE_S:g} s")

    async def _once(self, target: Target) -> bytes:
        host = target.url.host
        try:
            answer = await self._open(target)
            try:
                return await _image(answer, host)
            finally:
                await answer.aclose()
        except (httpx.TransportError, httpx.DecodingError) as error:
            if isinstance(error.__cause__, NotPublicError):
                raise DownloadError(f"{host} is not a public host") from error
            raise _PassingError(f"{host}: {error}") from error

    async def _open(self, target: Target) -> Response:
        if target.own:
            return await self._client.open(target.url)
        headers = httpx.Headers(
            {
                "host": target.url.netloc.decode("ascii"),
                "accept": "image/*",
                "accept-encoding": "identity",
                "user-agent": self._client.user_agent,
            }
        )
        return await self._foreign.send(RequestHead("GET", target.url, headers), b"", Wire())


def allowed(text: str, *, own: Origin) -> Target:
    """The URL, where it may be fetched at all. Raises DownloadError."""
    try:
        url = httpx.URL(text)
        origin = Origin.of(url)
    except (httpx.InvalidURL, ValueError, KeyError) as error:
        raise DownloadError("the link is not an http or https URL") from error
    if not url.host or not 0 < origin.port < 65536:
        raise DownloadError("the link names no host, or no port")
    if url.userinfo:
        raise DownloadError(f"the link to {url.host} holds a user name")
    if origin == own:
        return Target(url, own=True)
    if origin.scheme != "https":
        raise DownloadError(f"{url.host} is not the gateway, and the link is not https")
    return Target(url, own=False)


async def _image(answer: Response, host: str) -> bytes:
    """The body of an answer that is an image. Raises DownloadError."""
    status = answer.status
    if 300 <= status < 400:
        raise DownloadError(f"{host} redirects elsewhere, which is not followed")
    if status in RETRIED_STATUSES:
        raise _PassingError(f"{host} answered {status}")
    if status != 200:
        raise DownloadError(f"{host} answered {status}")
    headers = httpx.Headers(answer.headers)
    said = headers.get("content-type", UNNAMED).partition(";")[0].strip()
    if said.lower() != UNNAMED and not said.lower().startswith("image/"):
        raise DownloadError(f"{host} sent {said}, which is not an image")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise DownloadError(f"{host} sent it packed, which nobody asked for")  # and of any size
    data = await whole_body(answer, most_bytes=IMAGE_BYTES_MAX)
    if data is None:
        raise DownloadError(f"{host} sent more than {IMAGE_BYTES_MAX} bytes")
    if extension_of(data) is None:
        raise DownloadError(f"{host} sent what does not begin like an image")
    return data
