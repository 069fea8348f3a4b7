"""The coordinator's side of its workers: who is ready, who stops, who is given up."""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from headrace.jobs import SCHEMA_VERSION, Limits, Manifest, SegmentName, Sent, Session
from headrace.runner import Stop
from headrace.runner.clock import RunClock
from headrace.runner.errors import InterruptError, StorageError, WorkerError
from headrace.runner.record import Journal, Recorder, RunDirectory, recover
from headrace.runner.workers import (
    Begin,
    Crew,
    Done,
    Halt,
    LinkLostError,
    Ready,
    Reason,
    StreamLink,
    ToCoordinator,
    ToWorker,
    WorkerEnd,
)

AT = dt.datetime(2026, 6, 9, 8, 30, 20, tzinfo=dt.UTC)

Script = Callable[[StreamLink[ToCoordinator, ToWorker]], Any]


async def at_once(work: Callable[[], Any]) -> Any:
    await trio.lowlevel.checkpoint()
    return work()


class Foreman:
    """Notes what it is told."""

    counts_money = False
    seals = True

    def __init__(self) -> None:
        self.lost_at_s: dict[int, float] = {}

    def heard(self, hand: Any, tell: Any) -> None:
        """Nothing is shown."""

    def room(self, hand: Any, room: Any) -> None:
        """Nothing is given."""

    def used(self, hand: Any, use: Any) -> None:
        """Nothing is dealt."""

    async def lost(self, hand: Any, left: Any) -> None:
        self.lost_at_s[hand.number] = trio.current_time()


class Bench:
    """A crew of scripted workers, and what became of it."""

    def __init__(self, path: Path, stop: Stop, *scripts: Script) -> None:
        self.path = path
        self.stop = stop
        self.foreman = Foreman()
        self.scripts = scripts
        self.gone: list[int] = []

    async def run(self) -> Crew:
        manifest = Manifest(
            headrace="0",
            schema_version=SCHEMA_VERSION,
            kind="bulk",
            base_url="http://x.test",
            job_file=None,
        )
        limits = Limits(rpm=None, tpm=None, concurrency=None)
        with RunDirectory.create(self.path / "x.run", manifest) as run:
            run.begin(Session(started_at=AT, limits=limits))
            state, journal = recover(run.path, now=AT)
            async with trio.open_nursery() as nursery:
                ends = [self._end(nursery, n, each) for n, each in enumerate(self.scripts, 1)]
                crew = Crew(
                    ends,
                    run=run,
                    recorder=Recorder(run, journal, state, at_once),
                    foreman=self.foreman,
                    clock=RunClock(lambda: AT),
                    stop=self.stop,
                    offload=at_once,
                )
                async with trio.open_nursery() as listening:
                    listening.start_soon(crew.run)
                    await crew.begin("bulk", b"")
                nursery.cancel_scope.cancel()
            journal.close()
        return crew

    def _end(self, nursery: trio.Nursery, number: int, script: Script) -> WorkerEnd:
        ours, theirs = trio.testing.memory_stream_pair()

        async def work() -> None:
            link = StreamLink[ToCoordinator, ToWorker](theirs, ToWorker)
            with suppress(LinkLostError):
                await script(link)
            await theirs.aclose()

        async def gone() -> None:
            await trio.lowlevel.checkpoint()
            self.gone.append(number)

        nursery.start_soon(work)
        link = StreamLink[ToWorker, ToCoordinator](ours, ToCoordinator, shared_s=trio.current_time)
        return WorkerEnd(link, gone)


async def heeds(link: StreamLink[ToCoordinator, ToWorker]) -> None:
    """Is ready, and ends when it is told to stop."""
    await link.receive()
    await link.send(Ready())
    while not isinstance(await link.receive(), Halt):
        pass
    await link.send(Done())


async def stands_still(link: StreamLink[ToCoordinator, ToWorker]) -> None:
    """Is ready, and then says nothing more, whatever it is told."""
    await link.receive()
    await link.send(Ready())
    await trio.sleep_forever()


async def test_a_worker_that_stands_still_is_given_up_after_the_grace(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """10 s later than it has by itself: the others have ended at once."""
    stop = Stop(grace_s=30.0)
    bench = Bench(tmp_path, stop, heeds, stands_still)

    async def interrupt() -> None:
        await trio.sleep(5)
        stop.request(InterruptError("interrupted"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        began_s = trio.current_time()
        crew = await bench.run()
    assert [hand.done is not None for hand in crew.hands] == [True, False]
    assert bench.foreman.lost_at_s == {2: pytest.approx(began_s + 5 + 30 + 10)}
    assert bench.gone == [2]


async def test_a_second_request_waits_no_longer_than_for_the_last_words(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    stop = Stop(grace_s=3600.0)
    bench = Bench(tmp_path, stop, stands_still)

    async def interrupt() -> None:
        await trio.sleep(5)
        stop.request(InterruptError("interrupted"))
        await trio.sleep(1)
        stop.now()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        began_s = trio.current_time()
        await bench.run()
    assert bench.foreman.lost_at_s == {1: pytest.approx(began_s + 6 + 10)}


async def test_what_stops_one_worker_stops_all(tmp_path: Path, autojump_clock: MockClock) -> None:
    async def finds_the_disk_full(link: StreamLink[ToCoordinator, ToWorker]) -> None:
        await link.receive()
        await link.send(Ready())
        await trio.sleep(1)
        await link.send(Halt(reason=Reason.of(StorageError("the disk is full"))))
        await link.send(Done())

    stop = Stop(grace_s=30.0)
    crew = await Bench(tmp_path, stop, heeds, finds_the_disk_full).run()
    assert isinstance(stop.reason, StorageError)
    assert all(hand.done is not None for hand in crew.hands)


async def test_a_stop_waits_for_no_worker_that_is_not_ready(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async def never_ready(link: StreamLink[ToCoordinator, ToWorker]) -> None:
        await link.receive()
        await link.receive()

    stop = Stop(grace_s=30.0)

    async def interrupt() -> None:
        await trio.sleep(2)
        stop.request(InterruptError("interrupted"))

    bench = Bench(tmp_path, stop, heeds, never_ready)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        crew = await bench.run()
    assert trio.current_time() == 2
    assert [hand.done is None for hand in crew.hands] == [False, True]
    assert (bench.foreman.lost_at_s, bench.gone) == ({}, [])


async def test_a_lost_worker_s_attempts_in_flight_are_recorded(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """It wrote that one left, and was killed."""
    sent = Sent(
        index=4,
        custom_id="job-4",
        model="m",
        url="/v1/chat/completions",
        attempt=2,
        due_at=AT,
        sent_at=AT,
    )

    async def dies(link: StreamLink[ToCoordinator, ToWorker]) -> None:
        begin = await link.receive()
        assert isinstance(begin, Begin)
        journal = Journal(Path(begin.directory) / "journal", SegmentName(begin.segment, 1))
        journal.append(sent)
        journal.close()

    stop = Stop(grace_s=30.0)
    await Bench(tmp_path, stop, dies).run()
    assert isinstance(stop.reason, WorkerError)
    state, journal = recover(tmp_path / "x.run", now=AT)
    journal.close()
    assert (state.lost, state.attempts) == (0, {4: 2})  # the coordinator wrote it down already
