"""How long answers take, and the pace of their streams."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import trio

from headrace.gateway.draws import SeededDraws, digest
from headrace.gateway.latency import Latency, parse_time
from headrace.gateway.lateness import Lateness

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
PATH = "/v1/chat/completions"


async def test_a_stream_keeps_its_pace_exactly(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    gateway = gateway_of(ttft_s=0.5, itl_s=0.25, output_tokens=5)
    client = await connect(gateway)
    await trio.sleep(3)
    response = await client.post(PATH, chat(stream=True))
    assert response.head_at == 3.0
    assert response.event_times() == [3.5, 3.75, 4.0, 4.25, 4.5]
    assert response.ended_at == 4.5
    [row] = gateway.log_rows
    assert (row.arrival_s, row.first_byte_s, row.first_token_s, row.end_s) == (3.0, 3.0, 3.5, 4.5)
    assert row.output_events == 5


async def test_a_whole_answer_takes_as_long_as_its_stream(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    gateway = gateway_of(ttft_s=0.5, itl_s=0.25, output_tokens=5)
    client = await connect(gateway)
    response = await client.post(PATH, chat())
    assert (response.head_at, response.ended_at) == (1.5, 1.5)
    [row] = gateway.log_rows
    assert (row.arrival_s, row.first_byte_s, row.first_token_s, row.end_s) == (0.0, 1.5, None, 1.5)


async def test_a_model_can_have_its_own_latency(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    client = await connect(gateway_of(ttft_s=0.5, latency={"gpt-image-2": Latency(8.0)}))
    image = {"model": "gpt-image-2", "prompt": "a mill"}
    assert (await client.post("/v1/images/generations", image)).ended_at == 8.0
    assert (await client.post(PATH, chat())).ended_at == 8.5


async def test_drawn_times_depend_on_the_request_and_not_on_the_order(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    bodies = [chat(stream=True) for _ in range(20)]

    async def gaps(order: list[dict[str, Any]]) -> dict[str, list[float]]:
        gateway = gateway_of(
            ttft_s=parse_time("ttft", "uniform:1s:2s"),
            itl_s=parse_time("itl", "exponential:1s"),
            output_tokens=5,
        )
        client = await connect(gateway)
        found = {}
        for body in order:
            began = trio.current_time()
            response = await client.post(PATH, body)
            times = [round(at - began, 6) for at in response.event_times()]
            assert 1.0 <= times[0] < 2.0
            assert times == sorted(times)
            found[body["messages"][0]["content"]] = times
        return found

    first = await gaps(bodies)
    assert await gaps(bodies[::-1]) == first
    assert len({tuple(times) for times in first.values()}) == 20
    means = [(times[-1] - times[0]) / 4 for times in first.values()]
    # 80 gaps of mean 1 s: 5 standard deviations of their mean are 0.56 s.
    assert 0.44 < sum(means) / 20 < 1.56


@pytest.mark.parametrize(
    ("text", "median_s", "low_s", "high_s"),
    [
        ("250ms", 0.25, 0.25, 0.25),
        ("uniform:100ms:500ms", 0.3, 0.1, 0.5),
        ("exponential:1s", 0.693, 0.0, 30.0),
        ("lognormal:300ms:0.5", 0.3, 0.02, 5.0),
    ],
)
def test_distributions_have_their_median_and_range(
    text: str, median_s: float, low_s: float, high_s: float
) -> None:
    latency = Latency(parse_time("ttft", text))
    drawn = sorted(
        latency.pace(1, SeededDraws(digest(0, b"%d" % index))).due_s(0) for index in range(4001)
    )
    assert low_s <= drawn[0] <= drawn[-1] <= high_s
    assert drawn[2000] == pytest.approx(median_s, rel=0.1)


async def test_beyond_its_capacity_requests_queue_in_order(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    gateway = gateway_of(capacity=2, ttft_s=1.0, output_tokens=1)
    ended = []

    async def ask(number: int) -> None:
        client = await connect(gateway)
        await trio.sleep(number / 100)
        response = await client.post(PATH, chat())
        ended.append((number, response.ended_at))

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(ask, number)
    assert ended == [(0, 1.0), (1, 1.01), (2, 2.0), (3, 2.01), (4, 3.0)]


def test_lateness_is_a_histogram_within_a_quarter() -> None:
    late = Lateness()
    assert late.quantile_s(0.99) == 0.0
    for index in range(1000):
        late.add(index / 1_000_000)
    assert late.count == 1000
    assert late.worst_s == 0.000999
    assert 0.0005 <= late.quantile_s(0.5) <= 0.000625
    assert late.quantile_s(1.0) == 0.000999
    late.add(1e6)
    assert late.quantile_s(1.0) == 1e6
    for late_s in (0.00011, 0.0021, 0.0333, 0.5, 1.7, 40.0):
        late = Lateness()
        for each_s in (late_s, late_s, 1e6):
            late.add(each_s)
        assert late_s <= late.quantile_s(0.5) <= 1.25 * late_s
