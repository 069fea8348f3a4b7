"""Dask clusters on loopback for tests, with no port that others can reach."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any


def _options(machines: int, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "n_workers": machines,
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        "protocol": "tcp://",
        "dashboard_address": "127.0.0.1:0",
        "worker_dashboard_address": "127.0.0.1:0",
        **options,
    }


@asynccontextmanager
async def local_cluster(machines: int, *, processes: bool, **options: Any) -> AsyncIterator[str]:
    """The address of a scheduler with so many workers: in this process, or in ones of their own."""
    from distributed import LocalCluster

    given = _options(machines, options)
    async with LocalCluster(processes=processes, asynchronous=True, **given) as cluster:
        yield cluster.scheduler_address


@contextmanager
def cluster_in_thread(machines: int, **options: Any) -> Iterator[str]:
    """The same in this process, on a thread of its own, for what has a loop of its own."""
    with real_cluster(machines, processes=False, **options) as cluster:
        yield cluster.scheduler_address


@contextmanager
def real_cluster(machines: int, *, processes: bool, **options: Any) -> Iterator[Any]:
    """The cluster itself, on a thread of its own."""
    from distributed import LocalCluster

    with LocalCluster(processes=processes, **_options(machines, options)) as cluster:
        yield cluster
