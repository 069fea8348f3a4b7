"""Every file operation of a run in turn: the process dies there, the power fails, the disk refuses.

The operations are those of `os`, counted while a whole run goes by in virtual time: one with
images, rejects and retries, one that opens failed jobs again, one that goes on where another was
killed. After each, the same command must find one result a job, send nothing whose result was
recorded, and have a row for every attempt that was journalled.
"""

import base64
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from trio.testing import MockClock

from headrace.jobs import InputError
from headrace.runner import StorageError

pytestmark = pytest.mark.slow

OPERATIONS = ("open", "write", "fsync", "ftruncate", "replace", "unlink", "mkdir", "rmdir")
# A process dies at every seventh moment, and every thirteenth file operation refuses, which is in
# turn one of each kind; with more cases (`make fuzz`) it is every one.
MORE = int(os.environ.get("HEADRACE_MORE_CASES", "1")) > 1
DIES_AT_EVERY = 1 if MORE else 7
REFUSES_EVERY = 1 if MORE else 13
JOBS = 5
# What a directory holds, by path; None is a directory.
Tree = dict[str, bytes | None]


class Recorded(NamedTuple):
    """What whole lines of the journal say: the newest status of each job, every attempt, and those
    that have no end."""

    statuses: dict[int, str]
    attempts: set[tuple[int, int]]
    unended: set[tuple[int, int]]


class Moment(NamedTuple):
    """A directory as a crash would leave it, and what must be found in it again."""

    where: str
    tree: Tree
    recorded: Recorded


class Disk:
    """The file operations in one directory: `before` is called with the name, the number (from 1)
    and the arguments of each, and may raise."""

    def __init__(self, root: Path, before: Callable[[str, int, tuple[Any, ...]], None]) -> None:
        self.root = root
        self.count = 0
        self.lines: list[bytes] = []  # whole records, in the order in which they were written
        self._before = before
        self._paths: dict[int, str] = {}
        self._parts: dict[int, bytes] = {}

    @contextmanager
    def watched(self) -> Iterator["Disk"]:
        with pytest.MonkeyPatch.context() as patch:
            for name in OPERATIONS:
                patch.setattr(os, name, self._wrapped(name, getattr(os, name)))
            yield self

    def path_of(self, target: Any) -> str | None:
        """The path of an argument, where it is in this directory."""
        path = self._paths.get(target, "") if isinstance(target, int) else os.fspath(target)
        return path if path.startswith(str(self.root)) else None

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **fields: Any) -> Any:
            path = self.path_of(arguments[0])
            if path is None:
                return real(*arguments, **fields)
            self.count += 1
            self._before(name, self.count, arguments)
            done = real(*arguments, **fields)
            if name == "open":
                self._paths[done] = path
            elif name == "write" and "/journal/" in path:
                assert arguments[1].endswith(b"\n")
                self.lines.append(arguments[1])
            return done

        return call

    def recorded(self) -> Recorded:
        return read_lines(self.lines)


def read_lines(lines: list[bytes]) -> Recorded:
    statuses: dict[int, str] = {}
    begun: set[tuple[int, int]] = set()
    ended: set[tuple[int, int]] = set()
    for line in lines:
        record = json.loads(line)
        row = record.get("attempt")
        if record["type"] == "sent":
            begun.add((record["index"], record["attempt"]))
        elif record["type"] in ("ended", "finished"):
            ended.add((row["index"], row["attempt"]))
            if (end := record.get("job") or record.get("result")) is not None:
                statuses[row["index"]] = end["status"]
    return Recorded(statuses, begun | ended, begun - ended)


def tree_of(directory: Path) -> Tree:
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }


