"""A service for tests, over memory: it answers as it is told, and notes when each request came."""

import datetime as dt
import json
import os
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h11
import polars as pl
import pytest
import trio
import trio.testing

from headrace.gateway import Config, Gateway
from headrace.runner import (
    RunEnvironment,
    RunOutcome,
    RunSettings,
    Secret,
    Stop,
    TrioTransport,
    run_jobs,
)
from headrace.runner.bulk import TableJobs, make_run_jobs
from tests.runner.loop_workers import in_this_loop
from tests.runner.mirrored_workers import on_machines as machines

from .processes import headrace as headrace
from .processes import serve as serve

# 20 s into a minute, as servers with fixed windows count it.
BEGAN = dt.datetime(2026, 6, 9, 8, 30, 20, tzinfo=dt.UTC)
KEY = "sk-of-the-tests"


class Seen(NamedTuple):
    """One request as the service got it; `at_s` on trio's clock, `number` from 1 (POSTs)."""

    at_s: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    number: int

    @property
    def content(self) -> str:
        """What a chat job asks."""
        content: str = json.loads(self.body)["messages"][0]["content"]
        return content


class Reply(NamedTuple):
    """An answer, sent after `delay_s`; a body of None breaks the connection instead."""

    status: int = 200
    body: bytes | None = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0


def chat_body(text: str = "fine", *, input_tokens: int = 7, output_tokens: int = 3) -> bytes:
    """The reference's body of a chat answer."""
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": input_tokens,
                "completion_tokens": output_tokens,
                "total_tokens": input_tokens + output_tokens,
            },
        }
    ).encode()


def error_body(code: str, message: str) -> bytes:
    error = {"code": code, "message": message, "request_id": "req-1"}
    return json.dumps({"error": error}).encode()


class Service:
    """Answers POSTs with `answer`, and GET /v1/balance with `balance` (404 where it is None)."""

    def __init__(self) -> None:
        self.posts: list[Seen] = []
        self.gets: list[Seen] = []
        self.answer: Callable[[Seen], Reply | Awaitable[Reply]] = lambda seen: self.fine()
        self.balance: Callable[[], Reply] | None = None
        self.nursery: trio.Nursery | None = None
        self.refusing = False  # connections

    @staticmethod
    def fine(text: str = "fine", *, delay_s: float = 0.0, **usage: int) -> Reply:
        return Reply(200, chat_body(text, **usage), delay_s=delay_s)

    @staticmethod
    def error(status: int, code: str = "X", message: str = "went wrong", **headers: str) -> Reply:
        fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return Reply(status, error_body(code, message), fields)

    @property
    def post_times_s(self) -> list[float]:
        return [seen.at_s for seen in self.posts]

    async def connect(self, _origin: object) -> trio.abc.Stream:
        if self.refusing:
            raise ConnectionRefusedError(111, "Connection refused")
        ours, theirs = trio.testing.memory_stream_pair()
        assert self.nursery is not None
        self.nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: trio.abc.Stream) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while await self._serve_one(stream, connection):
                connection.start_next_cycle()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await stream.aclose()

    async def _serve_one(self, stream: trio.abc.Stream, connection: h11.Connection) -> bool:
        request: h11.Request | None = None
        body = b""
        at_s = 0.0
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some()))
            elif isinstance(event, h11.Request):
                request, at_s = event, trio.current_time()
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        assert request is not None
        reply = await self._reply(request, body, at_s)
        if reply.delay_s:
            await trio.sleep(reply.delay_s)
        if reply.body is None:
            return False
        typed = any(name == "content-type" for name, _ in reply.headers)
        head = h11.Response(
            status_code=reply.status,
            headers=[
                *([] if typed else [("content-type", "application/json")]),
                ("content-length", str(len(reply.body))),
                *reply.headers,
            ],
        )
        data = connection.send(head) or b""
        data += connection.send(h11.Data(reply.body)) or b""
        data += connection.send(h11.EndOfMessage()) or b""
        await stream.send_all(data)
        return connection.our_state is h11.DONE

    async def _reply(self, request: h11.Request, body: bytes, at_s: float) -> Reply:
        headers = {name.decode(): value.decode() for name, value in request.headers}
        get = request.method == b"GET"
        number = 0 if get else len(self.posts) + 1
        target = request.target.decode()
        seen = Seen(at_s, request.method.decode(), target, headers, body, number)
        if get:
            self.gets.append(seen)
            return self.balance() if self.balance else self.error(404, "NOT_FOUND")
        self.posts.append(seen)
        answer = self.answer(seen)
        return answer if isinstance(answer, Reply) else await answer


async def at_once(work: Callable[[], Any]) -> Any:
    """Blocking work without a thread: a thread would let the virtual clock leap."""
    await trio.lowlevel.checkpoint()
    return work()


class Ran(NamedTuple):
    """A run that has ended, with its tables."""

    outcome: RunOutcome
    directory: Path

    @property
    def results(self) -> pl.DataFrame:
        return pl.read_parquet(self.directory / "results" / "*.parquet").sort("index")

    @property
    def attempts(self) -> pl.DataFrame:
        table = pl.read_parquet(self.directory / "attempts" / "*.parquet")
        return table.sort("index", "attempt")

    @property
    def readings(self) -> pl.DataFrame:
        return pl.read_parquet(self.directory / "balance.parquet")

    @property
    def rejects(self) -> list[dict[str, Any]]:
        path = self.directory / "rejects.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    @property
    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads((self.directory / "run.json").read_bytes())
        return manifest


