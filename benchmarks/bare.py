"""Clients that send bodies and read answers, and do nothing else: what headrace is set beside.

    python benchmarks/bare.py aiohttp|httpx|sockets|transport URL JOBS COUNT CONNECTIONS

The first two are other people's; `sockets` is trio alone, and so the least that anything on trio
costs; `transport` is headrace's own, without what a run does besides. The key is in
HEADRACE_API_KEY. Prints the seconds from the first request to the last answer.
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


async def with_sockets(url: str, bodies: Iterator[bytes], connections: int) -> None:
    """Sockets on trio's loop, which neither parse nor pool: an answer is whole once as much is
    there as its first one had, and all of them are alike."""
    where = httpx.URL(url)
    lines = [f"POST {where.path} HTTP/1.1", f"host: {where.netloc.decode()}"]
    lines += [f"{name}: {value}" for name, value in HEADERS.items()]
    head = "\r\n".join(lines).encode()

    async def work() -> None:
        with trio.socket.socket() as connection:
            await connection.connect((where.host, where.port))
            size = 0
            for body in bodies:
                await connection.send(
                    b"%s\r\ncontent-length: %d\r\n\r\n%s" % (head, len(body), body)
                )
                came = await connection.recv(65536)
                assert came.startswith(b"HTTP/1.1 200")
                size = size or len(came)
                missing = size - len(came)
                while missing > 0:
                    missing -= len(await connection.recv(missing))

    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(work)


async def with_transport(url: str, bodies: Iterator[bytes], connections: int) -> None:
    """The transport that a run sends over: HTTP parsed, deadlines kept, connections pooled."""
    from headrace.runner.transport import RequestHead, TrioTransport, Wire, sender_over, whole_body

    async def work() -> None:
        for body in bodies:
            answer = await sender.send(head, body, Wire())
            assert answer.status == 200
            await whole_body(answer, most_bytes=1_000_000)
            await answer.aclose()

    async with TrioTransport() as transport, trio.open_nursery() as nursery:
        sender = sender_over(transport)
        head = RequestHead("POST", httpx.URL(url), httpx.Headers(HEADERS))
        for _ in range(connections):
            nursery.start_soon(work)


ON_TRIO = {"httpx": with_httpx, "sockets": with_sockets, "transport": with_transport}


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
        trio.run(ON_TRIO[name], url, bodies, int(connections))
    sys.stdout.write(f"{time.perf_counter() - begin}\n")


if __name__ == "__main__":
    main()
