"""Reading a server's metrics once a second."""

import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import PAGE_BYTES_MAX, spooled_pages
from headrace.runner import Secret
from headrace.runner.errors import StorageError
from headrace.runner.scrape import ServerReader, Spool
from headrace.runner.scrape.reader import PACKED_AT_ONCE_BYTES

KEY = "sk-of-the-service"
BEGAN = dt.datetime(2026, 6, 9, tzinfo=dt.UTC)


class Trickle(httpx.AsyncByteStream):
    """A body in pieces, each after a second."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await trio.sleep(1.0)
            yield piece


class Server(httpx.AsyncBaseTransport):
    """Answers what it is told, and keeps what was asked."""

    def __init__(self, *answers: Callable[[], httpx.Response] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[float, httpx.Request]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        self.asked.append((trio.current_time(), request))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer()


def page(text: bytes = b"a 1\n", status: int = 200) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(status, content=text)


class Read:
    """What a reader read in some seconds."""

    def __init__(self, path: Path, *answers: Callable[[], httpx.Response] | Exception) -> None:
        self.server, self.said = Server(*answers), list[str]()
        self.threads = 0

        async def offload(work: Any) -> Any:
            self.threads += 1
            await trio.lowlevel.checkpoint()
            return work()

        self.spool = Spool(path / "server.spool", 0o600)
        self.reader = ServerReader(
            "http://vllm.test:8000/metrics",
            self.spool,
            transport=self.server,
            user_agent="headrace/x",
            hidden=Secret(KEY),
            utc=lambda at_s: BEGAN + dt.timedelta(seconds=at_s),
            offload=offload,
            announce=self.said.append,
        )

    async def during(self, seconds: float) -> "Read":
        with trio.move_on_after(seconds):
            await self.reader.watch()
        self.spool.close()
        return self

    @property
    def pages(self) -> list[tuple[float, bytes]]:
        return [((at - BEGAN).total_seconds(), page) for at, page in spooled_pages(self.spool.path)]


async def test_a_page_a_second_is_kept_with_its_moment_and_no_key_is_sent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    read = await Read(tmp_path, page(b"a 1\n"), page(b"a 2\n"), page(b"a 3\n")).during(2.5)
    assert read.pages == [(0.0, b"a 1\n"), (1.0, b"a 2\n"), (2.0, b"a 3\n")]
    assert (read.reader.facts.readings, read.reader.facts.failed, read.said) == (3, 0, [])
    assert {name for _, request in read.server.asked for name in request.headers} == {
        *("host", "accept", "accept-encoding", "user-agent")
    }
    assert read.server.asked[0][1].headers["host"] == "vllm.test:8000"


async def test_a_key_in_a_page_is_not_kept(tmp_path: Path, autojump_clock: MockClock) -> None:
    told = page(f'a{{key="{KEY}"}} 1\n'.encode())
    read = await Read(tmp_path, told).during(0.5)
    assert [text for _, text in read.pages] == [b'a{key="***"} 1\n']


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (page(status=503), "HTTP 503"),
        (
            lambda: httpx.Response(302, headers={"location": "http://else.test/"}),
            "HTTP 302, a redirect, which is not followed",
        ),
        (page(b"x" * (PAGE_BYTES_MAX + 1)), "more than 4 MB"),
        (httpx.ConnectError("refused"), "no connection"),
        (httpx.RemoteProtocolError("nonsense"), "a broken answer"),
        (httpx.ReadTimeout("late"), "no answer within 1 s"),
        (lambda: httpx.Response(200, stream=Trickle(b"a", b"b")), "no answer within 1 s"),
        (
            lambda: httpx.Response(
                200, stream=httpx.ByteStream(b"junk"), headers={"content-encoding": "gzip"}
            ),
            "a broken answer",
        ),
    ],
)
async def test_a_reading_that_fails_is_counted_and_told_once_and_the_next_is_made(
    tmp_path: Path, autojump_clock: MockClock, answer: Any, reason: str
) -> None:
    read = await Read(tmp_path, answer, answer, page()).during(3.5)
    facts = read.reader.facts
    assert (facts.failed, facts.reasons) == (2, {reason: 2})
    assert facts.readings == 4
    assert len(read.pages) == 2
    assert read.said == [
        f"Warning: the server's metrics could not be read: {reason}. The run continues, and so do "
        "the readings."
    ]


async def test_a_large_page_is_packed_in_a_thread(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    large = b"a" * (PACKED_AT_ONCE_BYTES + 1)
    read = await Read(tmp_path, page(large), page()).during(1.5)
    assert read.threads == 1
    assert [data for _, data in read.pages] == [large, b"a 1\n"]


async def test_a_spool_that_is_full_takes_no_more_and_a_disk_that_refuses_is_told(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.runner.scrape.spool.SPOOL_BYTES_MAX", 1)
    read = await Read(tmp_path, page()).during(2.5)
    assert read.reader.facts.reasons == {"too much was read already": 2}
    with pytest.raises(StorageError, match=r"server\.spool"):
        await Read(tmp_path, page()).during(1.0)  # the file is there, and another's


async def test_a_reading_that_the_end_of_the_run_cuts_off_is_none(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Of a server that never answers in time one reading was told to have been made."""
    slow = lambda: httpx.Response(200, stream=Trickle(b"a", b"b"))  # noqa: E731
    read = await Read(tmp_path, slow).during(2.5)
    assert (read.reader.facts.readings, read.reader.facts.failed) == (2, 2)