def chat_line(custom_id: str, content: str = "hello", **fields: Any) -> bytes:
    body = {"model": "m", "messages": [{"role": "user", "content": content}], **fields}
    line = {"custom_id": custom_id, "url": "/v1/chat/completions", "body": body}
    return json.dumps(line).encode()


@pytest.fixture
async def service(nursery: trio.Nursery) -> Service:
    """A service that answers every POST well, and has no balance, unless it is told."""
    made = Service()
    made.nursery = nursery
    return made


class Bench:
    """Runs job files in a test's own directory, against a service or a gateway in memory."""

    def __init__(self, path: Path, nursery: trio.Nursery) -> None:
        self.path = path
        self.nursery = nursery
        self.chat_line = chat_line
        self.chat_body = chat_body
        self.began = BEGAN
        self.sleep = trio.sleep
        self.small_files = small_files

    @property
    def jobs(self) -> Path:
        return self.path / "jobs.jsonl"

    @property
    def directory(self) -> Path:
        return self.path / "jobs.run"

    def write(self, *lines: bytes) -> None:
        """Write the job file."""
        self.jobs.write_bytes(b"".join(line + b"\n" for line in lines))

    def write_chats(self, count: int, **fields: Any) -> None:
        """A job file of chat jobs, each with a text of its own."""
        self.write(*(chat_line(f"job-{n}", f"question {n}", **fields) for n in range(count)))

    async def run(self, service: Service, **fields: Any) -> Ran:
        """Run the job file against a service, without limits unless they are given."""

        async def over(nursery: trio.Nursery) -> Ran:
            before, service.nursery = service.nursery, nursery
            try:
                return await self.run_over(service.connect, KEY, **fields)
            finally:
                service.nursery = before

        return await self.served(over)

    async def served(self, run: Callable[[trio.Nursery], Awaitable[Ran]]) -> Ran:
        """A run whose connections are served in a nursery of its own.

        Where hypothesis plays a test again, pytest-trio may hand it the fixtures of the time
        before, and their nursery is closed.
        """
        failure: Exception | None = None
        ran: Ran | None = None
        async with trio.open_nursery() as nursery:
            try:
                ran = await run(nursery)
            except Exception as error:
                failure = error  # raised outside: a nursery would wrap it in a group
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        assert ran is not None
        return ran

    async def run_over(
        self,
        connect: Any,
        key: str,
        *,
        stop: Stop | None = None,
        watch: Any = None,
        announce: Any = None,
        foreign: Any = None,
        offload: Any = at_once,
        read: Any = None,
        table: TableJobs | None = None,
        kill: dict[int, float] | None = None,
        still: dict[int, tuple[float, float]] | None = None,
        on_machines: bool = False,
        machines_stay: bool = False,
        **fields: Any,
    ) -> Ran:
        """With `workers`, these are tasks of this loop, or `on_machines` of their own; those in
        `kill` die at that time, those in `still` stand still between two."""
        made = None
        if table is not None:
            anew = fields.get("rerun_changed", False)
            made = make_run_jobs(self.directory, table, anew=anew)
        settings = {"rpm": None, "tpm": None, "seed": 1, **fields}
        environment = RunEnvironment(
            transport=TrioTransport(connect=connect),
            offload=offload,
            read=read or at_once,
            wall=lambda: BEGAN + dt.timedelta(seconds=trio.current_time()),
            stop=stop,
            announce=announce,
            foreign=foreign,
        )
        outcome = await run_jobs(
            str(self.jobs) if made is None else made.path,
            self.directory,
            RunSettings(base_url="http://gateway.test", key=Secret(key), **settings),
            environment,
            watch,
            made=made,
            open_workers=machines(
                lambda: environment._replace(stop=None),
                root=self.path,
                run=self.directory,
                kill=kill,
                machines_stay=machines_stay,
            )
            if on_machines
            else in_this_loop(
                lambda: environment._replace(stop=None),
                run=self.directory,
                key=Secret(key),
                kill=kill,
                still=still,
            ),
        )
        return Ran(outcome, self.directory)

    def gateway(self, **config: Any) -> Gateway:
        """The project's gateway in memory, on the same clock."""
        return Gateway(
            Config(**config), now=lambda: BEGAN + dt.timedelta(seconds=trio.current_time())
        )

    async def run_on(self, gateway: Gateway, **fields: Any) -> Ran:
        """Run the job file against a gateway."""

        async def over(nursery: trio.Nursery) -> Ran:
            async def connect(_origin: object) -> trio.abc.Stream:
                ours, theirs = trio.testing.memory_stream_pair()
                nursery.start_soon(gateway.serve_stream, theirs)
                return ours

            return await self.run_over(connect, gateway.keys[0].secret, **fields)

        return await self.served(over)


@contextmanager
def small_files(bytes_each: int) -> Iterator[None]:
    """No file may grow past this: what a full disk is to the journal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_each, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
async def bench(tmp_path: Path, nursery: trio.Nursery) -> Bench:
    return Bench(tmp_path, nursery)


@pytest.fixture
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lasts is shown elsewhere, and hundreds of runs would wait for the disk."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
