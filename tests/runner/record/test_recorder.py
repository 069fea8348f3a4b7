"""Records that take long to write: off the loop, whole, and in the right segment."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.runner import client
from headrace.runner.record import recorder
from headrace.runner.signals import interruption
from headrace.runner.stop import Stop

pytestmark = pytest.mark.usefixtures("no_sync")

WRITE_S = 5.0


@pytest.fixture
def slow_writes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Answers count as long from 500 characters on, and take seconds to write."""
    monkeypatch.setattr(client, "LONG_BYTES", 400)
    monkeypatch.setattr(client, "LONG_RECORD_CHARACTERS", 500)

    async def offload(work: Callable[[], Any]) -> Any:
        named = getattr(work, "func", work)
        await trio.sleep(WRITE_S if named.__name__ == "append" else 0)
        return work()

    return offload


async def test_long_answers_keep_nobody_from_being_sent_and_each_has_its_row(
    bench: Any,
    service: Any,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    slow_writes: Any,
) -> None:
    """Segments are full all the time: an end must not come into one before its beginning."""
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", 1500)
    service.answer = lambda seen: service.fine(
        text="x" * 600 if b"question 0" in seen.body else "short"
    )
    bench.write_chats(12)
    ran = await bench.run(service, offload=slow_writes, concurrency=2, rpm=60)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 12)
    assert sorted(ran.results["index"].to_list()) == list(range(12))
    assert len(ran.attempts) == 12
    assert ran.attempts["error_kind"].null_count() == 12
    # While the long one was being written, the other slot continued.
    assert sum(seen.at_s < WRITE_S for seen in service.posts) == 5


async def test_a_long_answer_is_recorded_whole_although_the_run_is_stopped_at_once(
    bench: Any, service: Any, autojump_clock: MockClock, slow_writes: Any
) -> None:
    service.answer = lambda seen: service.fine(text="x" * 600)
    bench.write_chats(3)
    stop = Stop(grace_s=30)

    async def stop_twice() -> None:
        await trio.sleep(WRITE_S / 2)
        stop.request(interruption(signal.SIGINT))
        stop.now()

    bench.nursery.start_soon(stop_twice)
    ran = await bench.run(service, offload=slow_writes, concurrency=3, stop=stop)
    assert ran.outcome.exit_code == 130
    assert ran.results["text"].str.len_chars().to_list() == [600] * 3
    assert ran.attempts["error_kind"].null_count() == 3
