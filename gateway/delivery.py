"""Sending one answer at its pace, with its fault, and charging for it."""

import socket
import struct
from collections.abc import Callable
from decimal import Decimal

import trio

from .answer import Answer, Stream
from .config import Config, Key
from .faults import FaultKind
from .http import LAST_CHUNK, chunk, response_head
from .ledger import Ledger
from .log import LogRow
from .prices import ZERO

EVENT_STREAM = "text/event-stream; charset=utf-8"


class Delivery:
    """One admitted request on its way out on `stream`.

    `elapsed_s` turns trio's time into the log's seconds; `finish` is called just before the last
    write, when all of the row but its end is known. `send` returns whether the connection can
    go on; trio.BrokenResourceError comes out when the client has gone, after the charge.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        row: LogRow,
        *,
        config: Config,
        keep_alive: bool,
        elapsed_s: Callable[[float], float],
        finish: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._row = row
        self._config = config
        self._keep_alive = keep_alive
        self._elapsed_s = elapsed_s
        self._finish = finish
        self._start = trio.current_time()

    async def send(self, answer: Answer, key: Key, ledger: Ledger, fault: FaultKind | None) -> bool:
        """Send `answer` as `fault` has it, and charge it unless the fault strikes."""
        row = self._row
        row.fault = fault
        if fault == "reset":
            self._finish()
            await abort(self._stream)
            return False
        bill = _Bill(ledger, key, ZERO if fault else answer.charge, row)
        if not fault:
            row.input_tokens = answer.input_tokens
            row.cached_input_tokens = answer.cached_input_tokens
            row.output_tokens = answer.output_tokens
            row.images = answer.images
        with bill:
            if isinstance(answer.reply, Stream):
                return await self._send_stream(answer.reply, bill, fault)
            return await self._send_body(answer, answer.reply, bill, fault)

    async def _send_body(
        self, answer: Answer, body: bytes, bill: "_Bill", fault: FaultKind | None
    ) -> bool:
        if fault == "malformed":
            body = body[: len(body) // 2]
        head = response_head(
            200,
            self._row.request_id,
            content_type=answer.content_type,
            length_bytes=len(body),
            keep_alive=self._keep_alive,
        )
        if fault == "cut":
            body = body[: len(body) // 2]
        await self._until(self._config.ttft_s + self._config.itl_s * (answer.steps - 1))
        bill.settle()
        self._row.status = 200
        await self._write(head + body, last=True)
        return self._keep_alive and fault != "cut"

    async def _send_stream(self, reply: Stream, bill: "_Bill", fault: FaultKind | None) -> bool:
        row, events = self._row, reply.events
        if fault == "cut":
            events = events[: len(events) // 2]
        elif fault == "malformed":
            middle = len(events) // 2
            broken = events[middle][: len(events[middle]) // 2] + b"\n\n"
            events = [*events[:middle], broken, *events[middle + 1 :]]
        head = response_head(
            200,
            row.request_id,
            content_type=EVENT_STREAM,
            length_bytes=None,
            keep_alive=self._keep_alive,
            headers=(("cache-control", "no-cache"),),
        )
        row.status = 200
        pending = head + chunk(b"".join(reply.opening))
        itl_s, first_due = self._config.itl_s, self._start + self._config.ttft_s
        sent = 0
        now = trio.current_time()
        if now < first_due:
            await self._write(pending)
            pending = b""
        while sent < len(events):
            due = first_due + sent * itl_s
            if now < due:
                await trio.sleep_until(due)
                now = max(due, trio.current_time())
            # Everything that is due goes in one write, each event as a chunk of its own.
            ready = len(events)
            if itl_s > 0:
                ready = min(ready, max(sent + 1, int((now - first_due) / itl_s) + 1))
            pending += b"".join([chunk(event) for event in events[sent:ready]])
            row.output_events = sent = ready
            if sent < len(events):
                await self._write(pending)
                pending = b""
                now = trio.current_time()
        if fault == "cut":
            await self._write(pending, last=True)
            return False
        bill.settle()
        closing = b"".join([chunk(event) for event in reply.closing])
        await self._write(pending + closing + LAST_CHUNK, last=True)
        return self._keep_alive

    async def _until(self, after_s: float) -> None:
        due = self._start + after_s
        if trio.current_time() < due:
            await trio.sleep_until(due)

    async def _write(self, data: bytes, *, last: bool = False) -> None:
        if not data and not last:
            return
        row, now_s = self._row, self._elapsed_s(trio.current_time())
        if row.first_byte_s is None:
            row.first_byte_s = now_s
        if row.first_token_s is None and row.output_events:
            row.first_token_s = now_s
        if last:
            self._finish()
        await self._stream.send_all(data)


class _Bill:
    """Holds a charge while its answer is on the way, and takes it when the answer is produced.

    A client that leaves early pays what was known at arrival; only an end of the server gives the
    hold back untaken.
    """

    def __init__(self, ledger: Ledger, key: Key, amount: Decimal, row: LogRow) -> None:
        self._ledger = ledger
        self._key = key
        self._amount = amount
        self._row = row
        self._settled = False

    def settle(self) -> None:
        """Take the charge, once."""
        if self._settled:
            return
        self._settled = True
        self._ledger.release(self._key, self._amount)
        if self._amount:
            self._ledger.charge(self._key, self._row.request_id, self._amount)
        self._row.charge = self._amount

    def __enter__(self) -> None:
        self._ledger.hold(self._key, self._amount)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._amount_given_back()
        else:
            self.settle()

    def _amount_given_back(self) -> None:
        if not self._settled:
            self._settled = True
            self._ledger.release(self._key, self._amount)


async def abort(stream: trio.abc.Stream) -> None:
    """Break the connection: on TCP with a reset, which is no orderly end."""
    transport: object = stream
    while isinstance(transport, trio.SSLStream):
        transport = transport.transport_stream
    if isinstance(transport, trio.SocketStream):
        transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await trio.aclose_forcefully(stream)
