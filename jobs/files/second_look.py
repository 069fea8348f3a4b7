"""A second look at a line that is not a job: does it show that the file was put together badly?

Files that were put together (`cat a b`, or `>>` from a shell that writes UTF-16) have byte order
marks inside, which are taken off. Where encoding or line ends change on the way, what follows can't
be read as lines: that is a fault of the whole file, and told once.
"""

import msgspec

from ..errors import InputError
from .encoding import BOM, UTF16, encoding_of
from .source import Source, display_name

_MARKS = (BOM, b"\xff\xfe", b"\xfe\xff")
_OPENING = ('{"', "{ ", "[{")
_SKIP = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def without_marks(line: bytes, number: int, source: Source) -> bytes | None:
    """The line without the byte order marks that it begins with; None where that leaves nothing.

    Args:
        line: not a job as it is.
        number: from 1, of the line.
        source: where it is from.

    Raises:
        InputError: encoding or line ends change at this line.
    """
    bare = line
    while bare.startswith(BOM):
        bare = bare[len(BOM) :]
    name = display_name(source.path)
    if (encoding := _other_encoding(bare, source.encoding)) is not None:
        before = "UTF-8" if source.encoding == "utf-8" else "UTF-16"
        raise InputError(
            f"{name} changes from {before} to {encoding} at line {number}; save all of it as UTF-8"
        )
    first, cr, rest = bare.partition(b"\r")
    if cr and rest.strip() and _is_object(first):
        raise InputError(
            f"{name} has jobs on line {number} with only a CR between them; end every line alike, "
            "with LF"
        )
    return bare if bare.strip() else None


def _other_encoding(line: bytes, encoding: str) -> str | None:
    """What a line turns out to be in that was read as `encoding`; None where that fits."""
    if encoding not in UTF16:
        # After the LF of a line in UTF-16 comes the other half of it.
        start = line[1:5] if line.startswith(b"\0") and encoding_of(line[1:5]) in UTF16 else line
        return "UTF-16" if encoding_of(start[:4]) in UTF16 else None
    stored = line.decode("utf-8", "surrogatepass").encode(encoding, "surrogatepass")
    if stored.startswith(_MARKS):
        return "UTF-8" if stored.startswith(BOM) else "UTF-16 of the other byte order"
    other = UTF16[encoding == UTF16[0]]
    for opening in _OPENING:
        if stored.startswith(opening.encode()):
            return "UTF-8"
        if stored.startswith(opening.encode(other)):
            return "UTF-16 of the other byte order"
    return None


def _is_object(line: bytes) -> bool:
    try:
        _SKIP(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
