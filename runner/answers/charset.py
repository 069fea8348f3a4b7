"""Text in another encoding than UTF-8, by its byte order mark, its zero bytes, or its label."""

import json
import re

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_READABLE = 2  # characters: a text that was guessed by its zero bytes begins in ASCII


def as_utf8(data: bytes, content_type: bytes) -> bytes | None:
    """The same text in UTF-8; None where it is that already, or nothing tells what it is.

    Args:
        data: a body.
        content_type: its label, empty where it has none.
    """
    text = _by_its_bytes(data)
    if text is None:
        labelled = _CHARSET.search(content_type)
        if labelled is None or _is_utf8(data):
            return None
        text = _decoded(data, labelled[1].decode())
    return None if text is None else text.encode("utf-8", "replace")


def _by_its_bytes(data: bytes) -> str | None:
    """Text in UTF-16 or UTF-32, which what begins in ASCII shows by its zero bytes."""
    encoding = json.detect_encoding(data[:4])
    if encoding.startswith("utf-8"):
        return None
    text = _decoded(data, encoding)
    marked = data.startswith(_MARKS)
    return text if marked or (text is not None and _is_readable(text)) else None


def _is_readable(text: str) -> bool:
    head = text[:_READABLE]
    return head.isascii() and "".join(head.split()).isprintable()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding, "replace")
    except LookupError:
        return None
