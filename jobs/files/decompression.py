"""Plain, gzip and zstd bytes told apart by how they begin, and unpacked piece by piece."""

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from backports import zstd

from ..errors import InputError

READ_BYTES = 64 * 1024
ZSTD_READ_BYTES = 16 * 1024  # a block is unpacked whole: so what was read is soon what was given
PIECE_BYTES = 1024 * 1024  # unpacked, or read unpacked, at once

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte from 0x50 to 0x5f
OTHERS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"PAR1": "Parquet",
}
LONGEST_MAGIC = 6


class Piece(NamedTuple):
    """Unpacked bytes, and how many stored bytes were read by the time that they were."""

    data: bytes
    stored_bytes: int


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


def unpacked(read: Callable[[int], bytes], name: str) -> Iterator[Piece]:
    """The content behind `read`, which gives at most so many bytes, and none at the end.

    What the bytes begin with decides, not what the file is called. Takes no more from `read` than
    it needs for the next piece, so what a slow pipe has delivered is passed on at once. Several
    members or frames in a row are one file. Raises InputError when the packed data break off or are
    damaged, after everything before that has been given.
    """
    head = b""
    while len(head) < LONGEST_MAGIC and not _settled(head) and (more := read(READ_BYTES)):
        head += more
    if head.startswith(GZIP):
        yield from _gunzip(head, read, name)
    elif head.startswith(ZSTD) or _is_skippable(head):
        yield from _unzstd(head, read, name)
    else:
        for magic, kind in OTHERS.items():
            if head.startswith(magic):
                raise InputError(f"{name} is a {kind} file; unpack it, or pack it as .gz or .zst")
        stored = 0
        while head:
            stored += len(head)
            yield Piece(head, stored)
            head = read(PIECE_BYTES)


def _settled(head: bytes) -> bool:
    """Whether no more bytes are needed to see what the file is: JSON starts like nothing else."""
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
                packed = packed.lstrip(b"\0")  # gzip allows zeros after a member, as tape had them
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
                yield Piece(data, stored)
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
            packed = frame.unused_data if frame.eof else b""  # it keeps what it hasn't come to
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
        "what came before was read. Pack the file again"
    )


def _cut_off(name: str, kind: str, stored: int) -> InputError:
    return InputError(
        f"{name}: the {kind} data break off after {stored} bytes; "
        "what came before was read. Copy or pack the file again"
    )
