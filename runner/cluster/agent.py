"""The agent: the one object of ours in a machine's dask process.

It is a dask actor. Its methods run on that process's own loop, so none of them holds it up; what
measures runs in processes of its own (`worker_relay`). It ends with the client that made it: dask
lets go of it then, and where that fails, silence tells.
"""

import asyncio
import time
import weakref
from collections.abc import Sequence
from typing import NamedTuple

from ..machine_limits import check_memory_for
from ..worker_command import WORKER_COMMAND
from .machine_facts import MachineFacts, facts_here
from .worker_relay import Heard, WorkerRelay

# A coordinator that is there is heard of several times per second.
SILENCE_S = 30.0


class ClockReading(NamedTuple):
    """Both clocks of a machine at one moment, in ns: since some start, and of the wall."""

    steady_ns: int
    wall_ns: int


def clocks_here() -> ClockReading:
    """This machine's own clocks, which no other can stand in for: how far two machines' differ is
    what is measured by them."""
    return ClockReading(time.perf_counter_ns(), time.time_ns())


class Agent:
    """Speaks for its machine, and relays its workers."""

    def __init__(self) -> None:
        self._relay: WorkerRelay | None = None
        self._watch: asyncio.Task[None] | None = None
        self._heard_s = 0.0

    async def facts(self, nonce: bytes) -> MachineFacts:
        """What the machine is, and has."""
        return facts_here(nonce)

    async def clocks(self) -> tuple[int, int]:
        """A `ClockReading`, as plain values."""
        steady_ns, wall_ns = clocks_here()
        return steady_ns, wall_ns

    async def start(
        self,
        numbers: Sequence[int],
        grace_s: float,
        silence_s: float = SILENCE_S,
        command: Sequence[str] | None = None,
    ) -> str:
        """Start workers of these numbers; the directory that they write to. Raises OSError, and
        InputError where there is no memory for them.

        They are ended, with `grace_s` seconds for what is in flight, once nobody asks for news for
        `silence_s` seconds.
        """
        check_memory_for(len(numbers))
        relay = self._relay = WorkerRelay(command=command or WORKER_COMMAND, grace_s=grace_s)
        # The watch must not keep this object from being let go of.
        weakref.finalize(self, relay.abandon)
        self._heard_s = _now_s()
        watch = self._watch = asyncio.ensure_future(_watch(weakref.ref(self), relay, silence_s))
        watch.add_done_callback(_watches.discard)
        _watches.add(watch)
        relay.start(numbers)
        return str(relay.directory)

    async def tell(self, worker: int, data: bytes | None) -> None:
        """Hand bytes on to a worker; None ends its link."""
        assert self._relay is not None
        if data is None:
            self._relay.close(worker)
        else:
            await self._relay.tell(worker, data)

    async def hear(self, acked: dict[str, int], wait_s: float) -> Heard:
        """News of the workers; see `WorkerRelay.hear`."""
        assert self._relay is not None
        self._heard_s = _now_s()
        return await self._relay.hear(acked, wait_s)

    async def end(self) -> None:
        """End the workers, and return once they are gone."""
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.end()
        if self._watch is not None:
            self._watch.cancel()

    def silent_s(self) -> float:
        """For how long nobody has asked for news."""
        return _now_s() - self._heard_s


# asyncio itself holds tasks only weakly, and these outlast their agents.
_watches: set[asyncio.Task[None]] = set()


def _now_s() -> float:
    """On the clock of dask's loop, by which `_watch` sleeps: there is no run's clock here."""
    return asyncio.get_running_loop().time()


async def _watch(agent: "weakref.ref[Agent]", relay: WorkerRelay, silence_s: float) -> None:
    """End the workers of a coordinator that is gone."""
    while True:
        await asyncio.sleep(silence_s / 4)
        here = agent()
        if here is None or here.silent_s() > silence_s:
            await relay.end()
            return
        del here
