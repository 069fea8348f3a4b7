"""A client for tests: HTTP through h11 over in-memory streams, with times of arrival."""

import datetime as dt
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import h11
import pytest
import trio
import trio.testing

from headrace.gateway import Config, Gateway

# A Tuesday, 20 s into a minute; 16:30:20 in the zone of the budgets.
BEGAN = dt.datetime(2026, 6, 9, 8, 30, 20, tzinfo=dt.UTC)


class Response(NamedTuple):
    """One answer. `parts` are the pieces of the body, each with when it was read (trio's time)."""

    status: int
    headers: dict[str, str]
    parts: list[tuple[float, bytes]]
    head_at: float
    ended_at: float

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.parts)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, code and message, once the whole error body is checked."""
        assert list(self.json) == ["error"]
        error = self.json["error"]
        assert list(error) == ["code", "message", "request_id"]
        assert error["request_id"] == self.headers["x-request-id"]
        return self.status, error["code"], error["message"]

    @property
    def events(self) -> list[tuple[str | None, Any]]:
        """Server-sent events as (name, data), JSON decoded except `[DONE]`."""
        events = []
        for block in self.body.decode().split("\n\n")[:-1]:
            name = None
            for line in block.split("\n"):
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                else:
                    assert field == "data"
                    events.append((name, value if value == "[DONE]" else json.loads(value)))
        return events

    def event_times(self) -> list[float]:
        """When each event that bears a token was read."""
        return [
            at
            for at, data in self.parts
            for block in data.split(b"\n\n")
            if b'"delta":{"content":' in block or b"content_block_delta" in block
        ]


class Client:
    """One connection to a gateway; requests go one after the other."""

    def __init__(self, stream: trio.abc.Stream, secret: str) -> None:
        self.stream = stream
        self.headers = {"host": "gateway.test", "authorization": f"Bearer {secret}"}
        # Every byte of the current answer, as received.
        self.received = b""
        self._h11 = h11.Connection(h11.CLIENT)

    async def request(
        self,
        method: str,
        path: str,
        body: object = b"",
        *,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send one request and read the whole answer. A dict becomes JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = self.headers if headers is None else headers
        request = h11.Request(
            method=method,
            target=path,
            headers=[*fields.items(), ("content-length", str(len(data)))],
        )
        wire = self._h11.send(request) or b""
        wire += self._h11.send(h11.Data(data)) or b""
        wire += self._h11.send(h11.EndOfMessage()) or b""
        self.received = b""
        await self.stream.send_all(wire)
        return await self.response()

    async def post(self, path: str, body: object) -> Response:
        return await self.request("POST", path, body)

    async def balance(self) -> Any:
        return (await self.request("GET", "/v1/balance")).json

    async def response(self) -> Response:
        """Read one answer; h11.RemoteProtocolError when it breaks off."""
        parts: list[tuple[float, bytes]] = []
        head: h11.Response | None = None
        head_at = 0.0
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                data = bytes(await self.stream.receive_some())
                self.received += data
                self._h11.receive_data(data)
            elif isinstance(event, h11.Response):
                head, head_at = event, trio.current_time()
            elif isinstance(event, h11.Data):
                parts.append((trio.current_time(), bytes(event.data)))
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError
        assert head is not None
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
        fields = {name.decode(): value.decode() for name, value in head.headers}
        assert fields["request-id"] == fields["x-request-id"]
        return Response(head.status_code, fields, parts, head_at, trio.current_time())


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
def gateway_of() -> Callable[..., Gateway]:
    """Makes a gateway of config fields, whose wall clock starts at BEGAN."""

    def make(**fields: Any) -> Gateway:
        return Gateway(Config(**fields), now=lambda: BEGAN)

    return make


@pytest.fixture
def client_on() -> type[Client]:
    """The client itself, for tests that hypothesis runs many times with one set of fixtures."""
    return Client


@pytest.fixture
def connect(nursery: trio.Nursery) -> Connect:
    """Opens one more in-memory connection to a gateway, as the key of that number."""

    async def open_one(gateway: Gateway, key: int = 0) -> Client:
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(gateway.serve_stream, theirs)
        return Client(ours, gateway.keys[key].secret)

    return open_one


@pytest.fixture
def chat() -> Callable[..., dict[str, Any]]:
    """Makes chat bodies, each different."""
    number = itertools.count(1)

    def make(text: str | None = None, **fields: Any) -> dict[str, Any]:
        content = f"question {next(number)}" if text is None else text
        return {
            "model": "deepseek-v4-flash",
            "messages": [{"role": "user", "content": content}],
            **fields,
        }

    return make
