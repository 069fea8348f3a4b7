"""Sending one answer at its pace, with its fault, and charging for it."""

from collections.abc import Callable, Sequence

import trio

from . import sabotage
from .answer import Answer, Stream
from .config import Key
from .exchange import Exchange
from .faults import Fault
from .http import LAST_CHUNK, chunk
from .latency import Pace
from .ledger import Ledger
from .log import ChunkTimes
from .prices import ZERO

EVENT_STREAM = "text/event-stream; charset=utf-8"
# A write that takes longer waited for the client: what is late after it is not the gateway's doing.
SLOW_WRITE_S = 0.001
_STREAM_HEADERS = (("cache-control", "no-cache"),)


class Delivery:
    """One admitted request on its way out.

    `late` is told how many seconds after its due time each paced write left.
    """

    __slots__ = ("_answer", "_bill", "_exchange", "_fault", "_late", "_pace", "_times")

    def __init__(
        self,
        exchange: Exchange,
        answer: Answer,
        pace: Pace,
        *,
        bill: "Bill",
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
        self._times: list[ChunkTimes] | None = [] if log_chunks else None

    async def send(self) -> bool:
        """Send the answer as its fault has it, and say whether the connection can go on.

        trio.BrokenResourceError comes out when the client has gone, after the charge.
        """
        reply = self._answer.reply
        if self._fault is not None:
            reply = sabotage.spoil(reply, self._fault.kind)
        if isinstance(reply, Stream):
            with self._bill:
                return await self._send_stream(reply)
        due = self._exchange.start + self._pace.due_s(self._answer.steps - 1)
        if trio.current_time() < due:
            with self._bill:
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
        if kind in sabotage.CUTS:
            if kind in ("cut-usage", "cut-done"):
                self._bill.settle()
            self._note_times()
            await exchange.write(pending + closing, last=True)
            return False
        self._bill.settle()
        self._note_times()
        await exchange.write(pending + closing + LAST_CHUNK, last=True)
        return exchange.keep_alive

    async def _send_events(self, pending: bytes, events: Sequence[bytes]) -> bytes:
        """Send `pending` at once and the events when due; return what the last write has."""
        exchange, pace, row = self._exchange, self._pace, self._exchange.row
        start, total, sent = exchange.start, len(events), 0
        now = after = trio.current_time()
        slow_client = False
        if now < start + pace.ttft_s:
            now = await exchange.write(pending)
            pending = b""
        stall_at = total // 2 if self._fault is not None and self._fault.kind == "stall" else -1
        while sent < total:
            due = start + pace.due_s(sent)
            if now < due:
                await trio.sleep_until(due)
                now = trio.current_time()
                slow_client = False
            if sent == stall_at:
                assert self._fault is not None
                await trio.sleep(self._fault.lasts_s)
                stall_at = -1
                now = trio.current_time()
            # Everything that is due goes in one write, each event as a chunk of its own.
            ready = max(sent + 1, pace.ready(now - start, total))
            if sent < stall_at:
                ready = min(ready, stall_at)
            if not slow_client:
                self._late(now - due)
            pending += b"".join([chunk(event) for event in events[sent:ready]])
            first, sent = sent, ready
            row.output_events = sent
            if sent < total:
                now = await exchange.write(pending)
                pending = b""
                after = trio.current_time()
                slow_client = after - now > SLOW_WRITE_S
            if self._times is not None:
                self._times += [
                    ChunkTimes(start + pace.due_s(index), now) for index in range(first, sent)
                ]
            now = max(now, after)
        return pending

    async def _trickle_stream(self, head: bytes, reply: Stream, closing: bytes) -> bool:
        assert self._fault is not None
        await trio.sleep_until(self._exchange.start + self._pace.ttft_s)
        self._bill.settle()
        self._exchange.row.output_events = len(reply.events)
        events = b"".join([chunk(event) for event in (*reply.opening, *reply.events)])
        return await self._trickle(head + events + closing + LAST_CHUNK, self._fault.lasts_s)

    def _note_times(self) -> None:
        if self._times is not None:
            began = self._exchange.began
            self._exchange.row.chunks = [
                ChunkTimes(due - began, sent - began) for due, sent in self._times
            ]


class Bill:
    """Holds a charge while its answer is on the way, and takes it when the answer is produced.

    A client that leaves early pays what was known at arrival; only an end of the server gives the
    hold back untaken. Nothing is billed unless it is `due`.
    """

    __slots__ = ("_amount", "_exchange", "_holds", "_key", "_ledger", "_settled")

    def __init__(
        self, ledger: Ledger, key: Key, exchange: Exchange, answer: Answer, *, due: bool
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._exchange = exchange
        self._amount = answer.charge if due else ZERO
        self._settled = self._holds = False
        if due:
            row = exchange.row
            row.input_tokens = answer.input_tokens
            row.cached_input_tokens = answer.cached_input_tokens
            row.output_tokens = answer.output_tokens
            row.images = answer.images

    def settle(self) -> None:
        """Take the charge, once."""
        if self._settled:
            return
        self._settled = True
        if self._amount:
            row = self._exchange.row
            self._let_go()
            self._ledger.charge(
                self._key, row.request_id, self._amount, self._exchange.clock.unix_us()
            )
            row.charge = self._amount

    def __enter__(self) -> None:
        if self._amount:
            self._holds = True
            self._ledger.hold(self._key, self._amount)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, Exception):
            self.settle()
        elif not self._settled:
            self._settled = True
            self._let_go()

    def _let_go(self) -> None:
        if self._holds:
            self._holds = False
            self._ledger.release(self._key, self._amount)
