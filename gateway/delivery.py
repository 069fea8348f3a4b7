"""Sending one answer at its pace, with its fault, and charging for it."""

from collections.abc import Callable, Sequence

import trio

from .apply_fault import CUTS, apply_fault
from .bill import Bill
from .faults import Fault
from .http import LAST_CHUNK, chunk
from .latency import Pace
from .log import ChunkTimes
from .pacer import PacedStream
from .response import EventStream, Response
from .response_writer import ResponseWriter

EVENT_STREAM = "text/event-stream; charset=utf-8"
# A write that takes longer waited for the client: what is late after it is not the gateway's doing.
SLOW_WRITE_S = 0.001
_STREAM_HEADERS = (("cache-control", "no-cache"),)


class Delivery:
    """Sends the answer to one admitted request.

    `late` is called with how many seconds after its due time each paced write left.
    """

    __slots__ = ("_bill", "_fault", "_late", "_pace", "_response", "_writer")

    def __init__(
        self,
        writer: ResponseWriter,
        response: Response,
        pace: Pace,
        *,
        bill: Bill,
        fault: Fault | None,
        late: Callable[[float], None],
        log_chunks: bool,
    ) -> None:
        self._writer = writer
        self._response = response
        self._pace = pace
        self._bill = bill
        self._fault = fault
        self._late = late
        if log_chunks and isinstance(response.body, EventStream):
            writer.row.chunks = []

    async def send(self) -> bool:
        """Send the answer as its fault leaves it; return whether the connection stays usable.

        Raises trio.BrokenResourceError when the client has gone, after the charge.
        """
        body = self._response.body
        if self._fault is not None and self._fault.kind != "provider":
            body = apply_fault(body, self._fault.kind)
        if isinstance(body, EventStream):
            return await self._send_stream(body)
        due = self._writer.start + self._pace.due_s(self._response.steps - 1)
        if trio.current_time() < due:
            await trio.sleep_until(due)
            self._late(trio.current_time() - due)
        self._bill.charge()
        return await self._send_body(body)

    def _content_type(self, usual: str) -> str:
        if self._fault is not None and self._fault.kind == "content-type":
            return "text/html"
        return self._response.content_type or usual

    async def _send_body(self, body: bytes) -> bool:
        writer = self._writer
        head = writer.head(
            self._response.status,
            content_type=self._content_type("application/json"),
            length_bytes=len(body),
        )
        if self._fault is not None:
            return await self._send_with_fault(head, body, self._fault)
        await writer.write(head + body, last=True)
        return writer.keep_alive

    async def _send_with_fault(self, head: bytes, body: bytes, fault: Fault) -> bool:
        writer, kind = self._writer, fault.kind
        if kind in ("reset-in-head", "reset-after-head"):
            return await self._reset_at_head(head)
        half = len(body) // 2
        if kind.startswith("cut"):
            await writer.write(head + body[:half], last=True)
            return False
        if kind == "stall":
            await writer.write(head + body[:half])
            await trio.sleep(fault.lasts_s)
            await writer.write(body[half:], last=True)
            return writer.keep_alive
        if kind == "trickle":
            return await self._trickle(head + body, fault.lasts_s)
        await writer.write(head + body, last=True)
        return writer.keep_alive

    async def _reset_at_head(self, head: bytes) -> bool:
        assert self._fault is not None
        self._bill.charge()
        await self._writer.write(
            head[: len(head) // 2] if self._fault.kind == "reset-in-head" else head
        )
        await self._writer.reset()
        return False

    async def _trickle(self, data: bytes, lasts_s: float) -> bool:
        """Byte by byte, evenly over `lasts_s`."""
        writer, start = self._writer, trio.current_time()
        for index in range(len(data)):
            if index:
                await trio.sleep_until(start + lasts_s * index / (len(data) - 1))
            await writer.write(data[index : index + 1], last=index == len(data) - 1)
        return writer.keep_alive

    async def _send_stream(self, body: EventStream) -> bool:
        writer = self._writer
        kind = None if self._fault is None else self._fault.kind
        head = writer.head(
            self._response.status,
            content_type=self._content_type(EVENT_STREAM),
            length_bytes=None,
            headers=_STREAM_HEADERS,
        )
        if kind in ("reset-in-head", "reset-after-head"):
            return await self._reset_at_head(head)
        closing = b"".join([chunk(event) for event in body.closing if event])
        if kind == "trickle":
            return await self._trickle_stream(head, body, closing)
        opening = b"".join(body.opening)
        # An empty chunk would be the last one.
        begun = head + chunk(opening) if opening else head
        pending = await self._send_events(begun, body.events)
        # Before the last write, which logs the row: its line says what was charged.
        self._bill.charge()
        if kind in CUTS or self._response.cut:
            await writer.write(pending + closing, last=True)
            return False
        await writer.write(pending + closing + LAST_CHUNK, last=True)
        return writer.keep_alive

    async def _send_events(self, pending: bytes, events: Sequence[bytes]) -> bytes:
        """Send `pending` at once and the events when due; return the rest for the last write."""
        writer, pace = self._writer, self._pace
        start, total, sent = writer.start, len(events), 0
        if trio.current_time() < start + pace.ttft_s:
            await writer.write(pending)
            pending = b""
        stall_at = total // 2 if self._fault is not None and self._fault.kind == "stall" else -1
        frames = [chunk(event) for event in events]
        if writer.can_pace and stall_at < 0 and pace.due_s(total - 1) > 0:
            if pending:
                await writer.write(pending)
            await self._send_paced(frames)
            return b""
        on_time = True
        while sent < total:
            due = start + pace.due_s(sent)
            now = trio.current_time()
            if now < due:
                await trio.sleep_until(due)
                now, on_time = trio.current_time(), True
            if sent == stall_at:
                assert self._fault is not None
                await trio.sleep(self._fault.lasts_s)
                now, stall_at, on_time = trio.current_time(), -1, False
            # Everything that is due goes in one write, each event as a chunk of its own.
            ready = max(sent + 1, pace.ready(now - start, total))
            if sent < stall_at:
                ready = min(ready, stall_at)
            pending += b"".join(frames[sent:ready])
            self._note(sent, ready, now, on_time=on_time)
            sent = ready
            if sent < total:
                await writer.write(pending)
                pending = b""
                on_time = trio.current_time() - now < SLOW_WRITE_S
        return pending

    async def _send_paced(self, frames: Sequence[bytes]) -> None:
        """Leave the frames to the pacer; only what the kernel would not take is sent here."""
        writer = self._writer
        paced = PacedStream(frames, self._pace, start=writer.start, index=0, sent=self._note)
        while paced.index < len(frames) or paced.left:
            await writer.send_paced(paced)
            if paced.left:
                left, paced.left = paced.left, b""
                await writer.write(left)

    def _note(self, first: int, ready: int, now: float, *, on_time: bool = True) -> None:
        """Events `first` to `ready` - 1 go out now, the first of them when it was due or later."""
        row, start, pace = self._writer.row, self._writer.start, self._pace
        row.output_events = ready
        began = self._writer.began
        if row.first_token_s is None:
            row.first_token_s = now - began
        if on_time:
            self._late(now - start - pace.due_s(first))
        if row.chunks is not None:
            row.chunks += [
                ChunkTimes(start - began + pace.due_s(index), now - began)
                for index in range(first, ready)
            ]

    async def _trickle_stream(self, head: bytes, body: EventStream, closing: bytes) -> bool:
        assert self._fault is not None
        await trio.sleep_until(self._writer.start + self._pace.ttft_s)
        self._bill.charge()
        self._writer.row.output_events = len(body.events)
        events = b"".join([chunk(event) for event in (*body.opening, *body.events)])
        return await self._trickle(head + events + closing + LAST_CHUNK, self._fault.lasts_s)
