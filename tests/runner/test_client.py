"""One attempt on the wire: what is sent, and what is made of each way to answer."""

import datetime as dt
import gzip
import json
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from headrace.jobs import Job
from headrace.runner import Secret, TrioTransport
from headrace.runner.client import Client
from headrace.runner.clock import RunClock
from headrace.runner.outcome import AttemptOutcome
from headrace.runner.transport import Wire

from .conftest import at_once

KEY = "sk-secret-of-the-tests"
CHAT, MESSAGES, IMAGES = "/v1/chat/completions", "/v1/messages", "/v1/images/generations"
SSE = ("Content-Type: text/event-stream",)
TEXT = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
ROLE = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
FINISH = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
DONE = b"data: [DONE]\n\n"


def job(url: str = CHAT, *, stream: bool = False, body: bytes = b'{"model": "m"}') -> Job:
    return Job(
        index=0,
        custom_id="a",
        url=url,
        model="m",
        stream=stream,
        body=body,
        body_digest="d",
        input_estimate_tokens=1,
        output_limit_tokens=None,
    )


def event(data: Any) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    fields = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


class Wired:
    """A client whose every connection answers with these pieces; a number is a pause."""

    def __init__(
        self,
        nursery: trio.Nursery,
        *pieces: bytes | float,
        headers: tuple[Any, ...] = (),
        timed: bool = False,
    ) -> None:
        self.nursery = nursery
        self.pieces = pieces
        self.requests: list[bytes] = []
        self.connections = 0
        self.leaves = False  # after one answer
        self.transport = TrioTransport(connect=self.connect)
        self.client = Client(
            self.transport,
            base_url="http://a.test/base",
            key=Secret(KEY),
            headers=headers,
            clock=RunClock(lambda: dt.datetime(2026, 6, 9, tzinfo=dt.UTC)),
            timed=timed,
            offload=at_once,
        )

    async def connect(self, _origin: object) -> trio.abc.Stream:
        ours, theirs = memory_stream_pair()
        self.connections += 1
        self.nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: trio.abc.Stream) -> None:
        try:
            while request := bytes(await stream.receive_some()):
                self.requests.append(request)
                for piece in self.pieces:
                    if isinstance(piece, float):
                        await trio.sleep(piece)
                    else:
                        await stream.send_all(piece)
                head = self.pieces[0]
                assert isinstance(head, bytes)
                if self.leaves or (b"Content-Length" not in head and b"chunked" not in head):
                    return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await stream.aclose()

    async def send(self, job: Job, wire: Wire | None = None) -> AttemptOutcome:
        return await self.client.send(job, wire or Wire())


def head_of(request: bytes) -> dict[str, str]:
    lines = request.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


OK = answer(b'{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}')


