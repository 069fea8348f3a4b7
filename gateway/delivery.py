"""Sending one answer at its pace, with its fault, and charging for it."""

from collections.abc import Callable, Sequence

import trio

from . import sabotage
from .answer import Answer, Stream
from .bill import Bill
from .exchange import Exchange
from .faults import Fault
from .http import LAST_CHUNK, chunk
from .latency import Pace
from .log import ChunkTimes
from .pacer import Track

EVENT_STREAM = "text/event-stream; charset=utf-8"
# A write that takes longer waited for the client: what is late after it is not the gateway's doing.
SLOW_WRITE_S = 0.001
_STREAM_HEADERS = (("cache-control", "no-cache"),)


class Delivery:
    """One admitted request on its way out.

    `late` is told how many seconds after its due time each paced write left.
    """

    __slots__ = ("_answer", "_bill", "_exchange", "_fault", "_late", "_pace")

    def __init__(
        self,
        exchange: Exchange,
        answer: Answer,
        pace: Pace,
        *,
        bill: Bill,
        fault: Fault | None,
        late: Callable[[float], None],
        log_chunks: bool,
    ) -> None:
        self._exchange = exchange
        self._answer = answer
        self._pace = pace
        self._bill = bill
        self._fault = fault
        self._late = late
        if log_chunks and isinstance(answer.reply, Stream):
            exchange.row.chunks = []

    async def send(self) -> bool:
        """Send the answer as its fault has it, and say whether the connection can go on.

        trio.BrokenResourceError comes out when the client has gone, after the charge.
        """
        reply = self._answer.reply
        if self._fault is not None:
            reply = sabotage.spoil(reply, self._fault.kind)
        if isinstance(reply, Stream):
            return await self._send_stream(reply)
        due = self._exchange.start + self._pace.due_s(self._answer.steps - 1)
        if trio.current_time() < due:
            await trio.sleep_until(due)
            self._late(trio.current_time() - due)
        self._bill.settle()
        return await self._send_body(reply)

    async def _send_body(self, body: bytes) -> bool:
        exchange = self._exchange
        kind = None if self._fault is None else self._fault.kind
        head = exchange.head(
            200,
            content_type="text/html" if kind == "content-type" else "application/json",
            length_bytes=len(body),
        )
        if self._fault is not None:
            return await self._send_spoilt(head, body, self._fault)
        await exchange.write(head + body, last=True)
        return exchange.keep_alive

    async def _send_spoilt(self, head: bytes, body: bytes, fault: Fault) -> bool:
        exchange, kind = self._exchange, fault.kind
        if kind in ("reset-in-head", "reset-after-head"):
            return await self._reset_at_head(head)
        half = len(body) // 2
        if kind.startswith("cut"):
            await exchange.write(head + body[:half], last=True)
            return False
        if kind == "stall":
            await exchange.write(head + body[:half])
            await trio.sleep(fault.lasts_s)
            await exchange.write(body[half:], last=True)
            return exchange.keep_alive
        if kind == "trickle":
            return await self._trickle(head + body, fault.lasts_s)
        await exchange.write(head + body, last=True)
        return exchange.keep_alive

    async def _reset_at_head(self, head: bytes) -> bool:
        assert self._fault is not None
        self._bill.settle()
        await self._exchange.write(
            head[: len(head) // 2] if self._fault.kind == "reset-in-head" else head
        )
        await self._exchange.reset()
        return False

    async def _trickle(self, data: bytes, lasts_s: float) -> bool:
        """Byte by byte, evenly over `lasts_s`."""
        exchange, start = self._exchange, trio.current_time()
        for index in range(len(data)):
            if index:
                await trio.sleep_until(start + lasts_s * index / (len(data) - 1))
            await exchange.write(data[index : index + 1], last=index == len(data) - 1)
        return exchange.keep_alive

    async def _send_stream(self, reply: Stream) -> bool:
        exchange = self._exchange
        kind = None if self._fault is None else self._fault.kind
        head = exchange.head(
            200,
            content_type="text/html" if kind == "content-type" else EVENT_STREAM,
            length_bytes=None,
            headers=_STREAM_HEADERS,
        )
        if kind in ("reset-in-head", "reset-after-head"):
            return await self._reset_at_head(head)
        closing = b"".join([chunk(event) for event in reply.closing if event])
        if kind == "trickle":
            return await self._trickle_stream(head, reply, closing)
        pending = await self._send_events(head + chunk(b"".join(reply.opening)), reply.events)
        # Before the last write, which logs the row: its line says what was charged.
        self._bill.settle()
        if kind in sabotage.CUTS:
            await exchange.write(pending + closing, last=True)
            return False
        await exchange.write(pending + closing + LAST_CHUNK, last=True)
        return exchange.keep_alive

    async def _send_events(self, pending: bytes, events: Sequence[bytes]) -> bytes:
        """Send `pending` at once and the events when due; return what the last write has."""
        exchange, pace = self._exchange, self._pace
        start, total, sent = exchange.start, len(events), 0
        if trio.current_time() < start + pace.ttft_s:
            await exchange.write(pending)
            pending = b""
        stall_at = total // 2 if self._fault is not None and self._fault.kind == "stall" else -1
        frames = [chunk(event) for event in events]
        if exchange.can_follow and stall_at < 0 and pace.due_s(total - 1) > 0:
            if pending:
                await exchange.write(pending)
            await self._follow(frames)
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
                await exchange.write(pending)
                pending = b""
                on_time = trio.current_time() - now < SLOW_WRITE_S
        return pending

    async def _follow(self, frames: Sequence[bytes]) -> None:
        """Leave the frames to the pacer; only what the kernel would not take is sent here."""
        exchange = self._exchange
        track = Track(frames, self._pace, start=exchange.start, index=0, sent=self._note)
        while track.index < len(frames) or track.left:
            await exchange.follow(track)
            if track.left:
                left, track.left = track.left, b""
                await exchange.write(left)

    def _note(self, first: int, ready: int, now: float, *, on_time: bool = True) -> None:
        """Events `first` to `ready` - 1 go out now, the first of them when it was due or later."""
        row, start, pace = self._exchange.row, self._exchange.start, self._pace
        row.output_events = ready
        began = self._exchange.began
        if row.first_token_s is None:
            row.first_token_s = now - began
        if on_time:
            self._late(now - start - pace.due_s(first))
        if row.chunks is not None:
            row.chunks += [
                ChunkTimes(start - began + pace.due_s(index), now - began)
                for index in range(first, ready)
            ]

    async def _trickle_stream(self, head: bytes, reply: Stream, closing: bytes) -> bool:
        assert self._fault is not None
        await trio.sleep_until(self._exchange.start + self._pace.ttft_s)
        self._bill.settle()
        self._exchange.row.output_events = len(reply.events)
        events = b"".join([chunk(event) for event in (*reply.opening, *reply.events)])
        return await self._trickle(head + events + closing + LAST_CHUNK, self._fault.lasts_s)
