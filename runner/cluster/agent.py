"""The agent: the one object of ours in a machine's dask process.

It is a dask actor. Its methods run on that process's own loop, so none of them waits for anything
but the loop; what measures runs in processes of its own.
"""

import time
from typing import NamedTuple

from .machine_facts import MachineFacts, facts_here


class ClockReading(NamedTuple):
    """Both clocks of a machine at one moment, in ns: since some start, and of the wall."""

    steady_ns: int
    wall_ns: int


class Agent:
    """Speaks for its machine."""

    async def facts(self, nonce: bytes) -> MachineFacts:
        """What the machine is, and has."""
        return facts_here(nonce)

    async def clocks(self) -> tuple[int, int]:
        """A `ClockReading`, as plain values."""
        return time.perf_counter_ns(), time.time_ns()
