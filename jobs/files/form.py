"""What a job file is as a whole: lines, one JSON document, or something that holds no jobs.

A fault of the whole file is told once, before anything is sent, and so that it can be mended; a bad
line among good ones is not such a fault, so no job may be in sight.
"""

import csv
from collections.abc import Sequence
from typing import Literal

import msgspec

from ..errors import InputError
from .encoding import BOM
from .source import Source, display_name

Form = Literal["lines", "requests", "array"]

REQUESTS = b'"requests"'
# Before it is said of a file that it holds no jobs, so many of its lines are looked at.
LOOKED_AT_LINES = 50
TABLE_KINDS = {",": "CSV", ";": "CSV", "\t": "tab-separated text", "|": "CSV"}
_BLANK = b" \t\r\n" + BOM

_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def form_of(source: Source) -> Form:
    """What form a job file has, by its beginning. To be called before its lines are read.

    Reads no more than the first line where that is an object, so that a slow pipe's first job is
    not held up.

    Args:
        source: the file.

    Returns:
        `requests` is the `{"requests": [...]}` document, `array` a list of jobs.

    Raises:
        InputError: it is something else, and what to do; or it can't be read.
    """
    head = source.head(lambda head: _form(head, ended=False) is not None)
    form = _form(head, ended=True)
    if form is None or form in ("lines", "requests", "array"):
        return form or "lines"  # type: ignore[return-value]
    raise InputError(f"{display_name(source.path)} {form}")


def _form(head: bytes, *, ended: bool) -> str | None:
    """The form, or the fault in words that follow the file's name; None where more is needed.

    Where the beginning has `ended`, what there is decides.
    """
    text = head.lstrip(_BLANK)
    if not text:
        return None
    if text.startswith((b"{", b"[")) and (document := _document(text)) is not False:
        return document
    first, end, _ = text.partition(b"\n")
    if end and _is_object(first.strip()):  # without a look at all of the rest
        return "lines"
    lines = _lines(text, ended=ended)
    if lines and _is_object(lines[0]):
        return "lines"
    if text.startswith(b"[") and (found := _array(text, lines, ended=ended)) is not False:
        return found
    if len(lines) < 2 and not ended:
        return None
    if not lines or any(_is_object(line) for line in lines[:LOOKED_AT_LINES]):
        return "lines"
    return _fault(lines[0], lines[1] if len(lines) > 1 else None) or "lines"


def _document(text: bytes) -> str | Literal[False] | None:
    """`requests` where it is that document, False where it is not, None where more is needed."""
    rest = text[1:].lstrip()
    if text.startswith(b"[") or len(rest) >= len(REQUESTS) or not REQUESTS.startswith(rest):
        return "requests" if text.startswith(b"{") and rest.startswith(REQUESTS) else False
    return None


def _array(text: bytes, lines: Sequence[bytes], *, ended: bool) -> str | Literal[False] | None:
    """Likewise of a list; False also where it is a line's, and no other line's, form."""
    rest = text[1:].lstrip(_BLANK)
    if rest and not rest.startswith((b"{", b"]")):
        return False
    if len(lines) < 2 and not ended:
        return None
    if len(lines) < 2 or not _is_list(lines[0]):
        return "array"
    if lines[1].startswith(b"["):
        return "has a JSON list on each line; write one object per line"
    return False


def _fault(first: bytes, second: bytes | None) -> str | None:
    """What is wrong with a file of whose first lines none is an object."""
    if first.startswith(b"<"):
        return "is a web page or XML, not JSON lines; fetch the file itself"
    if second is not None and (kind := _table_kind(first, second)) is not None:
        return f"looks like {kind}, not JSON lines; make jobs of it with `headrace jobs make`"
    if not first.startswith(b"{"):
        return None
    if first.startswith(b"{'") and (second is None or second.startswith(b"{'")):
        return "has lines in Python's own form, with single quotes; write them with json.dumps"
    if first.endswith(b",") and _is_object(first[:-1]):
        if second is None or second.endswith(b","):
            return "has lines that end in commas; take those out, or make it a JSON array in [ ]"
    elif first.endswith((b"{", b"[", b",")) and second is not None and second[:1] in b'"]}':
        return (
            "is pretty-printed JSON, each object over several lines; write each on one line, as "
            "`jq -c .` does"
        )
    return None


def _table_kind(header: bytes, row: bytes) -> str | None:
    """What kind of table has these first lines; None where they are not of one."""
    if header.startswith((b"{", b"[")) or row.startswith((b"{", b"[")):
        return None
    texts = [line.decode("utf-8", "replace") for line in (header, row)]
    for delimiter, kind in TABLE_KINDS.items():
        try:
            cells = [len(next(csv.reader([text], delimiter=delimiter))) for text in texts]
        except csv.Error:
            continue
        # A cell may continue in the next line.
        if cells[0] > 1 and (cells[1] == cells[0] or texts[1].count('"') % 2):
            return kind
    return None


def _lines(text: bytes, *, ended: bool) -> list[bytes]:
    """The whole lines of a beginning that are not blank; the last one too where it has `ended`."""
    *whole, rest = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    found = [line.strip(_BLANK) for line in ([*whole, rest] if ended else whole)]
    return [line for line in found if line]


def _is_object(line: bytes) -> bool:
    try:
        _object(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _is_list(line: bytes) -> bool:
    try:
        _list(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
