"""A key in memory: it goes into one header and nowhere else."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from headrace.jobs import InputError

from .spellings import Span, spans_spelled

REDACTED = "***"
# A shorter one is a local server's ("x", "none", "EMPTY"): it hides nothing, and to take it out
# would spoil every answer that has the word.
SECRET_CHARACTERS_MIN = 6
# Of a key that comes in two halves, one is taken out; shorter pieces are what keys have in common
# ("sk-proj-").
PIECE_CHARACTERS_MIN = 12
QUOTED = "\"'/\\"  # which a backslash may stand before


class Secret:
    """Holds a key so that printing, logging or formatting it by mistake shows nothing."""

    __slots__ = ("_encoded", "_escapes", "_head", "_tail", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        half = max(-(-len(value) // 2), PIECE_CHARACTERS_MIN)
        self._head, self._tail = value[:half], value[-half:]
        self._encoded = _in_base64(value)
        self._escapes = _escapes_of(value)

    def reveal(self) -> str:
        """The key itself, for the request's header."""
        return self._value

    def is_same(self, other: "Secret") -> bool:
        """Whether it is the same key."""
        return self._value == other._value

    def redact(self, text: str, *, spelled: bool = True, mark: str = REDACTED) -> str:
        """`text` without the key, should a server have echoed it: as it is, or half of it; and with
        `spelled` in base64, or with any of its characters escaped as JSON, URLs or HTML do it.
        `mark` stands in its place."""
        if spelled:
            if not self.may_be_in(text):
                return text
        elif len(self._value) < SECRET_CHARACTERS_MIN or not (
            self._head in text or self._tail in text
        ):
            return text
        pieces: list[str] = []
        position = 0
        for begin, end in spans_spelled(text, self._find):
            kept = text[position:begin]
            # Half an escape of the key's first character is not text of its own.
            if (len(kept) - len(kept.rstrip("\\"))) % 2:
                kept = kept[:-1]
            pieces += (kept, mark)
            position = end
        return "".join([*pieces, text[position:]])

    def may_be_in(self, text: str) -> bool:
        """Whether `text` may have the key, or half of it, in any spelling."""
        return len(self._value) >= SECRET_CHARACTERS_MIN and (
            self._head in text or self._tail in text or self._may_be_spelled(text)
        )

    def redact_json(self, text: str) -> str:
        """The same of JSON, which stays JSON: a key of digits may stand there as a number."""
        without = self.redact(text)
        try:
            msgspec.json.decode(without)
        except (msgspec.DecodeError, RecursionError):
            return self.redact(text, mark="1")
        return without

    def redact_bytes(self, data: bytes) -> bytes:
        """The same for a body before it is read."""
        return self.redact(data.decode("latin-1")).encode("latin-1")

    def blot_out(self, data: bytes) -> bytes:
        """`data`, an image, with the key overwritten where it stands in it as it is."""
        if len(self._value) < SECRET_CHARACTERS_MIN:
            return data
        return data.replace(self._value.encode(), b"*" * len(self._value))

    def _may_be_spelled(self, text: str) -> bool:
        """Whether a closer look is needed. Every answer is asked, so the usual one says no after a
        few searches for what it has not: a microsecond."""
        for encoded in self._encoded:
            if encoded in text:
                return True
        for first, begin, escape in self._escapes:
            if first in text and begin in text and escape.search(text) is not None:
                return True
        return False

    def _find(self, text: str) -> Iterator[Span]:
        """Where `text` has the key, a beginning or an end of it, or its base64, as it is."""
        value, head, tail = self._value, self._head, self._tail
        at = text.find(head)
        while at >= 0:
            end = at + len(head)
            while end - at < len(value) and text.startswith(value[end - at], end):
                end += 1
            yield at, end
            at = text.find(head, end)
        at = text.find(tail)
        while at >= 0:
            begin, end = at, at + len(tail)
            while begin and end - begin < len(value) and text[begin - 1] == value[begin - end - 1]:
                begin -= 1
            yield begin, end
            at = text.find(tail, end)
        for encoded in self._encoded:
            at = text.find(encoded)
            while at >= 0:
                yield at, at + len(encoded)
                at = text.find(encoded, at + len(encoded))

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    __str__ = __repr__


class Secrets:
    """The keys of all services of a run: what one of them echoes shows none of them. What is asked
    of it is as of one `Secret`."""

    __slots__ = ("_each",)

    def __init__(self, each: Iterable[Secret]) -> None:
        # The longest first: of one that begins with another its end would be left.
        self._each = sorted(each, key=lambda key: -len(key.reveal()))

    def redact(self, text: str, *, spelled: bool = True) -> str:
        for key in self._each:
            text = key.redact(text, spelled=spelled)
        return text

    def may_be_in(self, text: str) -> bool:
        return any(key.may_be_in(text) for key in self._each)

    def redact_json(self, text: str) -> str:
        for key in self._each:
            text = key.redact_json(text)
        return text

    def redact_bytes(self, data: bytes) -> bytes:
        for key in self._each:
            data = key.redact_bytes(data)
        return data

    def blot_out(self, data: bytes) -> bytes:
        for key in self._each:
            data = key.blot_out(data)
        return data


def key_in(variable: str, environment: Mapping[str, str]) -> Secret:
    """The key that a variable holds. Raises InputError where there is none, or one that no header
    can carry."""
    text = environment.get(variable, "").strip()
    if not text:
        raise InputError(
            f"no key: set {variable} (a key is never taken as a flag); `headrace demo` needs none"
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InputError(f"{variable} holds characters that no key has; set it again")
    return Secret(text)


def _in_base64(value: str) -> tuple[str, ...]:
    """How base64 spells the key, whatever stands before and after it: three alignments (RFC 4648),
    without the characters that its neighbours share."""
    found: dict[str, None] = {}
    for shift in range(3):
        data = bytes(shift) + value.encode()
        begin, end = -(-shift * 8 // 6), len(data) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found[encode(data).decode()[begin:end]] = None
    return tuple(found)


def _escapes_of(value: str) -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """What an escape of one of the key's characters begins with, in one character and in several,
    and looks like. Those of an escape's own beginning are among them: an escape may be escaped."""
    codes = "|".join(f"{ord(character):02x}" for character in sorted({*value, *"\\%&"}))
    kinds = [
        ("\\u00", rf"\\u00(?i:{codes})"),
        ("\\x", rf"\\x(?i:{codes})"),
        ("%", rf"%(?i:{codes})"),
        ("&", r"&(?:#|[A-Za-z]{2,20};)"),
        *((f"\\{each}", re.escape(f"\\{each}")) for each in QUOTED if each in value),
    ]
    return tuple((begin[0], begin, re.compile(looks)) for begin, looks in kinds)
