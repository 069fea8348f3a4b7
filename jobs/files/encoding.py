"""The text of a file: UTF-16 becomes UTF-8 as it is read, and what is not text is told by name."""

import codecs
import re
from collections.abc import Callable, Iterator

from ..errors import InputError
from .decompression import Piece, decompressed

BOM = b"\xef\xbb\xbf"
UTF16 = ("utf-16-le", "utf-16-be")

_BOMS = {  # the longer ones first: UTF-16's are their beginnings
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_ASCII = rb"[\t\n\r -~]"
_LOOKS = {  # of its first characters
    "utf-32": re.compile(rb"%b\0\0\0|\0\0\0%b" % (_ASCII, _ASCII)),
    "utf-16-le": re.compile(rb"%b\0%b\0" % (_ASCII, _ASCII)),
    "utf-16-be": re.compile(rb"\0%b\0%b" % (_ASCII, _ASCII)),
}
# What other kinds of files begin with, and what is to be done with them.
_MAKE = "write one JSON object per line from it"
_OTHER_KINDS = {
    b"PAR1": "a Parquet file, not JSON lines; make jobs of it with `headrace jobs make` "
    "or run it with --recipe",
    b"ARROW1": f"an Arrow file, not text; {_MAKE}",
    b"ORC": f"an ORC file, not text; {_MAKE}",
    b"Obj\x01": f"an Avro file, not text; {_MAKE}",
    b"SQLite format 3\x00": f"an SQLite database, not text; {_MAKE}",
    b"\x89HDF": f"an HDF5 file, not text; {_MAKE}",
    b"%PDF": f"a PDF, not text; {_MAKE}",
    b"\xd0\xcf\x11\xe0": f"an Excel workbook, not text; {_MAKE}",
    b"PK\x03\x04": "a zip file (or an Excel workbook, which is one); take the file out of it, "
    "or compress that as .gz or .zst",
    b"BZh": "a bzip2 file; unpack it, or compress it as .gz or .zst",
    b"\xfd7zXZ\x00": "an xz file; unpack it, or compress it as .gz or .zst",
    b"7z\xbc\xaf": "a 7-Zip file; unpack it, or compress it as .gz or .zst",
    b"\x1f\x8b": "compressed twice; unpack it once",
    b"\x28\xb5\x2f\xfd": "compressed twice; unpack it once",
}
_TAR_AT_BYTES, _TAR = 257, b"ustar"
_MARK_BYTES = 4  # the longest byte order mark
_JSON_STARTS = frozenset(b"{[ \t\r\n")


class TextPieces:
    """The pieces of a file, decompressed and as UTF-8; `encoding` is what it is stored in.

    The first bytes decide: a byte order mark, or the zero bytes that ASCII has in UTF-16. The mark
    itself stays, as UTF-8's. Half of a surrogate pair becomes bytes that are not UTF-8.

    Args:
        read: returns at most so many stored bytes, and none at the end.
        name: of the file, for messages.

    Raises:
        InputError: where the compressed data are damaged, after all pieces before that; where the
            file is of another kind or encoding; where UTF-16 ends within a character.
    """

    def __init__(self, read: Callable[[int], bytes], name: str) -> None:
        self.encoding = "utf-8"
        self._name = name
        self._pieces = self._decoded(decompressed(read, name))

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        return next(self._pieces)

    def _decoded(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        head = Piece(b"", 0)
        while not _is_decided(head.data) and (more := next(pieces, None)) is not None:
            head = Piece(head.data + more.data, more.stored_bytes)
        if not head.data:
            return
        refuse_other_kinds(head.data, self._name)
        self.encoding = encoding_of(head.data)
        if self.encoding == "utf-32":
            raise InputError(f"{self._name} is in UTF-32; save it as UTF-8")
        if self.encoding == "utf-8":
            yield head
            yield from pieces
            return
        decoder = codecs.getincrementaldecoder(self.encoding)("surrogatepass")
        stored = head.stored_bytes
        yield Piece(_utf8(decoder.decode(head.data)), stored)
        for piece in pieces:
            stored = piece.stored_bytes
            yield Piece(_utf8(decoder.decode(piece.data)), stored)
        try:
            rest = decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self._name} is in UTF-16 and ends within a character: it is cut short, or "
                "changes to another encoding on the way; save all of it as UTF-8"
            ) from error
        yield Piece(_utf8(rest), stored)


def refuse_other_kinds(head: bytes, name: str) -> None:
    """Raises InputError where a file, unpacked, begins as one that is not text does."""
    for magic, what in _OTHER_KINDS.items():
        if head.startswith(magic):
            raise InputError(f"{name} is {what}")
    if head[_TAR_AT_BYTES:].startswith(_TAR):
        raise InputError(f"{name} is a tar archive; take the file out of it")


def encoding_of(head: bytes) -> str:
    """The encoding of a text that begins with ASCII, by its first bytes: its byte order mark, or
    where its zero bytes are.

    Args:
        head: at least the first 4 bytes, where there are so many.

    Returns:
        "utf-8", "utf-16-le", "utf-16-be", or "utf-32" for both kinds of it.
    """
    for mark, encoding in _BOMS.items():
        if head.startswith(mark):
            return encoding
    return next((name for name, look in _LOOKS.items() if look.match(head)), "utf-8")


def _is_decided(head: bytes) -> bool:
    """Whether no more bytes are needed; a line of JSON waits for no other."""
    if len(head) > 1 and head[0] in _JSON_STARTS and head[1] != 0:
        return True
    return len(head) >= _MARK_BYTES and not any(magic.startswith(head) for magic in _OTHER_KINDS)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
