"""How a worker of a bulk run asks for jobs before it has none."""

from types import SimpleNamespace
from typing import Any, cast

import trio
from trio.testing import MockClock

from headrace.runner.bulk.worker import BulkWorker, FedBacklog
from headrace.runner.notify import Notifier
from headrace.runner.workers import Room
from tests.runner.bulk.test_backlog import pending

SLOTS = 4


class SlowlyHeard(BulkWorker):
    """A worker whose messages take a second; what it asks for comes, and is taken, meanwhile."""

    def __init__(self) -> None:
        self._low = Notifier()
        self._backlogs = [FedBacklog(self._low)]
        self.asked: list[int] = []

    async def say(self, message: Any) -> None:
        assert isinstance(message, Room)
        self.asked.append(message.jobs)
        for index in range(message.jobs):
            self._backlogs[0].put(pending(index))
        while self._backlogs[0].take_now() is not None:
            pass
        await trio.sleep(1.0)


async def test_it_asks_again_although_all_was_taken_while_it_asked(
    autojump_clock: MockClock,
) -> None:
    """Nobody is woken by what is taken while a message is sent; it must look by itself."""
    worker = SlowlyHeard()
    parts = cast("Any", SimpleNamespace(admission=SimpleNamespace(concurrency=SimpleNamespace())))
    parts.admission.concurrency.limit = SLOTS
    with trio.move_on_after(10.5):
        await worker._ask(parts)
    assert len(worker.asked) == 11
    assert min(worker.asked) >= SLOTS


async def test_it_waits_while_what_it_has_is_enough(autojump_clock: MockClock) -> None:
    low = Notifier()
    backlog = FedBacklog(low)
    first = backlog.wanted(SLOTS)
    for index in range(first):
        backlog.put(pending(index))
    assert (first > SLOTS, backlog.wanted(SLOTS)) == (True, 0)
    for _ in range(first):
        backlog.take_now()
    assert backlog.wanted(SLOTS) > 0
