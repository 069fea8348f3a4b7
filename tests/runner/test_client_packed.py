"""Answers that are packed, or unfold to more than they may: what a client makes of them."""

import gzip
import json
import zlib

import pytest
import trio
from backports import zstd
from trio.testing import MockClock

from headrace.runner.transport import unfolding
from tests.runner.conftest import Bench, Reply, Seen, Service
from tests.runner.test_client import (
    CHUNKED_HEAD,
    DONE,
    FINISH,
    STREAM_HEAD,
    TEXT,
    USAGE,
    Wired,
    answer,
    chunk,
    event,
    job,
)


@pytest.mark.parametrize(
    ("codings", "words"),
    [
        (
            ("gzip", "deflate"),
            "the answer is packed 2 times (gzip, deflate), which nobody asked for",
        ),
        (("gzip, br",), "the answer is packed 2 times (gzip, br), which nobody asked for"),
        (("br",), "the answer is packed as br, which nobody asked for"),
        (("Pack" * 500,), f"the answer is packed as {'pack' * 50}, which nobody asked for"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_cannot_be_unpacked_is_named_and_not_bought_again(
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    codings: tuple[str, ...],
    words: str,
    *,
    stream: bool,
) -> None:
    headers = [f"Content-Encoding: {coding}" for coding in codings]
    data = answer(zlib.compress(gzip.compress(b"{}")), *headers)
    outcome = await Wired(nursery, data).send(job(stream=stream))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.message) == ("protocol", words)
    assert not outcome.failure.retried
    assert not outcome.failure.of_service


async def test_a_refusal_that_cannot_be_unpacked_is_still_a_refusal(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """It was a failure without a status: neither its pause was kept, nor its lane slowed."""
    data = answer(b"\x8b", "Content-Encoding: br", "Retry-After: 7", status="429 Slow")
    outcome = await Wired(nursery, data).send(job())
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.status) == ("http", 429)
    assert (outcome.failure.retry_after_s, outcome.failure.retried) == (7.0, True)


class Packer:
    """Packs events one by one: deflate as one stream that is flushed, the others as members."""

    def __init__(self, coding: str) -> None:
        self.coding = coding
        self.deflate = zlib.compressobj(wbits=-15 if coding == "Deflate" else 15)

    def __call__(self, data: bytes) -> bytes:
        if self.coding == "zstd":
            return zstd.compress(data)
        if self.coding in ("gzip", "x-gzip"):
            return gzip.compress(data)
        return self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)


def packed_head(coding: str) -> bytes:
    return CHUNKED_HEAD.replace(b"\r\n\r\n", f"\r\nContent-Encoding: {coding}\r\n\r\n".encode())


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "Deflate", "zstd"])
async def test_a_compressed_stream_is_timed_as_it_comes(
    nursery: trio.Nursery, autojump_clock: MockClock, coding: str
) -> None:
    """It was read once it was whole, and had no TTFT."""
    pack = Packer(coding)
    pieces = (chunk(pack(event(TEXT))), 2.0, chunk(pack(event(TEXT) + event(FINISH) + DONE)))
    wired = Wired(nursery, packed_head(coding), 1.0, *pieces, timed=True)
    outcome = await wired.send(job(stream=True))
    assert outcome.answer is not None
    assert outcome.answer.text == "aa"
    assert (outcome.first_token_at_s, outcome.content_end_at_s) == (1.0, 3.0)
    assert outcome.gaps_s == [2.0]


async def test_a_stream_that_is_damaged_after_its_end_costs_no_answer(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    packed = gzip.compress(event(TEXT) + event(FINISH) + event(USAGE))
    pieces = (chunk(packed[:-8]), 1.0, chunk(b"no check"))
    outcome = await Wired(nursery, packed_head("gzip"), *pieces).send(job(stream=True))
    assert outcome.failure is None
    assert outcome.answer is not None


async def test_json_that_unfolds_to_gigabytes_fails_its_own_job(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """24 MiB of `[],` are eight million lists."""
    data = b'{"choices": [' + b"[]," * (8 * 1024 * 1024) + b"[]]}"
    outcome = await Wired(nursery, answer(data)).send(job())
    assert outcome.failure is not None
    assert outcome.failure.message == (
        "the answer's JSON has too many values: it would take over 536870912 bytes of memory"
    )
    assert (outcome.failure.kind, outcome.failure.retried) == ("protocol", False)


@pytest.mark.slow
async def test_a_stream_whose_events_unfold_to_gigabytes_fails_its_own_job(
    nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each event is within the bound (16 MiB here), and they are put together to one answer."""
    monkeypatch.setattr(unfolding, "UNFOLDED_BYTES_MAX", 16 * 1024 * 1024)
    many = event({"choices": [{"index": 0, "delta": {"parts": [[]] * 100_000}}]})
    comment = b":" + b" " * (8 * 1024 * 1024) + b"\n\n"
    outcome = await Wired(nursery, STREAM_HEAD, comment, many, many).send(job(stream=True))
    assert outcome.failure is not None
    assert outcome.failure.message == (
        "the answer's JSON has too many values: it would take over 16777216 bytes of memory"
    )


async def test_the_words_of_an_answer_are_bounded(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    error = {"error": {"code": "x" * 5000, "message": "m"}}
    wired = Wired(nursery, answer(json.dumps(error).encode(), status="400 Bad Request"))
    outcome = await wired.send(job())
    assert outcome.failure is not None
    assert outcome.failure.code == "x" * 200
    choice = {"message": {"content": "hi"}, "finish_reason": "y" * 5000}
    body = json.dumps({"choices": [choice]}).encode()
    outcome = await Wired(nursery, answer(body, f"X-Request-Id: {'z' * 5000}")).send(job())
    assert outcome.answer is not None
    assert (outcome.answer.finish_reason, outcome.request_id) == ("y" * 200, "z" * 200)


@pytest.mark.slow
async def test_a_bomb_fails_its_own_job_and_no_run_that_resumes(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """3 kB that unpack to a gigabyte ended the run with a MemoryError, and every resume."""
    frame = zstd.compress(bytes(64 * 1024 * 1024))
    packed = (("content-encoding", "zstd"),)

    def reply(seen: Seen) -> Reply:
        return Reply(200, frame * 16, packed) if "question 1" in seen.content else service.fine()

    service.answer = reply
    bench.write_chats(3)
    first = await bench.run(service)
    again = await bench.run(service)
    retried = await bench.run(service, retry_failed=True)
    assert len(service.posts) == 4  # once, and once more when it was asked for
    assert [each.outcome.exit_code for each in (first, again, retried)] == [1, 1, 1]
    results = retried.results
    assert results["status"].to_list() == ["succeeded", "failed", "succeeded"]
    assert results["error_code"].to_list() == [None, "UNUSABLE_ANSWER", None]
    words = results["error_message"].to_list()[1]
    assert words is not None
    assert words.startswith("the answer unpacks to over 67108864 bytes, from ")
