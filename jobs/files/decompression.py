"""Plain, gzip and zstd bytes, told apart by their first bytes and decompressed in pieces."""

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from backports import zstd

from ..errors import InputError

READ_BYTES = 64 * 1024
ZSTD_READ_BYTES = (
    16 * 1024
)  # a block is decompressed as a whole, so that output keeps up with input
PIECE_BYTES = 1024 * 1024  # decompressed, or read uncompressed, at a time

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte from 0x50 to 0x5f
LONGEST_MAGIC = 4


class Piece(NamedTuple):
    """Decompressed bytes, and how many stored bytes had been read by then."""

    data: bytes
    stored_bytes: int


def decompressed(read: Callable[[int], bytes], name: str) -> Iterator[Piece]:
    """The decompressed content of a file, in pieces.

    The first bytes decide on the format, not the file's name. Reads no more than it needs for the
    next piece, so what a slow pipe has delivered is passed on at once. Several members or frames in
    a row are one file.

    Args:
        read: returns at most so many stored bytes, and none at the end.
        name: of the file, for messages.

    Raises:
        InputError: when the compressed data are truncated or damaged, after all pieces before that.
    """
    head = b""
    while len(head) < LONGEST_MAGIC and not _is_decided(head) and (more := read(READ_BYTES)):
        head += more
    if head.startswith(GZIP):
        yield from _gunzip(head, read, name)
    elif head.startswith(ZSTD) or _is_skippable(head):
        yield from _unzstd(head, read, name)
    else:
        stored = 0
        while head:
            stored += len(head)
            yield Piece(head, stored)
            head = read(PIECE_BYTES)


def _is_decided(head: bytes) -> bool:
    """Whether no more bytes are needed to tell the format: only plain text starts like JSON."""
    return head[:1] in (b"{", b"[", b" ", b"\t", b"\r", b"\n")


def _is_skippable(head: bytes) -> bool:
    return head[1:4] == ZSTD_SKIPPABLE and head[0] & 0xF0 == 0x50


def _gunzip(packed: bytes, read: Callable[[int], bytes], name: str) -> Iterator[Piece]:
    stored = len(packed)
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    begun = False
    while True:
        while packed:
            if member.eof:
                packed = packed.lstrip(b"\0")  # gzip allows zeros after a member, as on tapes
                if not packed:
                    break
                member, begun = zlib.decompressobj(zlib.MAX_WBITS | 16), False
            begun = True
            try:
                data = member.decompress(packed, PIECE_BYTES)
            except zlib.error as error:
                raise _damaged(name, "gzip", stored, str(error)) from error
            packed = member.unused_data if member.eof else member.unconsumed_tail
            if data:
                yield Piece(data, stored - len(packed))
        packed = read(READ_BYTES)
        stored += len(packed)
        if not packed:
            break
    if begun and not member.eof:
        raise _cut_off(name, "gzip", stored)


def _unzstd(packed: bytes, read: Callable[[int], bytes], name: str) -> Iterator[Piece]:
    stored = len(packed)
    frame = zstd.ZstdDecompressor()
    begun = False
    while True:
        while packed or (begun and not frame.eof and not frame.needs_input):
            if frame.eof:
                frame = zstd.ZstdDecompressor()
            begun = True
            try:
                data = frame.decompress(packed, PIECE_BYTES)
            except zstd.ZstdError as error:
                raise _damaged(name, "zstd", stored, str(error)) from error
            packed = frame.unused_data if frame.eof else b""  # it buffers what it has not processed
            if data:
                yield Piece(data, stored)
        packed = read(ZSTD_READ_BYTES)
        stored += len(packed)
        if not packed:
            break
    if begun and not frame.eof:
        raise _cut_off(name, "zstd", stored)


def _damaged(name: str, kind: str, stored: int, why: str) -> InputError:
    return InputError(
        f"{name}: the {kind} data are damaged before byte {stored} ({why}); "
        "what came before was read. Compress the file again"
    )


def _cut_off(name: str, kind: str, stored: int) -> InputError:
    return InputError(
        f"{name}: the {kind} data are truncated after {stored} bytes; "
        "what came before was read. Copy or compress the file again"
    )
