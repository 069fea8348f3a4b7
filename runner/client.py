"""One attempt on the wire: a request built once, handed to the transport, its answer read."""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple

import httpx

from headrace.jobs import (
    ENDPOINTS,
    NO_OTHERS,
    UNUSABLE_ANSWER,
    ErrorKind,
    Job,
    KeySentAs,
    UsagePlaces,
    endpoint_url,
)

from .answer_headers import (
    COST_HEADER,
    content_type,
    limits_repeated,
    request_id_in,
    told_to_retry,
    with_cost_in,
)
from .answers import (
    Answer,
    AnswerStream,
    ErrorBody,
    Event,
    EventTooLongError,
    SSEParser,
    TokenTimes,
    UnusableAnswerError,
    add_plain,
    as_utf8,
    begins_as_events,
    encode,
    events_in,
    json_text_of,
    looks_answered,
    match_request,
    placed_usage,
    raw,
    read_body,
    read_error,
    stream_of,
    usage_in,
)
from .clock import RunClock
from .limits import NOTHING_SAID, service_limits
from .offload import LONG_BYTES, LONG_RECORD_CHARACTERS, Offload, in_thread_abandoned
from .outcome import AttemptOutcome, redacted
from .request_heads import request_heads
from .retries import Failure, retry_after_s, transport_failure
from .secret import Secret, Secrets
from .transport import (
    UNCOUNTED_BYTES,
    BodyError,
    Collected,
    Headers,
    RequestHead,
    Response,
    Unfolding,
    Wire,
    check_unfolding,
    codings_of,
    collect,
    drain,
    feed_stream,
    http_base,
    sender_over,
    take_each,
    whole_body,
)