async def test_chat_carries_a_bearer_key_and_messages_anthropics_own(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    wired = Wired(nursery, OK, headers=(("X-Team", "blue"), ("Anthropic-Version", "2030-01-01")))
    await wired.send(job(CHAT))
    await wired.send(job(MESSAGES))
    chat, messages = map(head_of, wired.requests)
    assert chat["authorization"] == f"Bearer {KEY}"
    assert "x-api-key" not in chat
    assert messages["x-api-key"] == KEY
    assert "authorization" not in messages
    assert messages["anthropic-version"] == "2030-01-01"  # the user's own comes first
    assert (chat["x-team"], messages["x-team"]) == ("blue", "blue")
    assert wired.requests[0].startswith(b"POST /base/v1/chat/completions HTTP/1.1\r\n")


async def test_the_body_is_what_the_user_wrote(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    body = '{ "model" : "m",\t"unknown": [1.0, 1e400, 18446744073709551616, "é"] }'.encode()
    wired = Wired(nursery, OK)
    await wired.send(job(body=body))
    assert wired.requests[0].split(b"\r\n\r\n", 1)[1] == body


async def test_the_key_is_taken_out_of_what_a_server_echoes(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    error = {"error": {"code": f"bad-{KEY}", "message": f"key {KEY} unknown"}}
    wired = Wired(nursery, answer(json.dumps(error).encode(), status="400 Bad Request"))
    outcome = await wired.send(job())
    assert KEY not in repr(outcome)
    assert outcome.failure is not None
    assert outcome.failure.message == "key *** unknown"
    choice = {"message": {"content": f"your key is {KEY}"}}
    wired = Wired(nursery, answer(json.dumps({"choices": [choice]}).encode()))
    outcome = await wired.send(job())
    assert outcome.answer is not None
    assert outcome.answer.text == "your key is ***"
    assert KEY not in (outcome.response or "")


async def test_the_key_is_taken_out_of_the_words_beside_an_answer(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    choice = {"message": {"content": "hi"}, "finish_reason": f"no money on {KEY}"}
    body = json.dumps({"choices": [choice]}).encode()
    outcome = await Wired(nursery, answer(body, f"X-Request-Id: {KEY}-1")).send(job())
    assert outcome.request_id == "***-1"
    assert outcome.answer is not None
    assert outcome.answer.finish_reason == "no money on ***"


@pytest.mark.parametrize("before", range(1980, 2001, 4))
async def test_a_long_message_is_cut_with_the_key_out_of_it(
    nursery: trio.Nursery, autojump_clock: MockClock, before: int
) -> None:
    """Cut first, it ended in the first characters of the key."""
    error = {"error": {"code": "BAD", "message": "x" * before + KEY + "y" * 100}}
    wired = Wired(nursery, answer(json.dumps(error).encode(), status="400 Bad Request"))
    outcome = await wired.send(job())
    assert outcome.failure is not None
    assert outcome.failure.message == ("x" * before + "***" + "y" * 100)[:2000]


async def test_a_redirect_is_not_followed(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    wired = Wired(nursery, answer(b"", "Location: http://evil.test/", status="307 Moved"))
    outcome = await wired.send(job())
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.status) == ("http", 307)
    assert "http://evil.test/" in outcome.failure.message
    assert not outcome.failure.retried
    assert len(wired.requests) == 1


@pytest.mark.parametrize(
    ("body", "kind", "retried"),
    [
        (b"<html>busy</html>", "protocol", True),
        (b"", "protocol", True),
        (b"[1]", "protocol", True),
        (b'{"choices"', "protocol", True),
        (b'{"no": "choices"}', "protocol", True),
        (b'{"error": {"code": "X", "message": "m"}}', "protocol", True),
        (b'{"error": {"code": 429, "message": "m"}}', "http", True),
        (b'{"error": {"code": "INVALID_PARAMS", "message": "m"}}', "http", False),
        (b'{"id": "x", "choices": [], "usage": {}}', "protocol", False),
        (b'{"choices": "lost"', "protocol", False),
    ],
)
async def test_a_200_that_is_no_answer(
    nursery: trio.Nursery, autojump_clock: MockClock, body: bytes, kind: str, *, retried: bool
) -> None:
    outcome = await Wired(nursery, answer(body)).send(job())
    assert outcome.answer is None
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.retried) == (kind, retried)
    assert outcome.status == 200
    # What was paid for is kept, even where it can't be used.
    if not retried:
        assert outcome.response is not None
        kept = json.loads(outcome.response)
        assert kept.get("raw", json.dumps(kept)) == body.decode()


async def test_a_compressed_answer_is_read(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    body = gzip.compress(b'{"choices": [{"message": {"content": "hi"}}]}')
    outcome = await Wired(nursery, answer(body, "Content-Encoding: gzip")).send(job())
    assert outcome.answer is not None
    assert outcome.answer.text == "hi"
    outcome = await Wired(nursery, answer(b"no gzip", "Content-Encoding: gzip")).send(job())
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.retried) == ("protocol", True)
    assert outcome.failure.message.startswith("the body can't be decoded: gzip: ")


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


async def test_the_first_token_is_timed_and_the_last_content(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Role at 1 s, tokens at 3, 4 and 8 s, usage at 9 s, the end at 9.5 s."""
    wired = Wired(
        nursery,
        STREAM_HEAD,
        *(1.0, event(ROLE), 2.0, event(TEXT), 1.0, event(TEXT), 4.0, event(TEXT)),
        *(1.0, event(FINISH) + event(USAGE), 0.5, DONE),
    )
    wire = Wire()
    outcome = await wired.send(job(stream=True), wire)
    assert outcome.answer is not None
    assert outcome.answer.text == "aaa"
    assert (wire.sent_at_s, wire.first_byte_at_s) == (0.0, 0.0)
    assert (outcome.first_token_at_s, outcome.content_end_at_s) == (3.0, 8.0)
    assert outcome.answer.usage.output_tokens == 3


def delta(**fields: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields}]})


def block_delta(kind: str, **fields: str) -> bytes:
    data = {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **fields}}
    return event(data)


THOUGHTFUL = {
    CHAT: (delta(reasoning_content="h"), delta(content="a"), event(FINISH) + DONE),
    MESSAGES: (
        block_delta("thinking_delta", thinking="h"),
        block_delta("text_delta", text="a"),
        event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
    ),
}


@pytest.mark.parametrize("url", THOUGHTFUL)
async def test_gaps_between_tokens_are_kept_where_asked_and_coalesced_ones_are_zero(
    nursery: trio.Nursery, autojump_clock: MockClock, url: str
) -> None:
    """Thoughts at 1 and 3 s; the answer begins at 7 s, with two chunks in one read at 7.5 s."""
    thought, text, end = THOUGHTFUL[url]
    pieces = (STREAM_HEAD, 1.0, thought, 2.0, thought, 4.0, text, 0.5, text + text, 1.0, end)
    outcome = await Wired(nursery, *pieces, timed=True).send(job(url, stream=True))
    assert outcome.failure is None
    assert outcome.gaps_s == [2.0, 4.0, 0.5, 0.0]
    assert (outcome.first_token_at_s, outcome.first_content_at_s) == (1.0, 7.0)
    assert outcome.content_end_at_s == 7.5
    outcome = await Wired(nursery, *pieces).send(job(url, stream=True))
    assert outcome.gaps_s is None


async def test_a_stream_that_breaks_off_keeps_the_moments_of_what_came(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\nContent-Type: text/event-stream\r\n\r\n"
    wired = Wired(nursery, cut, 1.0, event(TEXT), 2.0, event(TEXT), timed=True)
    wired.leaves = True
    outcome = await wired.send(job(stream=True))
    assert outcome.failure is not None
    assert outcome.failure.message.startswith("the stream broke off: ")
    assert (outcome.first_token_at_s, outcome.content_end_at_s) == (1.0, 3.0)
    assert outcome.gaps_s == [2.0]


async def test_a_connection_lost_after_the_end_of_a_stream_costs_no_answer(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """[DONE] came and the last chunk of the framing did not."""
    wired = Wired(nursery, CHUNKED_HEAD, chunk(event(TEXT)), chunk(event(FINISH) + DONE))
    wired.leaves = True
    outcome = await wired.send(job(stream=True))
    assert outcome.failure is None
    assert outcome.answer is not None
    assert outcome.answer.text == "a"


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ((event(TEXT),), False),
        ((event(TEXT), event(FINISH)), True),  # the usage is lost, the answer is not
        ((event(TEXT), DONE), False),
        ((event(TEXT), event(USAGE), DONE), True),
        ((event(TEXT), event(FINISH), event(USAGE)), True),
        ((event(TEXT), event(FINISH), event(USAGE), DONE), True),
        ((event(TEXT), event(FINISH), DONE), True),
        ((event(TEXT), b"data: {half"), False),
        ((event(TEXT), b"data: not json\n\n"), False),
        ((), False),
    ],
)
async def test_a_stream_that_ends_early_is_told_from_one_that_is_whole(
    nursery: trio.Nursery, autojump_clock: MockClock, parts: tuple[bytes, ...], *, whole: bool
) -> None:
    outcome = await Wired(nursery, STREAM_HEAD, *parts).send(job(stream=True))
    assert (outcome.answer is not None) == whole
    if not whole:
        assert outcome.failure is not None
        assert (outcome.failure.kind, outcome.failure.retried) == ("stream", True)


async def test_an_error_in_mid_stream(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    error = {"error": {"code": "UPSTREAM_ERROR", "message": "gone", "request_id": "req-7"}}
    outcome = await Wired(nursery, STREAM_HEAD, event(TEXT), event(error)).send(job(stream=True))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.code) == ("stream", "UPSTREAM_ERROR")
    assert outcome.request_id == "req-7"


@pytest.mark.parametrize("said", ["text/plain", "application/octet-stream"])
async def test_a_stream_under_the_wrong_name_is_still_read(
    nursery: trio.Nursery, autojump_clock: MockClock, said: str
) -> None:
    head = STREAM_HEAD.replace(b"text/event-stream", said.encode())
    outcome = await Wired(nursery, head, event(TEXT), event(FINISH), DONE).send(job(stream=True))
    assert outcome.answer is not None


async def test_a_whole_answer_to_a_streamed_job_is_taken(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    body = b'{"choices": [{"message": {"content": "hi"}}]}'
    data = answer(body, "Content-Type: application/json")
    outcome = await Wired(nursery, data).send(job(stream=True))
    assert outcome.answer is not None
    assert outcome.answer.text == "hi"
    assert outcome.first_token_at_s is None


CHUNKED_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def test_a_finished_stream_is_drained_so_that_its_connection_is_used_again(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    end = b"0\r\n\r\n"
    wired = Wired(nursery, CHUNKED_HEAD, chunk(event(TEXT)), chunk(event(FINISH) + DONE), 0.25, end)
    for _ in range(3):
        outcome = await wired.send(job(stream=True))
        assert outcome.answer is not None
    assert wired.connections == 1
    assert trio.current_time() == 0.75


@pytest.mark.parametrize("last", [event(USAGE), event(USAGE) + DONE])
async def test_a_whole_answer_whose_connection_breaks_after_it_is_taken(
    nursery: trio.Nursery, autojump_clock: MockClock, last: bytes
) -> None:
    """Broke: the break after [DONE] threw the answer away, and it was paid for again."""
    wired = Wired(nursery, CHUNKED_HEAD, chunk(event(TEXT) + event(FINISH) + last), 0.5, b"?")
    outcome = await wired.send(job(stream=True))
    assert outcome.failure is None
    assert outcome.answer is not None
    assert (outcome.answer.text, outcome.answer.usage.output_tokens) == ("a", 3)


@pytest.mark.parametrize("cut", [0, 1, 40])
async def test_what_came_in_one_read_with_a_fault_counts(
    nursery: trio.Nursery, autojump_clock: MockClock, cut: int
) -> None:
    """Broke: where the head, an answer and what is not HTTP came in one read, nothing was left."""
    data = CHUNKED_HEAD + chunk(event(TEXT) + event(FINISH)) + b"?no chunk\r\n"
    pieces: list[bytes | float] = [data[: len(data) - cut], 0.5, data[len(data) - cut :] or b"?"]
    wired = Wired(nursery, *pieces)
    outcome = await wired.send(job(stream=True))
    assert outcome.failure is None
    assert outcome.answer is not None
    assert outcome.answer.text == "a"


@pytest.mark.parametrize("pause", [False, True])
async def test_what_follows_an_error_is_left_out_in_any_cut(
    nursery: trio.Nursery, autojump_clock: MockClock, *, pause: bool
) -> None:
    """Broke: it counted where it came in the same read as the error."""
    error = {"error": {"message": "no", "code": 503}}
    after = chunk(event(USAGE)) + b"0\r\n\r\n"
    begun = CHUNKED_HEAD + chunk(event(TEXT) + event(error))
    pieces: tuple[bytes | float, ...] = (begun, 0.5, after) if pause else (begun + after,)
    wired = Wired(nursery, *pieces)
    outcome = await wired.send(job(stream=True))
    assert outcome.partial is not None
    assert (outcome.partial.text, outcome.partial.usage.input_tokens) == ("a", None)


async def test_a_body_that_came_in_one_read_with_a_fault_counts(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    body = b'{"choices": [{"message": {"content": "hi"}}]}'
    outcome = await Wired(nursery, CHUNKED_HEAD + chunk(body) + b"?").send(job())
    assert outcome.answer is not None
    assert outcome.answer.text == "hi"


async def test_an_empty_body_is_said(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    outcome = await Wired(nursery, answer(b" \n")).send(job())
    assert outcome.failure is not None
    assert outcome.failure.message == "the answer is empty"


async def test_a_stream_that_breaks_off_leaves_what_it_brought(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    wired = Wired(nursery, CHUNKED_HEAD, chunk(event(TEXT)), 2.0, chunk(event(TEXT)), 0.5, b"?")
    outcome = await wired.send(job(stream=True))
    assert outcome.answer is None
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.first_token_at_s) == ("stream", 0.0)
    assert outcome.content_end_at_s == 2.0
    assert outcome.partial is not None
    assert outcome.partial.text == "aa"


async def test_a_stream_that_never_ends_after_done_costs_a_second_and_its_connection(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    wired = Wired(nursery, CHUNKED_HEAD, chunk(event(TEXT)), chunk(event(FINISH) + DONE), 500.0)
    outcome = await wired.send(job(stream=True))
    assert outcome.answer is not None
    assert outcome.content_end_at_s == 0.0
    assert trio.current_time() == 1.0
    await wired.send(job(stream=True))
    assert wired.connections == 2


async def test_what_the_answers_headers_say_is_kept(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    headers = ("X-Request-Id: req-1", "X-RateLimit-Limit: 60", "X-RateLimit-Remaining: 59")
    body = b'{"choices": []}'
    outcome = await Wired(nursery, answer(body, *headers)).send(job())
    assert outcome.request_id == "req-1"
    assert (outcome.limits.rpm, outcome.limits.remaining) == (60, 59)
    # 5,000 digits ended the run; 19 are more than the column holds.
    for unusable in ("lots", "9" * 19, "9" * 5000):
        outcome = await Wired(nursery, answer(body, f"X-RateLimit-Limit: {unusable}")).send(job())
        assert outcome.limits.rpm is None


async def test_images_are_counted(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    body = b'{"created": 1, "data": [{"url": "http://x/1.png"}, {"b64_json": "AA=="}]}'
    outcome = await Wired(nursery, answer(body)).send(job(IMAGES))
    assert outcome.answer is not None
    assert outcome.answer.usage.images == 2
