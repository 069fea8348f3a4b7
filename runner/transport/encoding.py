"""Packed bodies, which nobody asked for, unpacked as they come and no further than is bounded.

RFC 9110 section 8.4 (Content-Encoding), RFC 1950 to 1952 (deflate and gzip), RFC 8878 and RFC 9659
(zstd and its window). What is labelled as packed and lies there plain is taken as it lies there.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

import httpx

from .connection import Headers

PIECE_BYTES = 256 * 1024  # unpacked at a time
# Past that much, a body may unpack to so many times what came of it. JSON and streams shrink to a
# tenth or a thirtieth; only what says one thing over and over shrinks to a thousandth.
RATIO_FROM_BYTES = 64 * 1024 * 1024
RATIO_MAX = 100
ZSTD_WINDOW_LOG_MAX = 23  # 8 MiB
GZIP_WBITS, ZLIB_WBITS, DEFLATE_WBITS = 31, 15, -15
NAME_CHARACTERS_MAX = 200

# Two bytes tell whether a member of a coding begins here, or plain JSON or events do.
_HEAD_BYTES = 2
_JSON_SECOND = frozenset(b' \t\r\n"{}[]-0123456789tfn')
_PLAIN_FIRST = frozenset(b": \t\r\n")
_PLAIN_WORDS = frozenset((b"da", b"ev", b"id", b"re", b"\xef\xbb"))  # data, event, ...; a BOM


class BodyError(httpx.DecodingError):
    """A body that can't be unpacked or is not. `final`: it would come the same way again."""

    def __init__(self, message: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.final = final


def codings_of(headers: Headers) -> list[str]:
    """What a body was packed by, in the order of the packing, without `identity`."""
    codings: list[str] = []
    for name, value in headers:
        if name == b"content-encoding":
            named = [each.strip().lower() for each in value.decode("latin-1").split(",")]
            codings += [coding for coding in named if coding not in ("", "identity")]
    return codings


class Decoder:
    """Unpacks one body, piece by piece, in bounded memory.

    A body that ends too early is not an error here: what came of it may be the whole of its answer.

    Args:
        headers: those of the answer, their names in lower case.
        most_bytes: of the unpacked body.

    Raises:
        BodyError: for several codings.
    """

    def __init__(self, headers: Headers, *, most_bytes: int) -> None:
        codings = codings_of(headers)
        if len(codings) > 1:
            named = ", ".join(codings)[:NAME_CHARACTERS_MAX]
            raise BodyError(
                f"the answer is packed {len(codings)} times ({named}), which nobody asked for"
            )
        self._coding = codings[0] if codings else "identity"
        self._most_bytes = most_bytes
        self._head = b""  # the first byte of a member that came alone
        self._member: _Member | None = None
        self._members = 0
        self._packed_bytes = self._unpacked_bytes = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What `piece` unpacks to, some at a time.

        Raises:
            BodyError: where the coding is unknown, the bytes are damaged, or too many come out.
        """
        self._packed_bytes += len(piece)
        while piece:
            if self._member is None:
                piece = self._head + piece
                if len(piece) < _HEAD_BYTES and self._coding != "identity":
                    self._head = piece
                    return
                self._head = b""
                self._member = self._begin(piece)
            member = self._member
            try:
                for data in member.unpack(piece):
                    self._count(len(data))
                    yield data
            except (zlib.error, ValueError) as error:
                raise BodyError(f"{self._coding}: {error}", final=False) from error
            piece = member.rest
            if member.ended:  # another may follow: some services pack each event by itself
                self._member = None

    def _begin(self, head: bytes) -> "_Member":
        coding, first = self._coding, self._members == 0
        self._members += 1
        if first and (coding == "identity" or _is_plain(head, coding)):
            return _Plain()
        if coding in ("gzip", "x-gzip"):
            return _Zlib(GZIP_WBITS) if first or head.startswith(b"\x1f\x8b") else _Ignored()
        if coding == "deflate":
            return _Zlib(ZLIB_WBITS if _is_zlib(head) else DEFLATE_WBITS) if first else _Ignored()
        if coding == "zstd":
            return _Zstd() if first or _is_zstd(head) else _Ignored()
        raise BodyError(
            f"the answer is packed as {coding[:NAME_CHARACTERS_MAX]}, which nobody asked for"
        )

    def _count(self, size_bytes: int) -> None:
        self._unpacked_bytes += size_bytes
        if self._unpacked_bytes > self._most_bytes:
            raise BodyError(f"the answer unpacks to over {self._most_bytes} bytes")
        most_bytes = max(RATIO_FROM_BYTES, RATIO_MAX * self._packed_bytes)
        if self._unpacked_bytes > most_bytes:
            raise BodyError(
                f"the answer unpacks to over {most_bytes} bytes, from {self._packed_bytes}"
            )


def _is_plain(head: bytes, coding: str) -> bool:
    if head[0] in b"{[":
        return head[1] in _JSON_SECOND  # as no deflated JSON begins
    # Deflate without a head of its own may begin with almost anything else.
    return coding != "deflate" and (head[0] in _PLAIN_FIRST or head[:_HEAD_BYTES] in _PLAIN_WORDS)


def _is_zlib(head: bytes) -> bool:
    return head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0


def _is_zstd(head: bytes) -> bool:
    """Whether a frame begins here, or one to be skipped (RFC 8878, section 3.1)."""
    return head.startswith(b"\x28\xb5") or (head[0] & 0xF0 == 0x50 and head[1] == 0x2A)


class _Member(Protocol):
    """One gzip member, zlib stream or zstd frame: `rest` is what came after its end."""

    ended: bool
    rest: bytes

    def unpack(self, data: bytes) -> Iterator[bytes]: ...


class _Plain:
    ended = False
    rest = b""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Ignored(_Plain):
    """What follows the last member, and is none."""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        yield from ()


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self.ended = False
        self.rest = b""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        inner = self._inner
        while True:
            found = inner.decompress(data, PIECE_BYTES)
            if found:
                yield found
            data = inner.unconsumed_tail
            if inner.eof or (not data and len(found) < PIECE_BYTES):
                break
        self.ended, self.rest = inner.eof, inner.unused_data


class _Zstd:
    def __init__(self) -> None:
        from backports import zstd

        bounded = {int(zstd.DecompressionParameter.window_log_max): ZSTD_WINDOW_LOG_MAX}
        self._inner = zstd.ZstdDecompressor(options=bounded)
        self._damaged = zstd.ZstdError
        self.ended = False
        self.rest = b""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        inner = self._inner
        while True:
            try:
                found = inner.decompress(data, PIECE_BYTES)
            except self._damaged as error:
                raise ValueError(str(error)) from error
            data = b""
            if found:
                yield found
            if inner.eof or inner.needs_input:
                break
        self.ended = inner.eof
        self.rest = inner.unused_data if inner.eof else b""
