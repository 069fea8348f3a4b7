"""When bytes came: the kernel's stamps on trio's clock, and what they are worth."""

import os
import socket
import ssl
import struct
import time
from contextlib import suppress

import httpx
import pytest
import trio
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.runner.transport import TrioTransport, Wire
from headrace.runner.transport.arrival import SO_TIMESTAMPNS, Arrivals, ask_for_stamps, stamp_ns

REAL_NS = 1_780_000_000_000_000_000  # at 100.0 s on trio's clock
LATE_S = 0.03
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"


def real_ns(now_s: float, step_s: float = 0.0) -> int:
    return REAL_NS + round((now_s - 100.0 + step_s) * 1e9)


def arrivals() -> Arrivals:
    return Arrivals(now_s=100.0, real_ns=REAL_NS)


def test_a_stamp_is_brought_onto_trios_clock() -> None:
    found = arrivals()
    moment = found.moment(real_ns(103.5), now_s=104.0, real_ns=real_ns(104.0))
    assert moment == pytest.approx(103.5, abs=1e-6)  # what floats of realtime seconds can hold


def test_a_read_without_a_stamp_has_no_moment() -> None:
    assert arrivals().moment(None, now_s=104.0, real_ns=real_ns(104.0)) is None


def test_a_stamp_of_the_future_or_from_before_the_request_is_void() -> None:
    found = arrivals()
    found.after(103.0)
    now = {"now_s": 104.0, "real_ns": real_ns(104.0)}
    assert found.moment(real_ns(104.1), **now) is None  # type: ignore[arg-type]
    assert found.moment(real_ns(102.9), **now) is None  # type: ignore[arg-type]
    assert found.moment(real_ns(103.1), **now) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("step_s", [-3600.0, -0.05, 0.05, 3600.0])
def test_a_step_of_the_realtime_clock_voids_the_read_that_sees_it_and_no_other(
    step_s: float,
) -> None:
    found = arrivals()
    stepped = {"now_s": 104.0, "real_ns": real_ns(104.0, step_s)}
    assert found.moment(real_ns(103.9), **stepped) is None  # type: ignore[arg-type]
    later = found.moment(real_ns(104.9, step_s), now_s=105.0, real_ns=real_ns(105.0, step_s))
    assert later == pytest.approx(104.9, abs=1e-6)


def test_a_slewed_clock_is_not_taken_for_a_stepped_one() -> None:
    """500 parts in a million are the most that NTP slews: 50 ms in a hundred seconds."""
    found = arrivals()
    moment = found.moment(real_ns(199.9, 0.05), now_s=200.0, real_ns=real_ns(200.0, 0.05))
    assert moment == pytest.approx(199.9, abs=1e-6)


@given(
    reads=st.lists(st.tuples(st.floats(1e-6, 5.0), st.floats(0.0, 1.0)), max_size=30),
    jitter_ns=st.integers(-200, 200),
)
@example(reads=[(1.0, 0.5), (2.0, 0.5)], jitter_ns=0)
def test_moments_never_run_backwards_nor_ahead_of_the_read(
    reads: list[tuple[float, float]], jitter_ns: int
) -> None:
    found, now_s, before_s = arrivals(), 100.0, 100.0
    moments: list[float] = []
    for gap_s, share in reads:
        arrived_s, now_s = now_s + gap_s * share, now_s + gap_s
        stamp = real_ns(arrived_s) + jitter_ns
        moment = found.moment(stamp, now_s=now_s, real_ns=real_ns(now_s))
        if moment is not None:
            assert before_s <= moment <= now_s
            before_s = moment
            moments.append(moment)
    # None is void but for the tenth of a microsecond by which a stamp may be off.
    sure = sum(gap_s * min(share, 1 - share) > 1e-6 for gap_s, share in reads)
    assert sure <= len(moments) <= len(reads)


def test_what_comes_beside_the_data_is_read_as_the_kernel_writes_it() -> None:
    whole = struct.pack("@ll", 1_780_000_000, 7)
    assert stamp_ns([(socket.SOL_SOCKET, SO_TIMESTAMPNS, whole)]) == 1_780_000_000_000_000_007
    assert stamp_ns([]) is None
    assert stamp_ns([(socket.SOL_SOCKET, SO_TIMESTAMPNS, whole[:8])]) is None
    assert stamp_ns([(socket.SOL_SOCKET, SO_TIMESTAMPNS + 1, whole)]) is None
    # Zero is what the kernel has for bytes that came before it was asked.
    assert stamp_ns([(socket.SOL_SOCKET, SO_TIMESTAMPNS, bytes(16))]) is None


