"""Blocking work off the loop: one seam, so that a test in virtual time can run it inline.

A thread would let trio's virtual clock leap: while it works, no task is runnable.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")
# To understand so many bytes of an answer takes up to a tenth of a second, however it is made. More
# is done in a thread: signals are heeded and others' answers read meanwhile.
LONG_BYTES = 128 * 1024
# To write down so many characters takes some hundredths of a second.
LONG_RECORD_CHARACTERS = 4 * 1024 * 1024


class Offload(Protocol):
    """Runs `work` and returns what it returns; its exceptions come out unchanged."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]: ...


async def in_thread(work: Callable[[], T]) -> T:
    """Run in a worker thread. A cancellation waits for it: half a seal is not a seal."""
    return await trio.to_thread.run_sync(work)


async def in_thread_abandoned(work: Callable[[], T]) -> T:
    """Run in a worker thread that a cancellation leaves behind: a read that may never return."""
    return await trio.to_thread.run_sync(work, abandon_on_cancel=True)
