"""The request log: its rows, its moments and its file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from headrace.gateway import Config, Gateway, LogFile, LogRow

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
PATH = "/v1/chat/completions"


async def test_each_line_is_one_request_with_the_dates_of_its_seconds(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object, tmp_path: Path
) -> None:
    gateway = gateway_of(ttft_s=0.5, itl_s=0.25, output_tokens=3)
    path = tmp_path / "server.jsonl"
    with LogFile(path, gateway.clock) as log:
        gateway.log_to(log.write)
        client = await connect(gateway)
        await trio.sleep(2)
        response = await client.post(PATH, chat("hey", stream=True))
        await client.request("GET", "/v1/balance")
        await client.post(PATH, {})
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[0] == {
        "request_id": response.headers["x-request-id"],
        "connection": 1,
        "method": "POST",
        "path": PATH,
        "arrival_s": 2.0,
        "first_byte_s": 2.0,
        "first_token_s": 2.5,
        "end_s": 3.0,
        "arrival": "2026-06-09T08:30:22Z",
        "first_byte": "2026-06-09T08:30:22Z",
        "first_token": "2026-06-09T08:30:22.500000Z",
        "end": "2026-06-09T08:30:23Z",
        "status": 200,
        "key": gateway.keys[0].id,
        "model": "deepseek-v4-flash",
        "stream": True,
        "input_tokens": 7,
        "cached_input_tokens": 0,
        "output_tokens": 3,
        "output_events": 3,
        "images": 0,
        "charge": "0.000013",
        "fault": None,
        "error_code": None,
        "disconnected": False,
        "headers": None,
        "chunks": None,
    }
    assert [(row["method"], row["status"]) for row in rows[1:]] == [("GET", 200), ("POST", 400)]
    assert rows[2]["error_code"] == "INVALID_PARAMS"


async def test_headers_and_chunks_are_logged_where_asked_for(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    gateway = gateway_of(
        itl_s=0.5, output_tokens=3, log_headers=("X-Trace", "X-Absent"), log_chunks=True
    )
    client = await connect(gateway)
    client.headers["x-trace"] = "t1"
    await trio.sleep(7)
    await client.post(PATH, chat(stream=True))
    [row] = gateway.log_rows
    assert row.headers == {"x-trace": "t1"}
    assert row.chunks == [(7.0, 7.0), (7.5, 7.5), (8.0, 8.0)]


async def test_the_seconds_of_a_row_and_its_chunks_count_from_the_gateways_start(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    await trio.sleep(100)
    gateway = gateway_of(itl_s=0.5, output_tokens=2, log_chunks=True)
    client = await connect(gateway)
    await trio.sleep(1)
    await client.post(PATH, chat(stream=True))
    [row] = gateway.log_rows
    assert (row.arrival_s, row.first_byte_s, row.first_token_s, row.end_s) == (1.0, 1.0, 1.0, 1.5)
    assert row.chunks == [(1.0, 1.0), (1.5, 1.5)]


async def test_who_has_an_answer_finds_its_row(connect: "Connect", chat: Bodies) -> None:
    rows: list[LogRow] = []
    client = await connect(Gateway(Config(), log=rows.append))
    for number in range(1, 20):
        response = await client.post(PATH, chat(stream=number % 2 == 0))
        assert rows[-1].request_id == response.headers["x-request-id"]
        assert len(rows) == number
    assert len({row.request_id for row in rows}) == 19


async def test_connections_and_requests_have_numbers_and_ids_of_their_own(
    gateway_of: Any, connect: "Connect"
) -> None:
    gateway = gateway_of()
    for _ in range(3):
        client = await connect(gateway)
        for _ in range(2):
            await client.request("GET", "/v1/balance")
    assert [row.connection for row in gateway.log_rows] == [1, 1, 2, 2, 3, 3]
    assert len({row.request_id for row in gateway.log_rows}) == 6
