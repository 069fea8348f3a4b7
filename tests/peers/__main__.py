"""Runs against servers that others wrote, held against their own logs: `make peers`.

    python -m tests.peers [--only NAME]

llama.cpp's server and litellm's proxy come from an environment of their own (.venv-peers), nginx
from Debian; a peer that can't be had is skipped, with a word. Exits 1 where a count differs.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import click
import polars as pl

from tests.peers.runs import CHAT, JOBS, MESSAGES, NoRunError, Ran, run
from tests.peers.servers import (
    SLOTS,
    Served,
    UnavailableError,
    gateway,
    litellm,
    llama,
    nginx,
    posts_in,
    statuses_in,
    work_in,
)

PROTOCOLS = {"chat": CHAT, "messages": MESSAGES}
MODEL = "deepseek-v4-flash"  # of the gateway


class Finding(NamedTuple):
    """One thing that was looked at: what, what it should be, and what it is."""

    case: str
    what: str
    expected: object
    found: object


Findings = Iterator[Finding]


def each_way() -> Iterator[tuple[str, str, bool]]:
    for name, url in PROTOCOLS.items():
        for stream in (False, True):
            yield f"{name}, {'streamed' if stream else 'whole'}", url, stream


def all_answered(case: str, ran: Ran, *, jobs: int = JOBS) -> Findings:
    """Every job has its text, its usage and its end, from one attempt."""
    results = ran.results
    yield Finding(case, "exit code", 0, ran.code)
    yield Finding(case, "succeeded", jobs, ran.succeeded)
    yield Finding(
        case, "with text", jobs, results.filter(pl.col("text").str.len_chars() > 0).height
    )
    ends = set(results["finish_reason"].to_list())
    yield Finding(case, "finish reasons but stop and length", set(), ends - {"stop", "length"})
    for column in ("input_tokens", "output_tokens"):
        yield Finding(case, f"with {column}", jobs, results.filter(pl.col(column) > 0).height)


def at_llama(folder: Path) -> Findings:
    with llama(folder) as served:
        before = work_in(served)
        for number, (case, url, stream) in enumerate(each_way()):
            ran = run(
                folder / f"{number}",
                served,
                *("--concurrency", f"{SLOTS}"),
                model="gemma",
                url=url,
                stream=stream,
            )
            work = work_in(served)
            yield from all_answered(case, ran)
            requests = work.requests - before.requests
            # It closes a connection after a stream without saying so: what is sent in that
            # instant is a `reset`, which it never saw.
            seen = ran.attempts.filter(pl.col("error_kind").is_null())
            yield Finding(case, "answered, and requests in its log", requests, len(seen))
            fresh = ran.summed("input_tokens") - ran.summed("cached_input_tokens")
            read = work.read_tokens - before.read_tokens
            yield Finding(case, "input not from its cache, by its log", read, fresh)
            written = work.written_tokens - before.written_tokens
            yield Finding(case, "output, by its log", written, ran.summed("output_tokens"))
            timed = ran.results["ttft_s"].is_not_null().sum()
            yield Finding(case, "with a TTFT", JOBS if stream else 0, timed)
            before = work


def at_litellm(folder: Path) -> Findings:
    with litellm(folder) as served:
        for number, (case, url, stream) in enumerate(each_way()):
            before = len(statuses_in(served))
            ran = run(folder / f"{number}", served, model="mock", url=url, stream=stream)
            yield Finding(case, "exit code", 0, ran.code)
            yield Finding(case, "succeeded", JOBS, ran.succeeded)
            texts = set(ran.results["text"].to_list())
            yield Finding(case, "texts", {"The Elbe is a river."}, texts)
            statuses = statuses_in(served)[before:]
            yield Finding(case, "attempts, and statuses in its log", [200] * JOBS, statuses)
            yield Finding(case, "attempts", JOBS, len(ran.attempts))
        for number, (model, status) in enumerate((("limited", 429), ("broken", 500))):
            case = f"its mock of a {status}"
            before = len(statuses_in(served))
            flags = ("--attempts", "2", "--concurrency", "4")
            ran = run(folder / f"mock-{number}", served, *flags, model=model, jobs=3)
            yield Finding(case, "failed", 3, len(ran.results) - ran.succeeded)
            yield Finding(case, "exit code", 1, ran.code)
            rows = ran.attempts["http_status"].to_list()
            yield Finding(case, "attempts, by its log", statuses_in(served)[before:], rows)
            yield Finding(case, "statuses", [status] * 6, rows)


def at_nginx(folder: Path) -> Findings:
    """Before a gateway, with what an operator sets: each server block alone."""
    yield from _behind(folder, "buffered", "proxy_buffering on;", each_way())
    yield from _behind(folder, "unbuffered", "proxy_buffering off;", each_way())
    yield from _limited(folder)
    yield from _cut(folder)
    yield from _going_away(folder)


def _behind(
    folder: Path, name: str, location: str, ways: Iterator[tuple[str, str, bool]]
) -> Findings:
    with ExitStack() as stack:
        served = _stand(stack, folder / name, location=location)
        seen = 0
        for number, (way, url, stream) in enumerate(ways):
            case = f"{name}, {way}"
            ran = run(folder / f"{name}-{number}", served, model=MODEL, url=url, stream=stream)
            yield from all_answered(case, ran)
            posts = posts_in(served)[seen:]
            seen += len(posts)
            yield Finding(case, "attempts, by its log", len(posts), len(ran.attempts))


def _stand(
    stack: ExitStack,
    folder: Path,
    *flags: str,
    location: str = "",
    keepalive_requests: int = 1000,
) -> Served:
    folder.mkdir()
    behind = stack.enter_context(gateway(folder, "--rpm", "none", "--tpm", "none", *flags))
    return stack.enter_context(
        nginx(folder, behind, location=location, keepalive_requests=keepalive_requests)
    )


def _limited(folder: Path) -> Findings:
    """503s between successes."""
    case, jobs = "limit_req, 20 per second", 40
    with ExitStack() as stack:
        served = _stand(stack, folder / "limited", location="limit_req zone=all burst=2 nodelay;")
        ran = run(folder / "limited-run", served, model=MODEL, jobs=jobs)
        yield from all_answered(case, ran, jobs=jobs)
        statuses = sorted(row["status"] for row in posts_in(served))
        rows = sorted(ran.attempts["http_status"].to_list())
        yield Finding(case, "attempts, by its log", statuses, rows)
        yield Finding(case, "503s were met", True, statuses.count(503) > 0)


def _cut(folder: Path) -> Findings:
    """A read timeout that is shorter than the answer takes to begin."""
    case = "proxy_read_timeout 1s, TTFT 2 s"
    with ExitStack() as stack:
        served = _stand(stack, folder / "cut", "--ttft", "2s", location="proxy_read_timeout 1s;")
        ran = run(folder / "cut-run", served, "--attempts", "2", model=MODEL, jobs=3)
        yield Finding(case, "exit code", 1, ran.code)
        rows = ran.attempts["http_status"].to_list()
        yield Finding(case, "statuses", [504] * 6, rows)
        yield Finding(case, "attempts, by its log", len(posts_in(served)), len(rows))
        yield Finding(case, "its title is told", True, "504 Gateway Time-out" in ran.said)


def _going_away(folder: Path) -> Findings:
    """GOAWAY after each tenth request on a connection, with streams open."""
    jobs = 80
    for stream in (False, True):
        case = f"HTTP/2, GOAWAY after 10 requests, {'streamed' if stream else 'whole'}"
        name = f"away-{int(stream)}"
        with ExitStack() as stack:
            served = _stand(stack, folder / name, "--ttft", "50ms", keepalive_requests=10)
            flags = ("--http2", "--concurrency", "8")
            ran = run(folder / f"{name}-run", served, *flags, model=MODEL, stream=stream, jobs=jobs)
            yield from all_answered(case, ran, jobs=jobs)
            rows = posts_in(served)
            yield Finding(case, "of HTTP/2", {"HTTP/2.0"}, {row["protocol"] for row in rows})
            connections = len({row["connection"] for row in rows})
            yield Finding(case, "several connections", True, connections >= jobs // 10)
            answered = sum(row["status"] == 200 for row in rows)
            yield Finding(case, "answered, by its log", jobs, answered)
            yield Finding(case, "taken and not answered", 0, len(rows) - answered)
            known = ran.attempts.filter(pl.col("error_kind").is_null()).height
            yield Finding(case, "answered", jobs, known)


PEERS: dict[str, Callable[[Path], Findings]] = {
    "llama.cpp": at_llama,
    "litellm": at_litellm,
    "nginx": at_nginx,
}


@click.command(help=__doc__)
@click.option("--only", type=click.Choice(sorted(PEERS)), multiple=True)
def main(only: tuple[str, ...]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="headrace-peers-"))
    click.echo(f"in {folder}")
    broken = 0
    for name, look in PEERS.items():
        if only and name not in only:
            continue
        place = folder / name
        place.mkdir()
        began_s = time.monotonic()
        checked = 0
        try:
            for finding in look(place):
                checked += 1
                if finding.expected != finding.found:
                    broken += 1
                    click.echo(
                        f"BROKEN: {name}, {finding.case}: {finding.what}: "
                        f"{finding.found!r}, not {finding.expected!r}"
                    )
        except UnavailableError as error:
            click.echo(f"{name}: skipped: {error}")
            continue
        except NoRunError as error:
            broken += 1
            click.echo(f"BROKEN: {name}, after {checked} that were looked at: {error}")
            continue
        click.echo(f"{name}: {checked} looked at, {time.monotonic() - began_s:.0f} s")
    click.echo(f"{broken} broken")
    sys.exit(int(broken > 0))


if __name__ == "__main__":
    main()
