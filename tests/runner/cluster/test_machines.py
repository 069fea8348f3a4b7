"""A cluster's machines and their workers: real dask workers in this process, real processes."""

from pathlib import Path
from typing import Any, cast

import pytest
import trio

from headrace.jobs import InputError
from headrace.runner.cluster import agent, cluster_machines
from headrace.runner.cluster.dask_client import DaskCluster
from headrace.runner.cluster.machine_facts import MachineFacts, facts_here
from headrace.runner.errors import WorkerError
from headrace.runner.record import RunDirectory
from headrace.runner.workers import Go, LinkLostError, NoMore

from ..conftest import at_once
from .dask_clusters import cluster_in_thread
from .test_worker_relay import ECHO

# Its bytes are line ends, where the worker of these tests looks for an order.
WITH_A_LINE_END_S = 3.2549019607843137
ALIKE = facts_here(b"nonce", {"HEADRACE_API_KEY": "sk-here"})


class OnlyADirectory:
    """What the machines' workers need of a run."""

    def __init__(self, path: Path) -> None:
        self.journal = path


@pytest.fixture(autouse=True)
def _echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "WORKER_COMMAND", ECHO)
    monkeypatch.setenv("HEADRACE_API_KEY", "sk-here")


def opened(machines: Any, count: int, folder: Path) -> Any:
    run = cast(RunDirectory, OnlyADirectory(folder))
    return machines.workers(count, run=run, grace_s=1.0, files={}, offload=at_once)


@pytest.mark.slow
async def test_workers_are_dealt_out_over_the_machines_and_end_with_the_block(
    tmp_path: Path,
) -> None:
    with cluster_in_thread(2) as address:
        async with cluster_machines(address, nonce=b"n") as machines:
            assert (machines.count, machines.cores) == (2, ALIKE["cores"])
            async with opened(machines, 3, tmp_path) as ends:
                places = [end.place for end in ends]
                assert places[0] is places[2]
                assert places[0] is not places[1]
                began_s = [place.clock_error_s for place in places]
                # It understands neither, and so it is gone, or says what no worker says.
                await ends[1].link.send(NoMore())
                await ends[1].link.send(Go(start_s=WITH_A_LINE_END_S))
                with pytest.raises(LinkLostError):
                    await ends[1].link.receive()
            for end in ends:
                await end.gone()
            assert 0 < began_s[0] <= places[0].clock_error_s


@pytest.mark.slow
async def test_an_error_of_the_block_comes_out_as_it_is(tmp_path: Path) -> None:
    with cluster_in_thread(1) as address:
        async with cluster_machines(address, nonce=b"n") as machines:
            with pytest.raises(KeyError, match="of the block"):
                async with opened(machines, 1, tmp_path):
                    raise KeyError("of the block")
            with trio.move_on_after(0.2) as scope:
                async with opened(machines, 1, tmp_path):
                    await trio.sleep_forever()
    assert scope.cancelled_caught


@pytest.mark.slow
async def test_a_machine_that_starts_no_worker_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "WORKER_COMMAND", ("/no/such/program",))
    with cluster_in_thread(1) as address:
        async with cluster_machines(address, nonce=b"n") as machines:
            with pytest.raises(WorkerError, match="1 worker can't be started on a machine: 127"):
                async with opened(machines, 1, tmp_path):
                    pass


async def test_machines_that_are_not_fit_are_named_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def with_another_key(nonce: bytes) -> MachineFacts:
        return facts_here(nonce, {"HEADRACE_API_KEY": "sk-another"})

    async def of_old(*_: object) -> str:
        return "0.1.0"

    with cluster_in_thread(5) as address:
        monkeypatch.setattr("headrace.runner.cluster.machines.facts_here", with_another_key)
        with pytest.raises(InputError, match=r"another key than here.*and 2 more; see headrace cl"):
            async with cluster_machines(address, nonce=b"n"):
                pass
        monkeypatch.setattr(DaskCluster, "headrace_version", of_old)
        with pytest.raises(InputError, match=r"headrace 0\.1\.0.*pip install 'headrace\[cluster"):
            async with cluster_machines(address, nonce=b"n"):
                pass
