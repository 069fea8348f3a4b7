"""Clients that send bodies and read answers, and do nothing else: what headrace is set beside.

    python benchmarks/bare.py aiohttp|httpx URL JOBS COUNT CONNECTIONS

The key is in HEADRACE_API_KEY. Prints the seconds from the first request to the last answer.
"""

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import trio

HEADERS = {
    "authorization": f"Bearer {os.environ.get('HEADRACE_API_KEY')}",
    "content-type": "application/json",
}


async def with_aiohttp(url: str, bodies: Iterator[bytes], connections: int) -> None:
    """A session with its stock connector, one task a connection."""
    import aiohttp

    async def work() -> None:
        for body in bodies:
            async with session.post(url, data=body, headers=HEADERS) as response:
                await response.read()
                assert response.status == 200

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(work() for _ in range(connections)))


async def with_httpx(url: str, bodies: Iterator[bytes], connections: int) -> None:
    """A client with its stock pool on trio, which keeps all its connections alive."""

    async def work() -> None:
        for body in bodies:
            response = await client.post(url, content=body, headers=HEADERS)
            assert response.status_code == 200

    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(limits=limits) as client, trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(work)


def main() -> None:
    """Send so many of the jobs' bodies."""
    name, url, jobs, count, connections = sys.argv[1:]
    with Path(jobs).open(encoding="utf-8") as lines:
        found = [json.dumps(json.loads(line)["body"]).encode() for line in lines]
    bodies = itertools.islice(itertools.cycle(found), int(count))
    begin = time.perf_counter()
    if name == "aiohttp":
        asyncio.run(with_aiohttp(url, bodies, int(connections)))
    else:
        trio.run(with_httpx, url, bodies, int(connections))
    sys.stdout.write(f"{time.perf_counter() - begin}\n")


if __name__ == "__main__":
    main()
