"""A link to another machine: where a worker is told to be is there."""

from datetime import UTC, datetime

import trio.testing

from headrace.runner.cluster.remote_link import RemoteLink
from headrace.runner.workers import (
    Anchor,
    Begin,
    Go,
    Ready,
    StreamLink,
    ToCoordinator,
    ToWorker,
    WorkerLink,
)

BEGIN = Begin(
    kind="load",
    worker=1,
    of=2,
    directory="/here/load.run",
    manifest=b"{}",
    segment=1,
    anchor=Anchor(utc=datetime(2026, 6, 9, tzinfo=UTC), shared_s=10.0),
    task=b"task",
)


async def test_the_place_is_changed_and_nothing_else() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    plain: WorkerLink = StreamLink(ours, ToCoordinator, shared_s=lambda: 30.0)
    link = RemoteLink(plain, directory="/there", ahead_s=-2.5, files={"a": b"b"})
    other: StreamLink[ToCoordinator, ToWorker] = StreamLink(theirs, ToWorker, shared_s=lambda: 27.5)
    await link.send(BEGIN)
    begin = await other.receive()
    assert isinstance(begin, Begin)
    assert (begin.directory, begin.ahead_s, begin.mirrored) == ("/there", -2.5, True)
    assert begin.files == {"a": b"b"}
    assert (begin.anchor, begin.task, begin.of) == (BEGIN.anchor, b"task", 2)
    await link.send(Go(start_s=31.0))
    assert await other.receive() == Go(start_s=31.0)
    await other.send(Ready())
    assert await link.receive() == Ready()
    other.follow(begin.ahead_s)
    assert other.shared_s() == link.shared_s() == 30.0
    link.follow(1.0)
    assert link.shared_s() == 29.0
    await link.aclose()
