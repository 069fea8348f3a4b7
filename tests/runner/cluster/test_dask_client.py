"""The edge to dask: whatever goes wrong there is one clear line here."""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from headrace.jobs import InputError
from headrace.runner.cluster import dask_client
from headrace.runner.cluster.dask_client import (
    DaskCluster,
    Machine,
    MachineError,
    open_cluster,
)

from .dask_clusters import local_cluster

TLS = "distributed.comm.tls"


def opened(given: str, **options: Any) -> DaskCluster:
    async def work() -> DaskCluster:
        async with open_cluster(given, **options) as cluster:
            return cluster

    return asyncio.run(work())


def on_a_cluster(
    work: Callable[[DaskCluster], Awaitable[None]], machines: int = 1, **options: Any
) -> None:
    async def all_of_it() -> None:
        async with (
            local_cluster(machines, processes=False, **options) as address,
            open_cluster(address) as cluster,
        ):
            await work(cluster)

    asyncio.run(all_of_it())


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_waited_for_no_longer_than_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="no dask scheduler can be spoken to at tcp://") as it:
            opened(f"tcp://127.0.0.1:{port}", connect_within_s=0.1)
    assert "\n" not in it.value.said
    assert it.value.exit_code == 2


def test_a_cluster_without_machines_is_one_line() -> None:
    async def work() -> None:
        async with local_cluster(0, processes=False) as address, open_cluster(address):
            pass

    with pytest.raises(InputError, match="has no machines; start a dask worker on each: dask wor"):
        asyncio.run(work())


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'headrace\[cluster\]'"):
        opened("tcp://127.0.0.1:1")


def test_tls_without_certificates_says_which_are_missing(tmp_path: Path) -> None:
    import dask

    with (
        dask.config.set({f"{TLS}.ca-file": str(tmp_path / "ca"), f"{TLS}.client.cert": "c"}),
        pytest.raises(InputError, match=r"no client\.key in distributed\.comm\.tls"),
    ):
        opened("tls://127.0.0.1:1")
    with pytest.raises(InputError, match=r"has no ca-file and no client\.cert and no client\.key"):
        opened("tls://127.0.0.1:1")


@pytest.mark.parametrize("clear", ["scheduler", "worker"])
def test_a_cluster_that_others_can_hear_is_refused_though_reached_on_loopback(clear: str) -> None:
    """By an SSH tunnel, say: what the machines tell each other is not in it."""
    addresses = {"scheduler": "tcp://127.0.0.1:8786", "worker": "tls://10.0.0.3:1"}
    addresses[clear] = "tcp://10.0.0.9:8786"

    async def identity(**_: int) -> dict[str, Any]:
        workers = {addresses["worker"]: {"name": 0}}
        return {"address": addresses["scheduler"], "workers": workers}

    client = cast(Any, SimpleNamespace(scheduler=SimpleNamespace(identity=identity)))
    with pytest.raises(InputError, match=r"tcp://10\.0\.0\.9:8786 is not encrypted"):
        asyncio.run(dask_client._machines(client, "tcp://127.0.0.1:8786", 1))


def test_machines_are_called_by_their_names_where_they_have_some() -> None:
    assert dask_client._name("tls://10.0.0.3:41", "rack-7") == "rack-7"
    assert dask_client._name("tls://10.0.0.3:41", "tls://10.0.0.3:41") == "10.0.0.3:41"
    assert dask_client._name("tls://10.0.0.3:41", 0) == "10.0.0.3:41"
    assert dask_client._name("tls://10.0.0.3:41", "12") == "10.0.0.3:41"


def test_a_machine_that_is_busy_with_other_work_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An actor begins where a thread is free, and dask's tasks may hold all of them for hours."""
    monkeypatch.setattr(dask_client, "ANSWER_WITHIN_S", 0.05)
    waiting, release = os.pipe()

    async def work(cluster: DaskCluster) -> None:
        task = cluster._client.submit(os.read, waiting, 1, pure=False)
        try:
            with pytest.raises(MachineError, match=r"did not answer within 0\.05 s.*other work"):
                await cluster.agent(cluster.machines[0])
        finally:
            os.write(release, b"x")
        assert await task == b"x"

    on_a_cluster(work)
    assert os.write(release, b"y")  # still whole: the task has read the first byte alone
    assert os.read(waiting, 2) == b"y"
    os.close(waiting)
    os.close(release)


def test_what_a_machine_raises_is_one_line_with_its_name() -> None:
    async def run(*_: object, **__: object) -> dict[str, Exception]:
        return {"tls://b:1": OSError("the pipe\nis broken")}

    cluster = DaskCluster(cast(Any, SimpleNamespace(run=run)), [])
    with pytest.raises(MachineError) as it:
        asyncio.run(cluster.headrace_version(Machine("b", "tls://b:1")))
    assert it.value.said == "b can't be asked: OSError: the pipe"


def test_machines_out_of_reach_are_spoken_to_through_the_scheduler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def not_reached(*_: object) -> bool:
        return False

    monkeypatch.setattr(dask_client, "_reached_directly", not_reached)
    ways = []

    async def work(cluster: DaskCluster) -> None:
        agent = await cluster.agent(cluster.machines[0])
        ways.append((cluster._client.direct_to_workers, len(await agent.call("clocks"))))

    on_a_cluster(work)
    assert ways == [(False, 2)]


def test_whether_a_machine_can_be_reached_directly_is_tried() -> None:
    async def refuse(**_: object) -> None:
        raise OSError("unreachable")

    def client_of(identity: Callable[..., Awaitable[Any]]) -> Any:
        return SimpleNamespace(rpc=lambda _: SimpleNamespace(identity=identity))

    async def answer(**_: object) -> dict[str, str]:
        return {}

    machines = [Machine("a", "tls://a:1")]
    assert not asyncio.run(dask_client._reached_directly(client_of(refuse), machines))
    assert asyncio.run(dask_client._reached_directly(client_of(answer), machines))
