"""Several origins as one transport: each has its own proxy, or its own socket."""

from collections.abc import Mapping

import httpx

from .streams import Origin


class TransportByOrigin(httpx.AsyncBaseTransport):
    """Sends a request by the transport of its origin, and closes all of them."""

    def __init__(self, transports: Mapping[Origin, httpx.AsyncBaseTransport]) -> None:
        self.transports = transports

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.transports[Origin.of(request.url)].handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self.transports.values():
            await transport.aclose()
