"""Work on dask's loop, asked for by trio: neither waits for the other's loop."""

import asyncio
import threading

import pytest
import trio

from headrace.jobs import InputError
from headrace.runner.cluster.dask_thread import cluster_on, dask_thread

from .dask_clusters import cluster_in_thread


async def test_what_is_done_there_comes_back_with_its_errors() -> None:
    async def where() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    async def fail() -> None:
        raise KeyError("theirs")

    async with dask_thread() as thread:
        assert await thread.call(where()) == "dask"
        with pytest.raises(KeyError, match="theirs"):
            await thread.call(fail())


async def test_trio_goes_on_meanwhile_and_a_cancellation_reaches_the_other_loop() -> None:
    cancelled = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            token.run_sync_soon(cancelled.set)

    async with dask_thread() as thread:
        with trio.move_on_after(0.02) as scope:
            await thread.call(for_ever())
        assert scope.cancelled_caught
        await cancelled.wait()


async def test_what_is_still_under_way_ends_with_the_thread() -> None:
    ended = threading.Event()

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with dask_thread() as thread, trio.open_nursery() as nursery:
        nursery.start_soon(thread.call, for_ever())
        await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert ended.is_set()
    assert not any(each.name == "dask" for each in threading.enumerate())


async def test_a_cluster_is_opened_there_and_what_can_not_be_is_said() -> None:
    async with dask_thread() as thread:
        with pytest.raises(InputError, match="is not encrypted"):
            async with cluster_on(thread, "tcp://10.0.0.1:1"):
                pass
        with cluster_in_thread(1) as address:
            async with cluster_on(thread, address) as cluster:
                (machine,) = cluster.machines
                agent = await thread.call(cluster.agent(machine))
                steady_ns, _ = await thread.call(agent.call("clocks"))
    assert steady_ns > 0
