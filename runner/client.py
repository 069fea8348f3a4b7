"""One attempt on the wire: a request built once, handed to the transport, its answer read."""

from contextlib import suppress
from importlib.metadata import version
from typing import NamedTuple

import httpx
import msgspec
import trio

from headrace.jobs import ENDPOINTS, UNUSABLE_ANSWER, Job

from .answers import (
    Answer,
    ChatStream,
    ErrorBody,
    EventTooLongError,
    MessagesStream,
    Partial,
    SSEParser,
    TokenTimes,
    UnusableAnswerError,
    error_of,
    read_body,
    read_error,
)
from .clock import RunClock
from .retries import Failure, retry_after_s, transport_failure
from .secret import Secret
from .transport import (
    UNCOUNTED_BYTES,
    BodyError,
    Headers,
    RequestHead,
    Response,
    Unfolding,
    Wire,
    check_unfolding,
    feed_decoded,
    http_base,
    sender_over,
    whole_body,
)

ANTHROPIC_VERSION = "2023-06-01"
BODY_BYTES_MAX = 512 * 1024 * 1024
MESSAGE_CHARACTERS_MAX = 2000  # of what an error said
WORD_CHARACTERS_MAX = 200  # of a code, an id or a reason that an answer names
DOCUMENT_BYTES_MAX = 4 * 1024 * 1024  # of a GET: a balance has less than 1 kB
# How long a finished stream may take to end, so that its connection can be used again.
DRAIN_S = 1.0

Heard = dict[bytes, bytes]  # an answer's headers, by their names in lower case


class AttemptOutcome(msgspec.Struct):
    """What one attempt came to: an answer, or a failure, never both.

    `response` is the answer as JSON text, kept for a failure too where the body was JSON.
    `partial` is what a stream had brought before it broke off.
    `first_token_at_s`, `first_content_at_s` (the first token that is not reasoning) and
    `content_end_at_s` are seconds on trio's clock; the first two are None for what was not a
    stream. `gaps_s` lie between token-bearing chunks, 0.0 between those of one read; None where
    nobody asked for them.
    """

    answer: Answer | None = None
    failure: Failure | None = None
    response: str | None = None
    status: int | None = None
    request_id: str | None = None
    first_token_at_s: float | None = None
    first_content_at_s: float | None = None
    gaps_s: list[float] | None = None
    content_end_at_s: float | None = None
    ratelimit_limit: int | None = None
    ratelimit_remaining: int | None = None
    partial: Partial | None = None


class Document(NamedTuple):
    """What a GET brought: its status, its body, and its headers by their names in lower case."""

    status: int
    data: bytes
    headers: Headers


