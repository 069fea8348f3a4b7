"""What attempts leave behind in memory."""

import gc
from typing import Any

import pytest
from trio.testing import MockClock

from headrace.runner.admission import InFlight
from headrace.runner.transport import Wire


@pytest.fixture
def no_collector() -> Any:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def parts_of_attempts() -> list[InFlight | Wire]:
    kinds = InFlight, Wire
    return [each for each in gc.get_objects() if type(each) in kinds]


@pytest.mark.slow
async def test_an_attempt_is_gone_with_its_end(
    bench: Any, service: Any, autojump_clock: MockClock, no_collector: Any
) -> None:
    """Not when the collector next looks for cycles, which takes time of every job."""
    service.answer = lambda seen: (
        service.error(500) if seen.number % 3 == 0 else service.fine(delay_s=0.1)
    )
    bench.write_chats(20)
    before = parts_of_attempts()  # of other tests, whose tracebacks hold them
    ran = await bench.run(service, concurrency=4)
    assert ran.outcome.succeeded == 20
    assert len(parts_of_attempts()) == len(before)
