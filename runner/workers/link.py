"""Links: whole messages between a coordinator and a worker, in order, whatever carries them."""

import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import trio

Out_contra = TypeVar("Out_contra", contravariant=True)
In_co = TypeVar("In_co", covariant=True)
Out = TypeVar("Out")
In = TypeVar("In")

LENGTH_BYTES = 4
# A block of jobs is far below it: whatever claims more is not one of ours.
FRAME_BYTES_MAX = 1024 * 1024 * 1024
RECEIVED_AT_ONCE = 256 * 1024
_encoder = msgspec.msgpack.Encoder(decimal_format="string")


class LinkLostError(Exception):
    """The other end is gone, or sends what is not a message."""


class Link(Protocol[Out_contra, In_co]):
    """One end. One task receives; any task may send."""

    async def send(self, message: Out_contra) -> None:
        """Hand a message over, once what carries it has room. Raises LinkLostError."""

    async def receive(self) -> In_co:
        """The next message. Raises LinkLostError once the other end is gone."""
        ...

    def shared_s(self) -> float:
        """Now, in seconds on a clock that both ends read alike."""
        ...

    def follow(self, ahead_s: float) -> None:
        """From now on the clock that is shared is the other machine's, which this one's is so much
        ahead of."""

    async def aclose(self) -> None:
        """Let the other end see that this one is gone."""


class StreamLink(Generic[Out, In]):
    """A link over a stream of bytes: each message is its length in four bytes, and itself.

    Bounded by the stream: what the other end doesn't read is held back here. Once a message is
    being written it is written whole, also where its sender is cancelled: half of it would be read
    together with the next. `aclose` ends a write that nobody reads.

    Args:
        stream: both ways; closed by `aclose`.
        kind: what comes in.
        shared_s: the clock that both ends read; the machine's own where they are processes of one.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        kind: Any,  # a union of message types, which is not a type
        *,
        shared_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock_s = shared_s
        self._ahead_s = 0.0
        self._stream = stream
        self._decoder: msgspec.msgpack.Decoder[In] = msgspec.msgpack.Decoder(kind)
        self._sending = trio.Lock()
        self._received = bytearray()

    def shared_s(self) -> float:
        return self._clock_s() - self._ahead_s

    def follow(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    async def send(self, message: Out) -> None:
        body = _encoder.encode(message)
        async with self._sending:
            try:
                with trio.CancelScope(shield=True):
                    await self._stream.send_all(len(body).to_bytes(LENGTH_BYTES, "big") + body)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise LinkLostError from error

    async def receive(self) -> In:
        while (body := self._whole()) is None:
            try:
                piece = await self._stream.receive_some(RECEIVED_AT_ONCE)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise LinkLostError from error
            if not piece:
                raise LinkLostError
            self._received += piece
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
            raise LinkLostError from error

    def _whole(self) -> bytes | None:
        """The next message's bytes, once all of them are here."""
        received = self._received
        if len(received) < LENGTH_BYTES:
            return None
        size = int.from_bytes(received[:LENGTH_BYTES], "big")
        if size > FRAME_BYTES_MAX:
            raise LinkLostError
        end = LENGTH_BYTES + size
        if len(received) < end:
            return None
        body = bytes(received[LENGTH_BYTES:end])
        del received[:end]
        return body

    async def aclose(self) -> None:
        await self._stream.aclose()
