"""Streams of bytes to the workers of a machine, over an agent that a test plays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from headrace.runner.cluster import route as route_module
from headrace.runner.cluster.dask_client import MachineError
from headrace.runner.cluster.journal_mirror import JournalMirror
from headrace.runner.cluster.route import Route, RouteStream
from headrace.runner.cluster.segment_tail import Piece
from headrace.runner.cluster.worker_relay import Ended, Heard

from ..conftest import at_once

SEGMENT = "w01-000001.jsonl"


class PlayedAgent:
    """What a machine would say, as a test has it; `told` is what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, bytes | None]] = []
        self.acked: list[dict[str, int]] = []
        self.news, self.heard = trio.open_memory_channel[Heard | MachineError](100)
        self.busy = trio.Lock()

    async def tell(self, worker: int, data: bytes | None) -> None:
        async with self.busy:
            self.told.append((worker, data))

    async def hear(self, acked: dict[str, int], wait_s: float) -> Heard:
        self.acked.append(acked)
        news = await self.heard.receive()
        if isinstance(news, MachineError):
            raise news
        return news

    def says(self, *said: tuple[int, bytes]) -> None:
        self.news.send_nowait(Heard([], list(said), []))

    def lose(self) -> None:
        self.news.send_nowait(MachineError("b did not answer"))


@asynccontextmanager
async def route_to(agent: PlayedAgent, folder: Path) -> AsyncIterator[Route]:
    route = Route(agent, [1, 2], JournalMirror(folder, {1, 2}), at_once)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(route.run)
        yield route
        nursery.cancel_scope.cancel()


async def all_of(stream: RouteStream) -> bytes:
    got = b""
    while data := await stream.receive_some(3):
        got += data
    return got


async def test_bytes_go_to_the_worker_whose_stream_it_is(tmp_path: Path) -> None:
    agent = PlayedAgent()
    async with route_to(agent, tmp_path) as route:
        await route.streams[2].send_all(b"to two")
        await route.streams[1].send_all(bytearray(b"to one"))
        agent.says((1, b"one"), (2, b"two"), (1, b" more"))
        assert await route.streams[1].receive_some() == b"one more"
        assert await route.streams[2].receive_some(2) == b"tw"
        assert await route.streams[2].receive_some(2) == b"o"
        await wait_all_tasks_blocked()
        assert agent.told == [(2, b"to two"), (1, b"to one")]


async def test_what_is_recorded_is_here_before_what_was_said_of_it(tmp_path: Path) -> None:
    agent = PlayedAgent()
    async with route_to(agent, tmp_path) as route:
        agent.news.send_nowait(Heard([Piece(SEGMENT, 0, b"row\n")], [(1, b"a row")], []))
        assert await route.streams[1].receive_some() == b"a row"
        assert (tmp_path / SEGMENT).read_bytes() == b"row\n"
        await wait_all_tasks_blocked()
        assert agent.acked == [{}, {SEGMENT: 4}]


async def test_a_worker_that_ended_is_read_to_its_end(tmp_path: Path) -> None:
    agent = PlayedAgent()
    async with route_to(agent, tmp_path) as route:
        one = route.streams[1]
        agent.news.send_nowait(Heard([], [(1, b"last words")], [Ended(1, 3, "no memory")]))
        assert await all_of(one) == b"last words"
        assert one.gone.is_set()
        assert one.ended == Ended(1, 3, "no memory")
        assert not route.streams[2].gone.is_set()
        with pytest.raises(trio.BrokenResourceError):
            await one.send_all(b"anybody?")


async def test_a_lost_machine_breaks_all_its_streams_once_they_are_read(tmp_path: Path) -> None:
    agent = PlayedAgent()
    async with route_to(agent, tmp_path) as route:
        agent.says((1, b"before"))
        agent.lose()
        assert await all_of(route.streams[1]) == b"before"
        assert await all_of(route.streams[2]) == b""
        assert route.streams[2].ended is None
        with pytest.raises(trio.BrokenResourceError) as caught:
            await route.streams[2].send_all(b"x")
        assert caught.value.__cause__ is route.lost
        assert str(route.lost) == "b did not answer"
        await route.streams[2].aclose()


async def test_a_stream_that_is_closed_ends_the_link_of_its_worker_once(tmp_path: Path) -> None:
    agent = PlayedAgent()
    async with route_to(agent, tmp_path) as route:
        one = route.streams[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect_closed, one)
            await wait_all_tasks_blocked()
            await one.aclose()
        await one.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await one.send_all(b"x")
        await wait_all_tasks_blocked()
        assert agent.told == [(1, None)]


async def expect_closed(stream: RouteStream) -> None:
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()


async def test_senders_wait_where_a_machine_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(route_module, "SENDING_BYTES_MAX", 10)
    agent = PlayedAgent()
    async with route_to(agent, tmp_path) as route:
        await agent.busy.acquire()
        one = route.streams[1]
        await one.wait_send_all_might_not_block()
        await one.send_all(bytes(11))
        with trio.move_on_after(5) as scope:
            await one.send_all(b"later")
        assert scope.cancelled_caught
        agent.busy.release()
        await one.send_all(b"now")
        await wait_all_tasks_blocked()
        assert agent.told == [(1, bytes(11)), (1, b"now")]


async def test_a_disk_that_refuses_ends_the_route_with_its_reason(tmp_path: Path) -> None:
    agent = PlayedAgent()
    async with route_to(agent, tmp_path / "gone") as route:
        agent.news.send_nowait(Heard([Piece(SEGMENT, 0, b"row\n")], [(1, b"a row")], []))
        assert await all_of(route.streams[1]) == b""
        assert "cannot write" in str(route.lost)