def test_no_stamps_where_the_platform_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as one:
        monkeypatch.setattr("sys.platform", "darwin")
        assert ask_for_stamps(one) is False


class LateReader(trio.abc.Stream):
    """The server's side of a connection, in the client's own loop, which is blocked for a while
    after each write: so the client reads late. `between` has the clock before and after each."""

    def __init__(self, inner: trio.SocketStream) -> None:
        self.inner = inner
        self.between: list[tuple[float, float]] = []
        self.late_s = 0.0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        before_s = trio.current_time()
        assert os.write(self.inner.socket.fileno(), data) == len(data)
        self.between.append((before_s, trio.current_time()))
        time.sleep(self.late_s)  # noqa: ASYNC251  that is the point

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self.inner.aclose()


class Server:
    """Answers each request in two pieces, the second once `taken` is set."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.late: LateReader | None = None
        self.taken = trio.Event()

    async def listen(self, nursery: trio.Nursery) -> int:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, self.handle, listeners)
        port: int = listeners[0].socket.getsockname()[1]
        return port

    async def handle(self, stream: trio.SocketStream) -> None:
        self.late = LateReader(stream)
        served: trio.abc.Stream = self.late
        if self.tls is not None:
            served = trio.SSLStream(self.late, self.tls, server_side=True, https_compatible=True)
        async with served:
            with suppress(trio.BrokenResourceError):
                while await served.receive_some():
                    self.late.between.clear()
                    self.late.late_s = LATE_S
                    self.taken = trio.Event()
                    await served.send_all(HEAD + b"ab")
                    await self.taken.wait()
                    await served.send_all(b"cd")


async def read(
    transport: TrioTransport, url: str, server: Server, *, timed: bool
) -> tuple[Wire, list[float | None]]:
    """One answer, and the moment of each of its reads."""
    wire = Wire(timed=timed)
    request = httpx.Request("POST", url, content=b"{}", extensions={"wire": wire})
    response = await transport.handle_async_request(request)
    assert response.extensions["wire"] is wire
    assert isinstance(response.stream, httpx.AsyncByteStream)
    moments = []
    async for _ in response.stream:
        moments.append(wire.arrived_at_s)
        server.taken.set()
    await response.aclose()
    return wire, moments


@pytest.mark.slow
@pytest.mark.parametrize("secure", [False, True])
async def test_a_late_reader_still_says_when_the_bytes_came(
    nursery: trio.Nursery, *, secure: bool
) -> None:
    """The moments lie between the sender's own looks at the clock, however late they were read."""
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours = ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    server = Server(theirs if secure else None)
    port = await server.listen(nursery)
    url = f"https://localhost:{port}/" if secure else f"http://127.0.0.1:{port}/"
    async with TrioTransport(tls=ours) as transport:
        for _ in range(20):
            wire, moments = await read(transport, url, server, timed=True)
            # The kernel begins a moment after the first socket on the machine asks for it.
            if wire.client_lag_s is not None:
                break
        wire, moments = await read(transport, url, server, timed=True)
    assert server.late is not None
    assert len(moments) == len(server.late.between) == 2
    for (before_s, after_s), moment in zip(server.late.between, moments, strict=True):
        assert moment is not None
        assert before_s <= moment <= after_s
    assert wire.first_byte_at_s == moments[0]
    assert wire.client_lag_s is not None
    assert wire.client_lag_s >= LATE_S


async def test_an_untimed_request_has_the_clock_at_the_read(nursery: trio.Nursery) -> None:
    server = Server()
    port = await server.listen(nursery)
    async with TrioTransport() as transport:
        wire, _ = await read(transport, f"http://127.0.0.1:{port}/", server, timed=False)
    assert server.late is not None
    assert wire.client_lag_s is None
    assert wire.arrived_at_s is not None
    assert wire.arrived_at_s >= server.late.between[-1][1] + LATE_S
