"""The cluster that a run was told to send from, or none."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .machines import ClusterMachines


@asynccontextmanager
async def machines_of(cluster: str | None) -> AsyncIterator["ClusterMachines | None"]:
    """The machines of a cluster while the block lasts (`cluster_machines`); None without one, and
    then nothing of dask is loaded."""
    if cluster is None:
        yield None
        return
    from .machines import cluster_machines

    async with cluster_machines(cluster, nonce=secrets.token_bytes(32)) as machines:
        yield machines
