"""A cluster's machines, asked: real dask workers, in this process."""

import asyncio
import json
from typing import Any

import pytest

from headrace.runner.cluster.agent import ClockReading, clocks_here
from headrace.runner.cluster.check import ClusterCheck, as_json, check_cluster
from headrace.runner.cluster.dask_client import DaskCluster, Machine, MachineError, RemoteAgent
from headrace.runner.cluster.machine_facts import MachineFacts, facts_here

from .dask_clusters import local_cluster

KEY = "sk-of-this-machine"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_API_KEY", KEY)


def checked(machines: int, **options: Any) -> ClusterCheck:
    async def work() -> ClusterCheck:
        async with local_cluster(machines, processes=False, **options) as address:
            return await check_cluster(address, b"nonce")

    return asyncio.run(work())


@pytest.mark.slow
def test_machines_that_are_alike_can_be_used() -> None:
    found = checked(2)
    assert found.usable
    assert [each.key for each in found.machines] == ["same", "same"]
    assert [each.headrace for each in found.machines] == [found.headrace] * 2
    assert found.cores == found.machines[0].cores  # one host, once
    for each in found.machines:
        assert each.name == each.address.removeprefix("tcp://")
        assert each.clock_error_s is not None
        assert each.clock_offset_s is not None
        # It is the same clock: what is stated as the error has to cover the offset that was found.
        assert abs(each.clock_offset_s) <= each.clock_error_s
        (shared,) = [one for one in each.findings if "clock" not in one.said]
        assert "share its cores" in shared.said


@pytest.mark.slow
def test_an_injected_offset_is_found_within_its_stated_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked of a real agent, whose machine's clock is 1.25 s ahead; that does no harm."""

    def ahead() -> ClockReading:
        here = clocks_here()
        return here._replace(wall_ns=here.wall_ns + 1_250_000_000)

    monkeypatch.setattr("headrace.runner.cluster.agent.clocks_here", ahead)
    found = checked(1)
    (machine,) = found.machines
    assert found.usable
    assert machine.clock_offset_s is not None
    assert machine.clock_error_s is not None
    assert abs(machine.clock_offset_s - 1.25) <= machine.clock_error_s < 0.2


@pytest.mark.slow
def test_the_key_is_in_nothing_that_is_told() -> None:
    assert KEY not in as_json(checked(1)).decode()
    assert json.loads(as_json(checked(1)))["schema_version"] == 1


@pytest.mark.slow
def test_a_machine_with_another_key_or_none_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:

    def with_another_key(nonce: bytes) -> MachineFacts:
        return facts_here(nonce, {"HEADRACE_API_KEY": "sk-another"})

    monkeypatch.setattr("headrace.runner.cluster.check.facts_here", with_another_key)
    found = checked(1)
    assert not found.usable
    assert found.machines[0].key == "other"
    monkeypatch.delenv("HEADRACE_API_KEY")
    assert checked(1).machines[0].key == "none"


@pytest.mark.parametrize("there", ["0.1.0", None])
def test_of_another_version_nothing_else_is_asked(
    monkeypatch: pytest.MonkeyPatch, there: str | None
) -> None:
    """What our own code does there is not known."""

    async def other(*_: object) -> str | None:
        return there

    monkeypatch.setattr(DaskCluster, "headrace_version", other)
    monkeypatch.delattr(DaskCluster, "agent")
    (machine,) = checked(1).machines
    assert (machine.headrace, machine.usable, machine.key) == (there, False, None)
    assert [each.level for each in machine.findings] == ["unusable"]


@pytest.mark.slow
def test_a_machine_that_can_not_be_asked_is_a_finding_and_the_others_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent, calls = DaskCluster.agent, []

    async def of_the_second(self: DaskCluster, machine: Machine) -> RemoteAgent:
        calls.append(machine)
        if len(calls) == 1:
            raise MachineError(f"{machine.name} failed: OSError: gone")
        return await agent(self, machine)

    monkeypatch.setattr(DaskCluster, "agent", of_the_second)
    found = checked(2)
    assert [each.usable for each in found.machines] == [False, True]
    assert found.machines[0].findings[0].said.endswith("failed: OSError: gone")
    assert not found.usable
