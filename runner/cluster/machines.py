"""The machines of a cluster that send for a run: looked at, their workers opened, their clocks."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple, cast

import trio

from headrace.jobs import InputError, counted

from ..errors import WorkerError
from ..offload import Offload
from ..record import RunDirectory
from ..workers import Place, StreamLink, ToCoordinator, WorkerEnd
from .check import measured_offset
from .clock_offset import ClockOffset, error_between
from .dask_client import DaskCluster, Machine, MachineError, RemoteAgent
from .dask_thread import DaskThread, cluster_on, dask_thread
from .findings import of_facts, other_headrace
from .journal_mirror import JournalMirror
from .machine_facts import MachineFacts, facts_here
from .remote_link import RemoteLink
from .route import Route, RouteStream
from .worker_relay import Heard

# What a machine's processes may take to be started.
STARTED_WITHIN_S = 30.0
SHOWN = 3


class _Machine(NamedTuple):
    """A machine that has its workers: `offset` is how far its clock was off before they began."""

    place: Place
    agent: "AgentOnThread"
    mirror: JournalMirror
    route: Route
    directory: str
    offset: ClockOffset


class AgentOnThread:
    """An agent, asked from trio. Each call raises MachineError."""

    def __init__(self, thread: DaskThread, agent: RemoteAgent) -> None:
        self.remote = agent
        self._thread = thread

    async def call(self, name: str, *arguments: Any, within_s: float = 10.0) -> Any:
        """Have it do something, and return what it does."""
        return await self._thread.call(self.remote.call(name, *arguments, within_s=within_s))

    async def tell(self, worker: int, data: bytes | None) -> None:
        """Hand bytes on to a worker; None ends its link."""
        await self.call("tell", worker, data)

    async def hear(self, acked: dict[str, int], wait_s: float) -> Heard:
        """News of the workers."""
        return cast("Heard", await self.call("hear", acked, wait_s))

    async def offset(self) -> ClockOffset:
        """How far its machine's clock is from this one's."""
        measured = measured_offset(self.remote, clock=lambda reading: reading.steady_ns)
        return await self._thread.call(measured)


class ClusterMachines:
    """All machines of a cluster, each with an agent; they have been found fit."""

    def __init__(self, agents: Sequence[AgentOnThread], cores: int) -> None:
        self.cores = cores  # of the machine that has the fewest
        self._agents = agents

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._agents)

    def workers_for(self, each: int, *, auto: bool) -> int:
        """How many workers there are on all of them: so many on `each`, or where that is `auto` one
        for each core but one of the machine that has the fewest."""
        return self.count * (max(1, self.cores - 1) if auto else each)

    @asynccontextmanager
    async def workers(
        self,
        count: int,
        *,
        run: RunDirectory,
        grace_s: float,
        files: Mapping[str, bytes],
        offload: Offload,
    ) -> AsyncIterator[Sequence[WorkerEnd]]:
        """So many workers, dealt out over the machines, whose journals are mirrored into `run`.

        At the end of the block all are ended, and what each machine's clock may have been wrong by
        over the whole time is known (`Place.clock_error_s`). Raises WorkerError where a machine
        starts none.
        """
        machines: list[_Machine] = []
        try:
            for at, agent in enumerate(self._agents):
                if numbers := range(at + 1, count + 1, self.count):
                    machines.append(await _opened(agent, numbers, run, grace_s, offload))
            async with _beside([machine.route.run for machine in machines]):
                ends = {
                    number: _end(machine, stream, files)
                    for machine in machines
                    for number, stream in machine.route.streams.items()
                }
                try:
                    yield [ends[number] for number in sorted(ends)]
                finally:
                    with trio.CancelScope(shield=True):
                        for end in ends.values():
                            await end.link.aclose()
                        for end in ends.values():
                            await end.gone()
        finally:
            with trio.CancelScope(shield=True):
                for machine in machines:
                    await _close(machine)


@asynccontextmanager
async def _beside(tasks: Sequence[Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
    """Do this until the block has ended, also where it is cancelled: what ends there needs them. An
    error of the block comes out as it is, and in no group."""
    raised: Exception | None = None
    over = trio.CancelScope(shield=True)

    async def carried() -> None:
        with over:
            async with trio.open_nursery() as nursery:
                for task in tasks:
                    nursery.start_soon(task)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(carried)
        try:
            yield
        except Exception as error:
            raised = error
        finally:
            over.cancel()
    if raised is not None:
        raise raised


def _end(machine: _Machine, stream: RouteStream, files: Mapping[str, bytes]) -> WorkerEnd:
    link = RemoteLink(
        StreamLink(stream, ToCoordinator),
        directory=machine.directory,
        ahead_s=machine.offset.offset_ns / 1e9,
        files=files,
    )
    return WorkerEnd(link, partial(_gone, stream, machine.place), machine.place)


async def _gone(stream: RouteStream, place: Place) -> None:
    """Return once a worker writes no more, and all that it wrote is here or lost."""
    await stream.aclose()
    await stream.gone.wait()
    if stream.ended is None:
        place.lost = True


async def _opened(
    agent: AgentOnThread,
    numbers: Sequence[int],
    run: RunDirectory,
    grace_s: float,
    offload: Offload,
) -> _Machine:
    name = agent.remote.machine.name
    try:
        offset = await agent.offset()
        directory = await agent.call("start", list(numbers), grace_s, within_s=STARTED_WITHIN_S)
    except MachineError as error:
        what = counted(len(numbers), "worker")
        raise WorkerError(f"{what} can't be started on a machine: {error.said}") from error
    mirror = JournalMirror(run.journal, numbers)
    place = Place(name, offset.error_ns / 1e9)
    route = Route(agent, numbers, mirror, offload)
    return _Machine(place, agent, mirror, route, directory, offset)


async def _close(machine: _Machine) -> None:
    """Look at its clock again, and have its agent put everything away. A machine that is lost has
    been missed already."""
    place, agent = machine.place, machine.agent
    if machine.route.lost is not None:
        return
    try:
        ended = await agent.offset()
        place.clock_error_s = error_between(machine.offset, ended) / 1e9
        await agent.hear(dict(machine.mirror.acked), 0.0)
        await agent.call("end", within_s=STARTED_WITHIN_S)
    except MachineError:
        # It has sent all that it had, and what its clock was wrong by in the beginning is known.
        return


@asynccontextmanager
async def cluster_machines(given: str, *, nonce: bytes) -> AsyncIterator[ClusterMachines]:
    """The machines of a cluster, connected to while the block lasts; `nonce` is for this run alone.

    Raises InputError where there is no such cluster, and where a machine of it is not fit.
    """
    async with dask_thread() as thread, cluster_on(thread, given) as cluster:
        here = facts_here(nonce)
        agents, unfit, cores = [], [], []
        for machine in cluster.machines:
            try:
                agent = AgentOnThread(thread, await _agent_of(thread, cluster, machine, here))
                facts = cast("MachineFacts", await agent.call("facts", nonce))
            except MachineError as error:
                unfit.append(error.said)
                continue
            agents.append(agent)
            cores.append(facts["cores"])
            unfit += [
                f"{machine.name}: {each.said} ({each.remedy})"
                for each in of_facts(here, facts)
                if each.level == "unusable"
            ]
        if unfit:
            more = f" and {len(unfit) - SHOWN} more" if len(unfit) > SHOWN else ""
            raise InputError(
                f"the cluster can't be used as it is: {'; '.join(unfit[:SHOWN])}{more}; "
                "see headrace cluster check"
            )
        yield ClusterMachines(agents, min(cores))


async def _agent_of(
    thread: DaskThread, cluster: DaskCluster, machine: Machine, here: MachineFacts
) -> RemoteAgent:
    """An agent there, once its version is known to be this one's. Raises MachineError."""
    version = await thread.call(cluster.headrace_version(machine))
    if version != here["headrace"]:
        other = other_headrace(here, version)
        raise MachineError(f"{machine.name}: {other.said} ({other.remedy})")
    return await thread.call(cluster.agent(machine))