def plant(tree: Tree, directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    if not tree:
        return
    directory.mkdir()
    for name, data in tree.items():
        if data is None:
            (directory / name).mkdir()
        else:
            (directory / name).write_bytes(data)


class Durable:
    """What would be left after a power loss: of a file what was there when it was last synced, of
    a directory the names that it had when it was. Everything else is gone."""

    def __init__(self, root: Path) -> None:
        self._root = root.stat().st_ino
        self._files: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {self._root: {}}
        self._kept: list[int] = []  # descriptors, so that no inode number is used twice
        self.lines: dict[int, list[bytes]] = {}

    def note(self, operation: str, target: Any, path: str) -> None:
        """One operation is about to happen."""
        if operation == "fsync" and os.path.isdir(path):
            entries = list(os.scandir(path))
            for each in entries:
                self._keep(each)
            number = os.stat(path).st_ino
            self._names[number] = {each.name: each.inode() for each in entries}
        elif operation == "fsync":
            number, data = os.fstat(target).st_ino, Path(path).read_bytes()
            self._files[number] = data
            if path.endswith(".jsonl") and "/journal/" in path:
                self.lines[number] = data.splitlines(keepends=True)

    def _keep(self, each: "os.DirEntry[str]") -> None:
        self._kept.append(os.open(each.path, os.O_RDONLY))
        if each.is_dir():
            self._names.setdefault(each.inode(), {})

    def tree(self, name: str) -> Tree:
        tree: Tree = {}
        found = self._names[self._root].get(name)
        if found is not None:
            self._add(tree, found, "")
        return tree

    def _add(self, tree: Tree, number: int, prefix: str) -> None:
        for name, each in sorted(self._names.get(number, {}).items()):
            if each in self._names:
                tree[prefix + name] = None
                self._add(tree, each, f"{prefix}{name}/")
            else:
                tree[prefix + name] = self._files.get(each, b"")

    def recorded(self) -> Recorded:
        return read_lines([line for lines in self.lines.values() for line in lines])

    def close(self) -> None:
        for descriptor in self._kept:
            os.close(descriptor)


class Foreign(httpx.AsyncBaseTransport):
    """Where the links lead."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(b"\x89PNG\r\n\x1a\nreally")
        return httpx.Response(200, headers={"content-type": "image/png"}, stream=stream)


class Play:
    """A run that is played again and again: from nothing, over one whose failed jobs it opens
    again, over one that was killed, or over one whose linked images it fetches."""

    def __init__(self, bench: Any, service: Any, *, over: str) -> None:
        self.bench = bench
        self.service = service
        self.over = over
        image = {"model": "i", "prompt": "a cat", "response_format": "b64_json"}
        url = "/v1/images/generations"
        lines = [bench.chat_line(f"job-{n}", f"question {n}") for n in range(JOBS - 1)]
        lines.append(json.dumps({"custom_id": "image", "url": url, "body": image}).encode())
        bench.write(*lines, b"no job")
        service.answer = self.answer
        self._failing: set[int] = set()
        links = over == "links"
        self._fields: dict[str, Any] = {"download": True, "foreign": Foreign()} if links else {}

    def answer(self, seen: Any) -> Any:
        if "images" in seen.path:
            image = base64.b64encode(b"\x89PNG\r\n\x1a\nreally").decode()
            item = {"b64_json": image}
            if self.over == "links":
                item = {"url": "https://cdn.test/a.png"}
            body = json.dumps({"created": 1, "data": [item]}).encode()
            return self.service.fine(delay_s=1)._replace(body=body)
        number = int(seen.content.split()[1])
        if number in self._failing:
            self._failing.discard(number)
            return self.service.error(500 if number == 1 else 400)._replace(delay_s=1)
        return self.service.fine(delay_s=1)

    async def prepare(self) -> tuple[Tree, Recorded]:
        """The directory before the run, and what it records."""
        plant({}, self.bench.directory)
        if self.over == "nothing":
            return {}, Recorded({}, set(), set())
        self._failing = {1, 2, 3}
        if self.over == "a killed run":
            return await self._killed()
        await self.bench.run(self.service, concurrency=2)
        statuses = {n: "failed" if n in (2, 3) else "succeeded" for n in range(JOBS)}
        return tree_of(self.bench.directory), Recorded(statuses, set(), set())

    async def _killed(self) -> tuple[Tree, Recorded]:
        """Full and half-full segments, and two attempts in flight."""
        found: list[tuple[Tree, Recorded]] = []

        def before(name: str, _number: int, _arguments: tuple[Any, ...]) -> None:
            if name == "unlink" and len(disk.lines) > 5:
                found.append((tree_of(self.bench.directory), disk.recorded()))

        disk = Disk(self.bench.path, before)
        with disk.watched():
            await self.bench.run(self.service, concurrency=2)
        tree, recorded = found[0]
        assert len([name for name in tree if name.startswith("journal/")]) == 2
        assert len(recorded.unended) == 2
        return tree, recorded

    async def run(self) -> Any:
        self._failing = {1, 2} if self.over == "nothing" else set()
        again = self.over == "failed jobs"
        return await self.bench.run(self.service, concurrency=2, retry_failed=again, **self._fields)

    async def must_recover(self, recorded: Recorded, *, known: Recorded) -> None:
        """The next session finds all that was recorded, and does the rest."""
        before = len(self.service.posts)
        self._failing = set()
        ran = await self.bench.run(self.service, **self._fields)
        assert ran.results["index"].to_list() == list(range(JOBS))
        statuses = known.statuses | recorded.statuses
        found = dict(ran.results.select("index", "status").iter_rows())
        assert {index: found[index] for index in statuses} == statuses
        rows = list(ran.attempts.select("index", "attempt").iter_rows())
        assert len(rows) == len(set(rows))
        assert known.attempts | recorded.attempts <= set(rows)
        lost = ran.attempts.filter(error_kind="lost").select("index", "attempt")
        assert known.unended | recorded.unended <= set(lost.iter_rows())
        resent = {index_of(seen) for seen in self.service.posts[before:]}
        assert not resent & statuses.keys()
        assert len(self.service.posts) - before == JOBS - len(statuses)
        assert [reject["line"] for reject in ran.rejects] == [JOBS + 1]
        for text in ran.results.filter(url="/v1/images/generations")["response"]:
            [item] = json.loads(text)["data"]
            kept = ran.directory / item["path" if self.over == "links" else "b64_json"]
            assert kept.read_bytes() == b"\x89PNG\r\n\x1a\nreally"
        assert not (ran.directory / "journal").exists()


def index_of(seen: Any) -> int:
    return JOBS - 1 if "images" in seen.path else int(seen.content.split()[1])


@pytest.fixture(params=["nothing", "failed jobs", "a killed run", "links"])
def play(
    bench: Any, service: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Play:
    monkeypatch.setattr("headrace.runner.record.recorder.SEGMENT_BYTES", 2500)
    # What it would make last is worked out here; to do it besides takes most of the time.
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    return Play(bench, service, over=request.param)


async def test_a_process_that_dies_at_any_file_operation_loses_nothing(
    play: Play, autojump_clock: MockClock
) -> None:
    """Also in the middle of a write; what is left is then a torn record or half a file."""
    begun, known = await play.prepare()
    plant(begun, play.bench.directory)
    moments: list[Moment] = []

    def before(name: str, number: int, arguments: tuple[Any, ...]) -> None:
        tree, recorded = tree_of(play.bench.directory), disk.recorded()
        moments.append(Moment(f"before {name}, {number}", tree, recorded))
        if name == "write":
            path = disk.path_of(arguments[0])
            assert path is not None
            half = arguments[1][: len(arguments[1]) // 2]
            inner = str(Path(path).relative_to(play.bench.directory))
            torn = {**tree, inner: (tree[inner] or b"") + half}
            moments.append(Moment(f"in the middle of {name}, {number}", torn, recorded))

    disk = Disk(play.bench.path, before)
    with disk.watched():
        await play.run()
    assert await check(play, moments, known=known) > 3
    assert disk.count > (25 if play.over == "links" else 50)


async def test_a_power_loss_at_any_file_operation_loses_nothing_that_was_synced(
    play: Play, autojump_clock: MockClock
) -> None:
    begun, known = await play.prepare()
    plant(begun, play.bench.directory)
    durable = Durable(play.bench.path)
    moments: list[Moment] = []

    def before(name: str, number: int, arguments: tuple[Any, ...]) -> None:
        tree = durable.tree(play.bench.directory.name)
        moments.append(Moment(f"before {name}, {number}", tree, durable.recorded()))
        path = disk.path_of(arguments[0])
        assert path is not None
        durable.note(name, arguments[0], path)

    disk = Disk(play.bench.path, before)
    settle(durable, play.bench.path)
    try:
        with disk.watched():
            await play.run()
    finally:
        durable.close()
    assert await check(play, moments, known=known) > 3


def settle(durable: Durable, root: Path) -> None:
    """What was there before the run is on the disk."""
    for directory in (root, *(path for path in root.rglob("*") if path.is_dir())):
        durable.note("fsync", None, str(directory))
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                durable.note("fsync", file.fileno(), str(path))


@pytest.mark.parametrize("play", ["a killed run"], indirect=True)
async def test_a_journal_cut_off_at_any_byte_gives_one_result_a_job(
    play: Play, autojump_clock: MockClock
) -> None:
    """Around every line end, and at bytes in between; `test_resume.py` reads it at every byte."""
    tree, _ = await play.prepare()
    older, newest = sorted(name for name in tree if name.startswith("journal/0"))
    data, before = tree[newest] or b"", (tree[older] or b"").splitlines()
    ends = [n + 1 for n, byte in enumerate(data) if byte == ord("\n")]
    cuts = {end + step for end in (0, *ends) for step in (-1, 0, 1)} | set(range(0, len(data), 97))
    for cut in sorted(cuts & set(range(len(data) + 1))):
        *lines, rest = data[:cut].split(b"\n")
        lines += [rest] if rest.endswith(b"}") and cut + 1 in ends else []
        recorded = read_lines(before + lines)
        plant({**tree, newest: data[:cut]}, play.bench.directory)
        await play.must_recover(recorded, known=Recorded({}, set(), set()))
    assert len(ends) > 1


async def check(play: Play, moments: list[Moment], *, known: Recorded) -> int:
    """Recover from each moment, or every seventh one, that differs from the one before; how many
    there were."""
    last: Tree | None = None
    recovered = 0
    for moment in moments[::DIES_AT_EVERY]:
        if moment.tree == last:
            continue
        last = moment.tree
        plant(moment.tree, play.bench.directory)
        try:
            await play.must_recover(moment.recorded, known=known)
        except BaseException as error:
            error.add_note(moment.where)
            raise
        recovered += 1
    return recovered


@pytest.mark.parametrize("play", ["nothing", "failed jobs", "a killed run"], indirect=True)
@pytest.mark.parametrize("for_good", [False, True])
async def test_a_disk_that_refuses_any_file_operation_stops_the_run_and_loses_nothing(
    play: Play, autojump_clock: MockClock, for_good: bool
) -> None:
    """It says so, sends nothing that it could not write down, and the next session goes on."""
    begun, known = await play.prepare()
    nth = 0
    while True:
        nth += REFUSES_EVERY * (
            3 if for_good else 1
        )  # refusals differ most where there is only one
        plant(begun, play.bench.directory)

        def before(name: str, number: int, _arguments: tuple[Any, ...], nth: int = nth) -> None:
            if number == nth or (for_good and number > nth):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        disk = Disk(play.bench.path, before)
        posts = len(play.service.posts)
        said = None
        try:
            with disk.watched():
                outcome = (await play.run()).outcome
            assert outcome.exit_code == 1  # there is a reject
            said = outcome.reason
        except (StorageError, InputError) as error:  # the second where run.json can't be read
            said = error.message
        assert said is None or "No space left on device" in said
        if disk.count < nth:
            break
        sent = [line for line in disk.lines if json.loads(line)["type"] == "sent"]
        # One that spans segments is repeated.
        assert len(play.service.posts) - posts <= len(sent)
        recorded = disk.recorded()
        try:
            await play.must_recover(recorded, known=known)
        except BaseException as error:
            error.add_note(f"operation {nth}")
            raise
    assert nth > 50