BODY_BYTES_MAX = 512 * 1024 * 1024
DOCUMENT_BYTES_MAX = 4 * 1024 * 1024  # of a GET: a balance has less than 1 kB
TOO_LONG = Failure("protocol", f"the answer is over {BODY_BYTES_MAX} bytes", final=True)
# Comments before a JSON body, sent while the model was at work.
KEEP_ALIVES = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s*:[^\r\n]*[\r\n])+\s*(?=[{\[])")


class Document(NamedTuple):
    """What a GET brought: its status, its body, and its headers by their names in lower case."""

    status: int
    data: bytes
    headers: Headers


class Client:
    """Sends jobs to one service with one key. The transport belongs to the caller.

    `anthropic_base_url` is that of /v1/messages, where it differs; `auth` is how the key is sent,
    None by the url. `hidden` are all keys that no answer may show, where `key` is not the only one.
    With `timed`, all reads carry the kernel's receive times, not streams' alone, and gaps between
    tokens are collected. `usage_places` has, by url, where an answer tells its usage, for services
    that have it elsewhere. What the `offload` of long looks does is lost with a cancelled attempt.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        base_url: str,
        anthropic_base_url: str | None = None,
        key: Secret,
        hidden: Secret | Secrets | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        auth: KeySentAs | None = None,
        clock: RunClock,
        timed: bool = False,
        usage_places: Mapping[str, UsagePlaces] = NO_OTHERS.named,
        offload: Offload = in_thread_abandoned,
    ) -> None:
        self._usage_places = usage_places
        self._vector_lengths: dict[str, int] = {}
        self._timed = timed
        self._offload = offload
        self._sender = sender_over(transport)
        self.hidden = hidden or key
        self._clock = clock
        self.base_url = base_url
        self.http_url = http_base(base_url)  # a Unix socket is addressed by another name
        self._posts, self._get_headers, self.user_agent = request_heads(
            base_url, anthropic_base_url or base_url, key=key, headers=headers, auth=auth
        )

    async def open(self, url: httpx.URL) -> Response:
        """GET something of the gateway's own origin, with the key; the caller closes the answer.

        Raises httpx.TransportError.
        """
        return await self._sender.send(RequestHead("GET", url, self._get_headers), b"", Wire())

    async def get(self, path: str) -> Document:
        """GET a small document, without the key should that be in its body.

        Raises httpx.TransportError.
        """
        answer = await self.open(httpx.URL(endpoint_url(self.http_url, path)))
        try:
            data = await whole_body(answer, most_bytes=DOCUMENT_BYTES_MAX)
        except BodyError as error:
            raise httpx.RemoteProtocolError(f"{path} can't be decoded: {error}") from error
        finally:
            await answer.aclose()
        if data is None:
            raise httpx.RemoteProtocolError(f"{path} is over {DOCUMENT_BYTES_MAX} bytes")
        if len(data) > LONG_BYTES:
            data = await self._offload(partial(self.hidden.redact_bytes, data))
        else:
            data = self.hidden.redact_bytes(data)
        return Document(answer.status, data, answer.headers)

    async def send(self, job: Job, wire: Wire) -> AttemptOutcome:
        """Make one attempt. `wire` is filled in as it goes; failures are outcomes, not errors.

        Only what `wire.on_sent` raises comes out, and trio.Cancelled.
        """
        wire.timed = self._timed or job.stream
        wire.swept = job.stream
        try:
            answer = await self._sender.send(self._posts[job.url], job.body, wire)
        except httpx.TransportError as error:
            failed = AttemptOutcome(failure=transport_failure(error, in_stream=False))
            return redacted(failed, self.hidden)
        try:
            outcome = await self._read(job, answer, wire)
            if outcome.response is not None and len(outcome.response) > LONG_BYTES:
                outcome.long = len(outcome.response) > LONG_RECORD_CHARACTERS
                return await self._offload(partial(redacted, outcome, self.hidden))
            return redacted(outcome, self.hidden)
        finally:
            await answer.aclose()

    async def _read(self, job: Job, answer: Response, wire: Wire) -> AttemptOutcome:
        status = answer.status
        headers = dict(answer.headers)
        good = 200 <= status < 300
        streamed = job.stream and good and b"json" not in headers.get(b"content-type", b"")
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
            outcome.failure = told_to_retry(outcome.failure, status, headers)
        if (named := request_id_in(headers)) is not None:
            outcome.request_id = named
        if (limits := service_limits(headers)) is not NOTHING_SAID:
            outcome.limits = limits
        if self._usage_places and outcome.answer and (places := self._usage_places.get(job.url)):
            outcome.answer.usage = placed_usage(ENDPOINTS[job.url], outcome.answer.body, places)
        if COST_HEADER in headers and outcome.answer is not None:
            outcome.answer.usage = with_cost_in(headers, outcome.answer.usage)
        return outcome

    async def _read_whole(self, job: Job, answer: Response, wire: Wire) -> AttemptOutcome:
        collected = await collect(answer, most_bytes=BODY_BYTES_MAX)
        if collected is None:
            return AttemptOutcome(failure=TOO_LONG)
        if collected.broken is not None and not 200 <= answer.status < 300:
            raise collected.broken
        if len(collected.data) > LONG_BYTES:
            return await self._offload(
                partial(self._understood, job, answer, collected, wire.arrived_at_s)
            )
        return self._understood(job, answer, collected, wire.arrived_at_s)

    def _understood(
        self, job: Job, answer: Response, collected: Collected, end_s: float | None
    ) -> AttemptOutcome:
        data, broken = collected
        check_unfolding(data)
        if not 200 <= answer.status < 300:
            data = as_utf8(data, content_type(answer.headers)) or data
            return self._refused(answer, read_error(data), json_text_of(data))
        return self._whole(job, answer, data, end_s, broken=broken)

    def _whole(
        self,
        job: Job,
        answer: Response,
        data: bytes,
        end_s: float | None,
        *,
        broken: httpx.TransportError | None = None,
    ) -> AttemptOutcome:
        """What a body is that came in one piece: an answer, however it is dressed, or a failure.

        `broken` is how it broke off: it counts only where what came is not whole.
        """
        endpoint = ENDPOINTS[job.url]
        data = b"null" if answer.status == 204 and endpoint.success == "anything" else data
        if (waited := KEEP_ALIVES.match(data, 0, LONG_BYTES)) is not None:
            data = data[waited.end() :]
        try:
            found = read_body(endpoint, data)
            if (
                not found.strict
                and (text := as_utf8(data, content_type(answer.headers))) is not None
            ):
                found = read_body(endpoint, data := text)
        except UnusableAnswerError as error:
            if (text := as_utf8(data, content_type(answer.headers))) is not None and text != data:
                return self._whole(job, answer, text, end_s, broken=broken)
            if endpoint.stream and begins_as_events(data):
                return self._stream_in(job, answer, data, end_s)
            if broken is not None and error.reported is None:
                raise broken from error
            return self._unusable(answer, error, data, end_s, streamed=False)
        if endpoint.success == "vectors":
            match_request(found, job, self._vector_lengths)
        kept = found.strict and found.vectors is None
        response = data.decode() if kept else encode(found.body)
        long = not kept and sum(map(len, found.vectors or ())) > LONG_RECORD_CHARACTERS
        return AttemptOutcome(answer=found, response=response, content_end_at_s=end_s, long=long)

    def _stream_in(
        self, job: Job, answer: Response, data: bytes, end_s: float | None
    ) -> AttemptOutcome:
        """A stream that nobody asked for, or that was labelled JSON: without times."""
        stream = stream_of(ENDPOINTS[job.url])
        taken: list[bytes] = []
        try:
            for event in events_in(data):
                taken.append(event.data)
                stream.add(event)
                if stream.over:
                    break
            stream.at_end()
            if not stream.began and looks_answered(b"\n".join(taken)):
                raise UnusableAnswerError("the stream is not one of this endpoint", paid=True)
        except UnusableAnswerError as error:
            return self._unusable(answer, error, data, end_s, streamed=True)
        except EventTooLongError as error:
            return AttemptOutcome(failure=Failure("stream", str(error)), content_end_at_s=end_s)
        return self._stream_outcome(answer, stream, None, TokenTimes(gaps=False), end_s)

    def _unreadable(self, answer: Response, error: BodyError) -> AttemptOutcome:
        """An answer whose body can't be unpacked: a refusal all the same, where its status is one.

        What a final one held may be paid for, so it is not asked for again.
        """
        if not 200 <= answer.status < 300:
            return self._refused(answer, ErrorBody(None, str(error), None), None)
        if not error.final:
            failure = Failure("protocol", f"the body can't be decoded: {error}")
        else:
            failure = Failure("protocol", str(error), UNUSABLE_ANSWER, final=True)
        return AttemptOutcome(failure=failure)

    def _refused(self, answer: Response, error: ErrorBody, text: str | None) -> AttemptOutcome:
        failure = self._failure_of(answer, error, streamed=False)
        return AttemptOutcome(
            failure=failure,
            response=text,
            request_id=error.request_id,
            limits=limits_repeated(error),
        )

    def _failure_of(self, answer: Response, error: ErrorBody, *, streamed: bool) -> Failure:
        """An error by its own status, or by that of the answer where that is not good."""
        own, headers = answer.status, httpx.Headers(answer.headers)
        for name, value in error.headers.items():
            headers.setdefault(name, value)
        good = 200 <= own < 300
        status = error.status if good else own
        message = error.message
        if 300 <= own < 400:
            message = f"redirected to {headers.get('location')}, which is not followed"
        if message is None:
            message = f"HTTP status {own}"
            if good:
                message = "the stream says error" if streamed else "the answer is an error"
            elif reason := httpx.codes.get_reason_phrase(own):
                message = reason
        asked = retry_after_s(
            headers,
            message=message,
            now=self._clock.utc(self._clock.now()),
            delay=error.retry_delay,
        )
        code = None if error.code == str(own) else error.code
        kind: ErrorKind = "http"
        if good and (status is None or status >= 500):
            # Inside a good answer: the service failed, whatever its status line says.
            kind = "stream" if streamed else "protocol"
        return Failure(kind, message, code, status, asked)

    def _unusable(
        self,
        answer: Response,
        error: UnusableAnswerError,
        data: bytes,
        end_s: float | None,
        *,
        streamed: bool,
    ) -> AttemptOutcome:
        """A good answer that holds none: an error inside it is judged as one; what was paid for is
        kept, and not asked for again; anything else is retried."""
        reported = error.reported
        response = json_text_of(data)
        if response is None and error.parsed is not None:
            response = encode(error.parsed)
        if reported is not None:
            failure = self._failure_of(answer, reported, streamed=streamed)
            if error.paid and failure.status is None:
                failure = failure._replace(final=True)
            request_id = reported.request_id
            return AttemptOutcome(
                failure=failure,
                response=response,
                request_id=request_id,
                content_end_at_s=end_s,
                limits=limits_repeated(reported),
            )
        if not error.paid:
            said = read_error(data).message if error.parsed is None else None
            words = str(error) if said is None else f"{error.brief}; it says: {said}"
            return AttemptOutcome(failure=Failure("protocol", words), content_end_at_s=end_s)
        failure = Failure(
            "protocol",
            f"{error.brief}; it was likely billed, so it is kept and not sent again",
            UNUSABLE_ANSWER,
            final=True,
        )
        if response is None:
            response = encode(raw(data))
        usage = None if error.parsed is None else usage_in(error.parsed)
        return AttemptOutcome(
            failure=failure, response=response, content_end_at_s=end_s, usage=usage
        )

    async def _read_stream(self, job: Job, coming: Response, wire: Wire) -> AttemptOutcome:
        stream = stream_of(ENDPOINTS[job.url])
        parser = SSEParser()
        wire.tokens = times = TokenTimes(gaps=self._timed)
        unfolding = Unfolding()
        broken: Failure | None = None
        unusable: UnusableAnswerError | None = None
        head: list[bytes] = []  # what came before the first event that could be understood

        def take(
            piece: bytes,
            arrived_at_s: float | None,
            events_of: Callable[[bytes], list[Event]] = parser.feed,
        ) -> bool | Awaitable[bool]:
            if parser.held_bytes > LONG_BYTES:  # one event
                return self._offload(partial(take_now, piece, arrived_at_s, events_of))
            return take_now(piece, arrived_at_s, events_of)

        def take_now(
            piece: bytes, arrived_at_s: float | None, events_of: Callable[[bytes], list[Event]]
        ) -> bool:
            if wire.bytes_received > UNCOUNTED_BYTES:
                unfolding.add(piece)
            if not stream.began:
                head.append(piece)
            for event in events_of(piece):
                if stream.add(event):
                    times.saw(arrived_at_s, content=stream.answering)
                elif stream.over:
                    break  # or what follows would count by whether it came in the same read
            return not (stream.over or wire.bytes_received > BODY_BYTES_MAX)

        def take_all(pieces: list[tuple[bytes, float | None]]) -> bool | Awaitable[bool]:
            plain = parser.between and wire.bytes_received <= UNCOUNTED_BYTES
            if plain and add_plain(stream, pieces, times):
                return True
            return take_each(take, iter(pieces))

        try:
            try:
                await feed_stream(coming, take, take_all, most_bytes=BODY_BYTES_MAX)
            except httpx.TransportError as error:
                broken = transport_failure(error, in_stream=True)
            if stream.ended:
                await drain(coming)
            elif wire.bytes_received > BODY_BYTES_MAX:
                broken = TOO_LONG
            elif not stream.over:
                whole_events = len(stream.unreadable)
                more = take(b"", wire.arrived_at_s, lambda _: parser.end())
                if not isinstance(more, bool):
                    await more
                if broken is None:
                    stream.at_end()
                if broken is not None:  # half an event is not part of an answer
                    del stream.unreadable[whole_events:]
        except UnusableAnswerError as error:
            unusable = error
        except EventTooLongError as error:
            broken = Failure("stream", str(error))
        except BodyError as error:
            broken = self._unreadable(coming, error).failure

        def over() -> AttemptOutcome:
            if not stream.began and broken is None and unusable is None and any(head):
                # No event of the protocol: JSON that is labelled a stream, or a page.
                return self._whole(job, coming, b"".join(head), wire.arrived_at_s)
            if unusable is not None:
                return self._unusable(
                    coming, unusable, b"".join(head), wire.arrived_at_s, streamed=True
                )
            return self._stream_outcome(coming, stream, broken, times, wire.arrived_at_s)

        if wire.bytes_received > LONG_BYTES or codings_of(coming.headers):
            return await self._offload(over)
        return over()

    def _stream_outcome(
        self,
        answer: Response,
        stream: AnswerStream,
        broken: Failure | None,
        times: TokenTimes,
        end_s: float | None,
    ) -> AttemptOutcome:
        """What a stream that is over came to. What came whole was paid for, however its connection
        ended."""
        found: Answer | None = None
        failure: Failure | None = None
        response: str | None = None
        if stream.failed is not None:
            failure = self._failure_of(answer, stream.failed, streamed=True)
        elif stream.complete or (stream.ended and stream.unreadable):
            # (What could not be read may have said why it ended: kept, and not asked for again.)
            try:
                found = stream.answer()
            except UnusableAnswerError as error:
                return self._unusable(answer, error, b"", end_s, streamed=True)
            response = encode(found.body)
        else:
            failure = broken or Failure("stream", "the stream ended before its answer did")
        last_s = times.last_at_s
        return AttemptOutcome(
            answer=found,
            failure=failure,
            response=response,
            request_id=stream.failed and stream.failed.request_id,
            first_token_at_s=times.first_at_s,
            first_content_at_s=times.first_content_at_s,
            gaps_s=times.gaps_s,
            content_end_at_s=end_s if last_s is None and found is not None else last_s,
            limits=limits_repeated(stream.failed),
            partial=None if found is not None and stream.has_usage else stream.partial(),
            reported=stream.failed is not None,
        )
