"""Reads a server's metrics once a second while a load run sends, and keeps each page."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import httpx
import trio

from headrace.jobs import PAGE_BYTES_MAX, ScrapeFacts, packed_page

from ..offload import Offload
from ..secret import Secret, Secrets
from ..transport import BodyError, RequestHead, Response, Sender, Wire, sender_over, whole_body
from .spool import Spool

EVERY_S = 1.0
WITHIN_S = 1.0
# Larger pages are packed in a thread: the loop has something else to do.
PACKED_AT_ONCE_BYTES = 256 * 1024
ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"


class ReadingError(Exception):
    """Why a reading failed, in a few words."""


class ServerReader:
    """Reads `url` over `transport`, which it closes, into `spool`, which it doesn't; `utc` dates a
    moment on trio's clock.

    Sends no key and keeps none of the `hidden` ones, follows no redirect; a reading has a second
    and 4 MB. One that fails is counted in `facts`; the first of them is announced, and the next one
    is tried a second later all the same.
    """

    def __init__(
        self,
        url: str,
        spool: Spool,
        *,
        transport: httpx.AsyncBaseTransport,
        user_agent: str,
        hidden: Secret | Secrets,
        utc: Callable[[float], datetime],
        offload: Offload,
        announce: Callable[[str], None] | None,
    ) -> None:
        self.spool = spool
        self._failures = Counter[str]()
        self._readings = 0
        self._transport = transport
        self._hidden = hidden
        self._utc = utc
        self._offload = offload
        self._announce = announce
        target = httpx.URL(url)
        self._head = RequestHead(
            "GET",
            target,
            httpx.Headers(
                {
                    "host": target.netloc.decode("ascii"),
                    "accept": ACCEPT,
                    "accept-encoding": "identity",
                    "user-agent": user_agent,
                }
            ),
        )

    @property
    def facts(self) -> ScrapeFacts:
        """How the readings went so far."""
        return ScrapeFacts(
            readings=self._readings,
            failed=self._failures.total(),
            reasons=dict(self._failures.most_common()),
        )

    async def watch(self) -> None:
        """Read each second, until cancelled. Raises StorageError where a page can't be kept."""
        async with self._transport:
            sender, next_s = sender_over(self._transport), trio.current_time()
            while True:
                try:
                    at_s, page = await self._read(sender)
                except ReadingError as error:
                    self._failed(str(error))
                else:
                    await self._keep(at_s, page)
                self._readings += 1  # now, since one that the end of the run cut off is none
                next_s = max(next_s + EVERY_S, trio.current_time())
                await trio.sleep_until(next_s)

    async def _read(self, sender: Sender) -> tuple[float, bytes]:
        """When the answer came, and the page. Raises ReadingError."""
        if self.spool.full:
            raise ReadingError("too much was read already")
        with trio.move_on_after(WITHIN_S):
            try:
                answer = await sender.send(self._head, b"", Wire())
                try:
                    return trio.current_time(), await _page(answer)
                finally:
                    await answer.aclose()
            except httpx.ConnectError as error:
                raise ReadingError("no connection") from error
            except httpx.TimeoutException:
                pass  # of a transport with limits of its own
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise ReadingError("a broken answer") from error
        raise ReadingError(f"no answer within {WITHIN_S:g} s")

    async def _keep(self, at_s: float, page: bytes) -> None:
        if len(page) <= PACKED_AT_ONCE_BYTES:
            packed = self._packed(page)
        else:
            packed = await self._offload(lambda: self._packed(page))
        self.spool.append(self._utc(at_s), packed)

    def _packed(self, page: bytes) -> bytes:
        return packed_page(self._hidden.redact_bytes(page))

    def _failed(self, reason: str) -> None:
        if not self._failures and self._announce is not None:
            self._announce(
                f"Warning: the server's metrics could not be read: {reason}. "
                "The run continues, and so do the readings."
            )
        self._failures[reason] += 1


async def _page(answer: Response) -> bytes:
    if 300 <= answer.status < 400:
        raise ReadingError(f"HTTP {answer.status}, a redirect, which is not followed")
    if answer.status != 200:
        raise ReadingError(f"HTTP {answer.status}")
    try:
        page = await whole_body(answer, most_bytes=PAGE_BYTES_MAX)
    except BodyError as error:
        raise ReadingError("a broken answer") from error
    if page is None:
        raise ReadingError(f"more than {PAGE_BYTES_MAX // (1024 * 1024)} MB")
    return page
