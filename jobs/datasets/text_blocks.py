"""The bytes of a text file, unpacked and as UTF-8, in blocks; what is not text is told with its
line. UTF-16 is read as it is in job files."""

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

from ..errors import InputError
from ..files import TextPieces

BOM = b"\xef\xbb\xbf"
READ_BYTES = 2**20
DIGEST_BYTES = 16
_UTF8 = getincrementaldecoder("utf-8")


def text_blocks(path: Path) -> Iterator[bytes]:
    """A file's bytes, of .gz and .zst unpacked, without its BOM. Raises InputError."""
    try:
        with path.open("rb", buffering=0) as file:
            pieces = TextPieces(file.read, str(path))
            yield from _checked((piece.data for piece in pieces), str(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _checked(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The same blocks. Raises InputError where they are not UTF-8, naming the line."""
    decoder = _UTF8()
    lines = 1
    begun = False
    for block in blocks:
        if not begun:
            begun = True
            block = block.removeprefix(BOM)
        pending = decoder.getstate()[0]
        if pending or not block.isascii():
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                line = lines + (pending + block).count(b"\n", 0, error.start)
                raise InputError(
                    f"{name} is not UTF-8: line {line} holds the byte "
                    f"0x{error.object[error.start]:02x}; save it as UTF-8"
                ) from error
        lines += block.count(b"\n")
        yield block
    if decoder.getstate()[0]:
        raise InputError(f"{name} is not UTF-8: it ends within a character; save it as UTF-8")


def file_digest(path: Path) -> bytes:
    """BLAKE2b-128 of a file as it is stored. Raises InputError."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(READ_BYTES):
                digest.update(block)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.digest()