class Client:
    """Sends jobs to one base URL with one key. The transport belongs to the caller.

    With `timed`, all reads carry the kernel's receive times and gaps between tokens are collected;
    without it, streams alone have the former.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        base_url: str,
        key: Secret,
        headers: tuple[tuple[str, str], ...] = (),
        clock: RunClock,
        timed: bool = False,
    ) -> None:
        self._timed = timed
        self._sender = sender_over(transport)
        self._key = key
        self._clock = clock
        self.user_agent = f"headrace/{version('headrace')}"
        http_url = http_base(base_url)
        host = httpx.URL(http_url).netloc.decode("ascii")
        common = {
            "host": host,
            "user-agent": self.user_agent,
            "accept-encoding": "identity",
        }
        bearer = {**common, "authorization": f"Bearer {key.reveal()}"}
        anthropic = {
            **common,
            "x-api-key": key.reveal(),
            "anthropic-version": ANTHROPIC_VERSION,
        }
        self.base_url = base_url
        self.http_url = http_url  # a Unix socket is addressed by another name
        self._get_headers = httpx.Headers({**bearer, **dict(headers)})
        self._posts = {
            path: RequestHead(
                "POST",
                httpx.URL(http_url + path),
                httpx.Headers(
                    {
                        **(anthropic if endpoint.kind == "messages" else bearer),
                        "content-type": "application/json",
                        **{name.lower(): value for name, value in headers},
                    }
                ),
            )
            for path, endpoint in ENDPOINTS.items()
        }

    async def open(self, url: httpx.URL) -> Response:
        """GET something of the gateway's own origin, with the key; the caller closes the answer.

        Raises httpx.TransportError.
        """
        return await self._sender.send(RequestHead("GET", url, self._get_headers), b"", Wire())

    async def get(self, path: str) -> Document:
        """GET a small document, without the key should that be in its body.

        Raises httpx.TransportError.
        """
        answer = await self.open(httpx.URL(self.http_url + path))
        try:
            data = await whole_body(answer, most_bytes=DOCUMENT_BYTES_MAX)
        except BodyError as error:
            raise httpx.RemoteProtocolError(f"{path} can't be decoded: {error}") from error
        finally:
            await answer.aclose()
        if data is None:
            raise httpx.RemoteProtocolError(f"{path} is over {DOCUMENT_BYTES_MAX} bytes")
        return Document(answer.status, self._key.redact_bytes(data), answer.headers)

    async def send(self, job: Job, wire: Wire) -> AttemptOutcome:
        """Make one attempt. `wire` is filled in as it goes; failures are outcomes, not errors.

        Only what `wire.on_sent` raises comes out, and trio.Cancelled.
        """
        wire.timed = self._timed or job.stream
        try:
            answer = await self._sender.send(self._posts[job.url], job.body, wire)
        except httpx.TransportError as error:
            return self._redacted(AttemptOutcome(failure=transport_failure(error, in_stream=False)))
        try:
            return self._redacted(await self._read(job, answer, wire))
        finally:
            await answer.aclose()

    async def _read(self, job: Job, answer: Response, wire: Wire) -> AttemptOutcome:
        status = answer.status
        heard = dict(answer.headers)
        streamed = job.stream and status == 200 and b"json" not in heard.get(b"content-type", b"")
        try:
            if streamed:
                outcome = await self._read_stream(job, answer, wire)
            else:
                outcome = await self._read_whole(job, answer, wire)
        except httpx.TransportError as error:
            outcome = AttemptOutcome(failure=transport_failure(error, in_stream=streamed))
        except BodyError as error:
            outcome = self._unreadable(answer, error)
        outcome.status = status
        if outcome.failure is not None:
            outcome.failure = outcome.failure._replace(status=status)
        named = heard.get(b"x-request-id") or heard.get(b"request-id")
        if named:
            outcome.request_id = named.decode("latin-1")
        if (limit := heard.get(b"x-ratelimit-limit")) is not None:
            outcome.ratelimit_limit = _whole(limit)
        if (remaining := heard.get(b"x-ratelimit-remaining")) is not None:
            outcome.ratelimit_remaining = _whole(remaining)
        return outcome

    async def _read_whole(self, job: Job, answer: Response, wire: Wire) -> AttemptOutcome:
        data = await whole_body(answer, most_bytes=BODY_BYTES_MAX)
        if data is None:
            return AttemptOutcome(failure=_too_long())
        check_unfolding(data)
        end = wire.arrived_at_s
        if answer.status != 200:
            return self._refused(answer, read_error(data), _json_text(data))
        try:
            found = read_body(ENDPOINTS[job.url].kind, data)
        except UnusableAnswerError as error:
            if error.parsed is None:
                return AttemptOutcome(failure=Failure("protocol", str(error)), content_end_at_s=end)
            return AttemptOutcome(
                failure=_unusable(error),
                response=data.decode(),
                content_end_at_s=end,
            )
        return AttemptOutcome(answer=found, response=data.decode(), content_end_at_s=end)

    def _unreadable(self, answer: Response, error: BodyError) -> AttemptOutcome:
        """An answer whose body can't be unpacked: a refusal all the same, where its status is one.

        What a final one held may be paid for, so it is not asked for again.
        """
        if answer.status != 200:
            return self._refused(answer, ErrorBody(None, str(error), None), None)
        if not error.final:
            failure = Failure("protocol", f"the body can't be decoded: {error}")
        else:
            failure = Failure("protocol", str(error), UNUSABLE_ANSWER, final=True)
        return AttemptOutcome(failure=failure)

    def _refused(self, answer: Response, error: ErrorBody, text: str | None) -> AttemptOutcome:
        status, headers = answer.status, httpx.Headers(answer.headers)
        reason = httpx.codes.get_reason_phrase(status)
        message = error.message or reason or f"HTTP status {status}"
        if 300 <= status < 400:
            message = f"redirected to {headers.get('location')}, which is not followed"
        asked = retry_after_s(headers, message=message, now=self._clock.utc(self._clock.now()))
        failure = Failure("http", message, error.code, status, asked)
        return AttemptOutcome(failure=failure, response=text, request_id=error.request_id)

    async def _read_stream(self, job: Job, coming: Response, wire: Wire) -> AttemptOutcome:
        chat = ENDPOINTS[job.url].kind != "messages"
        stream: ChatStream | MessagesStream = ChatStream() if chat else MessagesStream()
        parser = SSEParser()
        times = TokenTimes(gaps=self._timed)
        unfolding = Unfolding()
        broken: Failure | None = None
        answer: Answer | None = None

        def take(piece: bytes, arrived_at_s: float | None) -> bool:
            if wire.bytes_received > UNCOUNTED_BYTES:
                unfolding.add(piece)
            for event in parser.feed(piece):
                if stream.add(event):
                    times.saw(arrived_at_s, content=stream.answering)
            return not (
                stream.ended or stream.failed is not None or wire.bytes_received > BODY_BYTES_MAX
            )

        try:
            await feed_decoded(coming, take, most_bytes=BODY_BYTES_MAX)
            if stream.ended:
                await _drain(coming)
            elif wire.bytes_received > BODY_BYTES_MAX:
                broken = _too_long()
        except httpx.TransportError as error:
            broken = transport_failure(error, in_stream=True)
        except (UnusableAnswerError, EventTooLongError) as error:
            broken = Failure("stream", str(error))
        except BodyError as error:
            broken = self._unreadable(coming, error).failure
        # What came whole was paid for, however its connection ended.
        if stream.failed is None and stream.complete:
            try:
                answer = stream.answer()
            except UnusableAnswerError as error:
                broken = Failure("stream", str(error))
        end = times.last_at_s
        whole = answer is not None
        return AttemptOutcome(
            answer=answer,
            failure=None if whole else broken or _stream_failure(stream),
            response=None if answer is None else msgspec.json.encode(answer.body).decode(),
            request_id=stream.failed and stream.failed.request_id,
            first_token_at_s=times.first_at_s,
            first_content_at_s=times.first_content_at_s,
            gaps_s=times.gaps_s,
            content_end_at_s=wire.arrived_at_s if end is None and whole else end,
            partial=None if whole else stream.partial(),
        )

    def _redacted(self, outcome: AttemptOutcome) -> AttemptOutcome:
        redact = self._key.redact
        answer, failure = outcome.answer, outcome.failure
        if outcome.response is not None:
            outcome.response = redact(outcome.response)
        if outcome.request_id is not None:
            outcome.request_id = redact(outcome.request_id)[:WORD_CHARACTERS_MAX]
        if answer is not None:
            if answer.text is not None:
                answer.text = redact(answer.text)
            if answer.finish_reason is not None:
                answer.finish_reason = redact(answer.finish_reason)[:WORD_CHARACTERS_MAX]
        if failure is not None:
            outcome.failure = failure._replace(
                # Cut only now: a cut in the middle of the key would leave its beginning.
                message=redact(failure.message)[:MESSAGE_CHARACTERS_MAX],
                code=failure.code and redact(failure.code)[:WORD_CHARACTERS_MAX],
            )
        return outcome


async def _drain(answer: Response) -> None:
    """Read a finished stream to its end, so that its connection can be used again.

    The answer is whole: an end that doesn't come, or is not one, costs no more than the connection.
    """
    with trio.move_on_after(DRAIN_S), suppress(httpx.TransportError):
        await answer.feed(lambda *_: True)


def _too_long() -> Failure:
    return Failure("protocol", f"the answer is over {BODY_BYTES_MAX} bytes", final=True)


def _stream_failure(stream: ChatStream | MessagesStream) -> Failure:
    if stream.failed is None:
        return Failure("stream", "the stream ended before its answer did")
    return Failure("stream", stream.failed.message or "the stream says error", stream.failed.code)


def _unusable(error: UnusableAnswerError) -> Failure:
    """A 200 that holds an error, or nothing: paid for perhaps, so kept and not asked for again."""
    reported = error_of(error.parsed)
    if reported is None:
        return Failure("protocol", str(error), UNUSABLE_ANSWER, final=True)
    return Failure("http", reported.message or str(error), reported.code, final=True)


def _json_text(data: bytes) -> str | None:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return data.decode()


def _whole(value: bytes) -> int | None:
    """A header's whole number, where a column of 64 bits holds it."""
    digits = value.strip()
    return int(digits) if digits.isdigit() and len(digits) <= 18 else None
