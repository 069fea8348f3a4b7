"""Streams over real sockets that the pacer sends, in virtual time: a socket pair is instant."""

import socket
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import trio

from headrace.gateway.pacer import Pacer
from headrace.gateway.tcp import TcpStream

if TYPE_CHECKING:
    from tests.gateway.conftest import Client

Bodies = Callable[..., dict[str, Any]]
PATH = "/v1/chat/completions"
# 7 tokens in at 1 per million, 10 out at 2.
CHARGE = Decimal("0.000027")


class Wires:
    """Opens connections to one gateway over socket pairs, all sent by one pacer."""

    def __init__(self, gateway: Any, nursery: trio.Nursery, client: "type[Client]") -> None:
        self.gateway = gateway
        self.pacer = Pacer()
        self._nursery = nursery
        self._client = client
        nursery.start_soon(self.pacer.run)

    def open(
        self, *, buffer_bytes: int | None = None, nursery: trio.Nursery | None = None
    ) -> "Client":
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        if buffer_bytes is not None:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        serving = nursery or self._nursery
        serving.start_soon(self.gateway.serve_stream, TcpStream(theirs, self.pacer))
        return self._client(TcpStream(ours), self.gateway.keys[0].secret)


@pytest.fixture
def wires(
    nursery: trio.Nursery, gateway_of: Any, client_on: "type[Client]"
) -> Callable[..., Wires]:
    """Makes gateways of config fields, reached over sockets."""

    def make(**fields: Any) -> Wires:
        return Wires(gateway_of(**fields), nursery, client_on)

    return make


async def test_a_client_that_reads_nothing_is_left_after_a_while(
    autojump_clock: object,
) -> None:
    # It kept its connection, and one of the `capacity` places, forever.
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    stream, slow = TcpStream(theirs, read_s=300.0), TcpStream(ours)
    started = trio.current_time()
    sent = bytes(range(256)) * 40_000

    async def read_a_little() -> None:
        await trio.sleep(200)
        await slow.receive_some(1_000_000)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_a_little)
        with pytest.raises(trio.BrokenResourceError, match="the client read nothing for 300 s"):
            await stream.send_all(sent)
    # The time starts again with every byte that it reads.
    assert trio.current_time() - started == 500.0
    await stream.aclose()
    await slow.aclose()


async def test_a_paced_stream_keeps_its_pace_exactly(
    wires: Callable[..., Wires], nursery: trio.Nursery, chat: Bodies, autojump_clock: object
) -> None:
    on = wires(ttft_s=0.5, itl_s=0.25, output_tokens=5, log_chunks=True)
    client = on.open()
    response = await client.post(PATH, chat(stream=True))
    assert response.head_at == 0.0
    assert response.event_times() == [0.5, 0.75, 1.0, 1.25, 1.5]
    assert response.events[-1] == (None, "[DONE]")
    [row] = on.gateway.log_rows
    assert (row.first_byte_s, row.first_token_s, row.end_s) == (0.0, 0.5, 1.5)
    assert row.chunks == [(at, at) for at in (0.5, 0.75, 1.0, 1.25, 1.5)]
    assert (on.gateway.lateness.count, on.gateway.lateness.worst_s) == (5, 0.0)
    # Once more on the same connection.
    assert len((await client.post(PATH, chat(stream=True))).event_times()) == 5
    await client.stream.aclose()
    nursery.cancel_scope.cancel()


async def test_a_stream_that_begins_later_and_is_due_earlier_is_not_kept_waiting(
    wires: Callable[..., Wires], nursery: trio.Nursery, chat: Bodies, autojump_clock: object
) -> None:
    on = wires(itl_s=2.0, output_tokens=3)
    times: dict[float, list[float]] = {}

    async def ask(after_s: float) -> None:
        await trio.sleep(after_s)
        client = on.open()
        times[after_s] = (await client.post(PATH, chat(stream=True))).event_times()
        await client.stream.aclose()

    async with trio.open_nursery() as asking:
        for after_s in (0.0, 0.5, 1.0):
            asking.start_soon(ask, after_s)
    assert times == {0.0: [0.0, 2.0, 4.0], 0.5: [0.5, 2.5, 4.5], 1.0: [1.0, 3.0, 5.0]}
    nursery.cancel_scope.cancel()


