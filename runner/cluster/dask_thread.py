"""An asyncio loop on a thread of its own, for dask, and how a trio task has work done there.

Neither loop ever waits for the other: what is asked is handed over, and the trio task sleeps until
it is told.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import trio

from .dask_client import DaskCluster, open_cluster

T = TypeVar("T")
# For what is still under way when the loop is ended.
ENDED_WITHIN_S = 2.0


class DaskThread:
    """The loop, while `dask_thread` is open. Belongs to the trio task that opened it, and may be
    asked by any task of the same run."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dask", daemon=True)
        self._thread.start()

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of `work`, done on that loop; its exceptions come out unchanged. A
        cancellation cancels it there, and does not wait for that."""
        done = trio.Event()
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        future.add_done_callback(partial(self._tell, done))
        try:
            await done.wait()
        except trio.Cancelled:
            future.cancel()
            raise
        return future.result()

    def _tell(self, done: trio.Event, _: object) -> None:
        with suppress(trio.RunFinishedError):  # nobody is left who would wait for it
            self._token.run_sync_soon(done.set)

    def stop(self) -> None:
        """End the loop and its thread, with whatever is still under way there."""
        asyncio.run_coroutine_threadsafe(_cancel_the_rest(), self._loop).add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._loop.stop)
        )
        self._thread.join()
        self._loop.close()


async def _cancel_the_rest() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:  # some of dask's don't heed it
        await asyncio.wait(tasks, timeout=ENDED_WITHIN_S)


@asynccontextmanager
async def dask_thread() -> AsyncIterator[DaskThread]:
    """A loop for dask while the block lasts."""
    thread = DaskThread()
    try:
        yield thread
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(thread.stop)


@asynccontextmanager
async def cluster_on(thread: DaskThread, given: str) -> AsyncIterator[DaskCluster]:
    """A cluster, connected to on that loop while the block lasts; see `open_cluster`."""
    stack = AsyncExitStack()
    cluster = await thread.call(stack.enter_async_context(open_cluster(given)))
    try:
        yield cluster
    finally:
        with trio.CancelScope(shield=True):
            await thread.call(stack.aclose())
