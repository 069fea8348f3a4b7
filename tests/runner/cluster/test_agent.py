"""The agent of a machine: its workers end with the coordinator, however that ends."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.runner.cluster import agent as agent_module
from headrace.runner.cluster.agent import Agent

from .test_worker_relay import ECHO


def with_an_agent(work: Callable[[list[Agent]], Awaitable[str]]) -> Path:
    """Do this with an agent, which the work may let go of by taking it out of the list; returns
    once the workers are ended, where the work says that they wrote."""

    async def all_of_it() -> Path:
        directory = await work([Agent()])
        watches = asyncio.gather(*agent_module._watches, return_exceptions=True)
        await asyncio.wait_for(watches, 20)
        return Path(directory)

    return asyncio.run(all_of_it())


def test_it_relays_until_it_is_ended() -> None:
    async def work(agents: list[Agent]) -> str:
        (agent,) = agents
        directory = await agent.start([1], 5.0, 60.0, ECHO)
        await agent.tell(1, b"hello\n")
        assert (await agent.hear({}, 10.0)).said == [(1, b"hello\n")]
        await agent.tell(1, None)
        assert [each.exit_code for each in (await agent.hear({}, 10.0)).ended] == [0]
        await agent.end()
        await agent.end()
        return directory

    assert not with_an_agent(work).exists()


def test_the_workers_of_a_coordinator_that_is_silent_are_ended() -> None:
    async def work(agents: list[Agent]) -> str:
        kept.extend(agents)
        return await agents[0].start([1, 2], 5.0, 0.05, ECHO)

    kept: list[Agent] = []
    assert not with_an_agent(work).exists()
    assert len(kept) == 1


@pytest.mark.slow
def test_the_workers_of_an_agent_that_is_let_go_of_are_ended() -> None:
    """As dask does when its client is gone."""

    async def work(agents: list[Agent]) -> str:
        directory = await agents[0].start([1], 5.0, 0.2, ECHO)
        agents.clear()
        gc.collect()
        return directory

    assert not with_an_agent(work).exists()


def test_to_ask_for_news_is_to_be_there() -> None:
    async def work(agents: list[Agent]) -> str:
        (agent,) = agents
        directory = await agent.start([1], 5.0, 60.0, ECHO)
        agent._heard_s -= 50
        silent.append(agent.silent_s())
        await agent.hear({}, 0)
        silent.append(agent.silent_s())
        await agent.end()
        return directory

    silent: list[float] = []
    assert not with_an_agent(work).exists()
    assert silent[0] >= 50 > silent[1]


def test_more_workers_than_a_machine_has_memory_for_are_refused_there() -> None:
    async def work() -> None:
        await Agent().start(range(1, 1_000_000), 1.0, command=ECHO)

    with pytest.raises(InputError, match="GB of memory, and"):
        asyncio.run(work())