async def test_a_slow_reader_gets_everything_and_holds_up_nobody(
    wires: Callable[..., Wires], nursery: trio.Nursery, chat: Bodies, autojump_clock: object
) -> None:
    on = wires(itl_s=0.01, output_tokens=400)
    slow, quick = on.open(buffer_bytes=4096), on.open()
    times: list[float] = []

    async def read_late() -> None:
        sent = slow.stream.receive_some

        async def late(*_: object) -> bytes | bytearray:
            await trio.sleep(1)
            return await sent(4096)

        slow.stream.receive_some = late  # type: ignore[assignment]
        response = await slow.post(PATH, chat(stream=True))
        *chunks, done = [data for _, data in response.events]
        assert done == "[DONE]"
        assert len([each for each in chunks if each["choices"][0]["delta"].get("content")]) == 400
        assert response.ended_at > 10

    async with trio.open_nursery() as asking:
        asking.start_soon(read_late)
        await trio.sleep(0.001)
        times = (await quick.post(PATH, chat(stream=True))).event_times()
    assert [round(at - 0.001, 9) for at in times] == [round(n * 0.01, 9) for n in range(400)]
    # Waiting for the slow client is not lateness of the gateway.
    assert on.gateway.lateness.count > 400
    for client in (slow, quick):
        await client.stream.aclose()
    nursery.cancel_scope.cancel()


async def test_a_large_whole_answer_waits_for_its_reader(
    wires: Callable[..., Wires], nursery: trio.Nursery, chat: Bodies, autojump_clock: object
) -> None:
    client = wires(output_tokens=40_000).open(buffer_bytes=4096)
    response = await client.post(PATH, chat())
    assert response.json["usage"]["completion_tokens"] == 40_000
    await client.stream.aclose()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_pays_and_the_others_continue(
    wires: Callable[..., Wires],
    nursery: trio.Nursery,
    chat: Bodies,
    autojump_clock: object,
    stream: bool,
) -> None:
    on = wires(itl_s=1.0, output_tokens=10)
    leaving, staying = on.open(), on.open()

    async def leave() -> None:
        with trio.move_on_after(2.5):
            await leaving.post(PATH, chat("hey", stream=stream))
        await leaving.stream.aclose()

    async with trio.open_nursery() as asking:
        asking.start_soon(leave)
        response = await staying.post(PATH, chat("hey", stream=True))
    assert response.event_times() == [float(n) for n in range(10)]
    assert 100 - on.gateway.ledger.balance == 2 * CHARGE
    account = on.gateway.ledger.account(on.gateway.keys[0], on.gateway.clock.unix_us())
    assert account.held == 0
    if stream:
        assert [row.disconnected for row in on.gateway.log_rows] == [True, False]
    await staying.stream.aclose()
    nursery.cancel_scope.cancel()


async def test_an_end_of_the_server_gives_back_what_was_held(
    wires: Callable[..., Wires], nursery: trio.Nursery, chat: Bodies, autojump_clock: object
) -> None:
    on = wires(itl_s=1.0, output_tokens=10)
    with trio.move_on_after(2.5):
        async with trio.open_nursery() as serving:
            leaving = on.open(nursery=serving)
            await leaving.post(PATH, chat("hey", stream=True))
    account = on.gateway.ledger.account(on.gateway.keys[0], on.gateway.clock.unix_us())
    assert (on.gateway.ledger.balance, account.held) == (100, 0)
    [row] = on.gateway.log_rows
    assert (row.end_s, row.output_events, row.charge) == (2.5, 3, 0)
    # Its entry in the heap is skipped when it is due.
    staying = on.open()
    times = (await staying.post(PATH, chat("hey", stream=True))).event_times()
    assert times == [2.5 + n for n in range(10)]
    for stream in (leaving.stream, staying.stream):
        await stream.aclose()
    nursery.cancel_scope.cancel()
