"""The edge to dask: the only file that knows it. What it raises leaves as errors of ours.

All of it runs on an asyncio loop; `runner.cluster.dask_thread` has one beside trio's.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from headrace.jobs import HeadraceError, InputError

from .address import cluster_address, refuse_in_the_clear
from .agent import Agent

if TYPE_CHECKING:
    from distributed import Client

# For the scheduler to answer, and for a machine to.
CONNECT_WITHIN_S = 10.0
ANSWER_WITHIN_S = 10.0
# For a machine to be reached without the scheduler in between, which is only a shorter way.
DIRECT_WITHIN_S = 2.0
# For what is open between here and the scheduler to be closed in good order.
CLOSED_WITHIN_S = 5.0
EXTRA = "pip install 'headrace[cluster]'"

T = TypeVar("T")


class MachineError(HeadraceError):
    """A machine of a cluster can't be spoken to, or does not do what it was asked."""


class Machine(NamedTuple):
    """A dask worker: headrace takes each for a machine. `name` is as people know it."""

    name: str
    address: str


class RemoteAgent:
    """The agent of one machine. Each call raises MachineError where the machine is gone, or where
    it doesn't answer in time."""

    def __init__(self, machine: Machine, actor: Any) -> None:
        self.machine = machine
        self._actor = actor

    async def call(self, name: str, *arguments: Any, within_s: float = ANSWER_WITHIN_S) -> Any:
        """Have the agent do this, and return what it does."""
        method = getattr(self._actor, name)
        return await _answered(self.machine, method(*arguments), within_s)


class DaskCluster:
    """A scheduler that has answered, and its machines."""

    def __init__(self, client: "Client", machines: list[Machine]) -> None:
        self.machines = machines
        self._client = client

    async def headrace_version(self, machine: Machine) -> str | None:
        """The version of headrace there, None of none; asks nothing of headrace itself. Raises
        MachineError."""
        done = self._client.run(version, "headrace", workers=[machine.address], on_error="return")
        found = (await _answered(machine, done, ANSWER_WITHIN_S)).get(machine.address)
        if isinstance(found, PackageNotFoundError):
            return None
        if not isinstance(found, str):
            raise MachineError(f"{machine.name} can't be asked: {_words(found)}")
        return found

    async def agent(self, machine: Machine) -> RemoteAgent:
        """An agent there; it ends with this client. Raises MachineError."""
        future = self._client.submit(
            Agent,
            actor=True,
            pure=False,
            workers=[machine.address],
            allow_other_workers=False,
            retries=0,
        )
        return RemoteAgent(machine, await _answered(machine, future, ANSWER_WITHIN_S))


async def _answered(machine: Machine, work: Awaitable[T], within_s: float) -> T:
    """What comes of it. Whatever the machine, the scheduler or dask raise is a MachineError."""
    try:
        return await asyncio.wait_for(work, within_s)
    except TimeoutError as error:
        raise MachineError(
            f"{machine.name} did not answer within {within_s:g} s: it is stopped, cut off, or busy "
            "with other work of dask's"
        ) from error
    except Exception as error:
        raise MachineError(f"{machine.name} failed: {_words(error)}") from error


@asynccontextmanager
async def open_cluster(
    given: str, *, connect_within_s: float = CONNECT_WITHIN_S
) -> AsyncIterator[DaskCluster]:
    """A cluster by its address or scheduler file, connected to while the block lasts.

    Raises InputError for an address that can't be used, without the extra, where no scheduler
    answers in time, and where the scheduler has no machines.
    """
    address = cluster_address(given)
    client_of = _client_class()
    if address.startswith("tls://"):
        _check_certificates()
    try:
        client = await client_of(
            address, asynchronous=True, timeout=connect_within_s, direct_to_workers=True
        )
    except Exception as error:  # OSError, TimeoutError, TypeError of TLS that isn't set up, ...
        raise InputError(
            f"no dask scheduler can be spoken to at {address}: {_words(error)}"
        ) from error
    try:
        yield DaskCluster(client, await _machines(client, address, connect_within_s))
    finally:
        await _closed(client)


def _client_class() -> Callable[..., Any]:
    if sys.modules.get("tornado", sys) is None:
        del sys.modules["tornado"]  # left out for all other commands: see runner/main.py
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(f"--cluster needs an extra that is not installed: {EXTRA}") from error
    # What goes wrong is told by the errors; dask's own lines, with tracebacks, are not for people.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    client: Callable[..., Any] = Client
    return client


def _check_certificates() -> None:
    """What dask says without them speaks of types."""
    import dask

    names = ("ca-file", "client.cert", "client.key")
    missing = [name for name in names if not dask.config.get(f"distributed.comm.tls.{name}", None)]
    if missing:
        variables = "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ...CLIENT__CERT and ...CLIENT__KEY"
        raise InputError(
            f"tls:// wants certificates, and dask's configuration has no {' and no '.join(missing)}"
            f" in distributed.comm.tls; set it there, or by {variables}"
        )


async def _machines(client: "Client", address: str, within_s: float) -> list[Machine]:
    try:
        identity = await asyncio.wait_for(client.scheduler.identity(n_workers=-1), within_s)
    except Exception as error:
        raise InputError(f"the scheduler at {address} is gone: {_words(error)}") from error
    workers = identity["workers"]
    # One that came by an SSH tunnel to loopback may still be heard elsewhere.
    refuse_in_the_clear([identity["address"], *workers])
    machines = [Machine(_name(at, facts["name"]), at) for at, facts in sorted(workers.items())]
    if not machines:
        raise InputError(
            f"the scheduler at {address} has no machines; start a dask worker on each: "
            f"dask worker {address}"
        )
    if not await _reached_directly(client, machines):
        client.direct_to_workers = False
    return machines


async def _reached_directly(client: "Client", machines: list[Machine]) -> bool:
    """Whether each machine can be spoken to without the scheduler in between."""
    try:
        for machine in machines:
            await asyncio.wait_for(client.rpc(machine.address).identity(), DIRECT_WITHIN_S)
    except Exception:  # whatever it is, the scheduler's way remains, and says what is wrong
        return False
    return True


async def _closed(client: "Client") -> None:
    """Close it, without a scheduler too; one that doesn't get done with that is left as it is."""
    closing = asyncio.ensure_future(client.close(timeout=2))
    await asyncio.wait({closing}, timeout=CLOSED_WITHIN_S)
    if closing.done():
        with suppress(OSError, TimeoutError):  # the scheduler went first
            closing.result()


def _name(address: str, name: object) -> str:
    """A name that was given, else where it is; dask's own numbers are names to nobody."""
    if isinstance(name, str) and name != address and not name.isdigit():
        return name
    return address.rpartition("://")[2]


def _words(error: object) -> str:
    """The first line of what was raised, in words."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
