from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

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
