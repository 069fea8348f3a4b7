"""Server-sent events from bytes, however the network cut them.

WHATWG HTML, section 9.2.6 "Interpreting an event stream": lines end with CRLF, LF or CR and with
nothing else, so JSON that holds U+2028 stays whole.
"""

import re

import msgspec

AROUND = b" \t\xef\xbb\xbf"
EVENT_BYTES_MAX = 32 * 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r")
# How a body begins that is a stream of events, whatever it is labelled: SSE, or one per line.
_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:|\s*\{[^\n]*\}[ \t\r]*\n\s*\{")


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: its type ("message" where none was named) and its data lines joined by LF."""

    event: str
    data: bytes


class EventTooLongError(ValueError):
    """An event grew past `EVENT_BYTES_MAX` without an end."""


class SSEParser:
    """Feed it bytes in any pieces; each call returns the events that the piece completed."""

    def __init__(self) -> None:
        # A line without its end, in the pieces that it came in: joined at each piece, a long line
        # in short pieces would cost the square of its length.
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self.held_bytes = 0  # of an event that has not ended
        self._event = ""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._first = True
        self._after_cr = False
        self.between = False  # whether nothing is left of what came before

    def feed(self, piece: bytes) -> list[Event]:
        """Raises EventTooLongError where an event has no end in sight."""
        if self.between and piece.endswith(b"\n\n") and (plain := _plain_events(piece)):
            return plain
        if self._after_cr and piece:
            # The CR ended its line when it came; an LF right after it belongs to that end.
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        events: list[Event] = []
        has_cr = b"\r" in piece
        if has_cr or b"\n" in piece or self._first:
            text = b"".join([*self._rest, piece]) if self._rest else piece
            if self._first:
                if len(text) < 3 and b"\xef\xbb\xbf".startswith(text):
                    self._rest = [text]
                    return []
                text = text.removeprefix(b"\xef\xbb\xbf")
                self._first = False
            lines = _LINE_END.split(text) if has_cr else text.split(b"\n")
            rest = lines.pop()
            self._after_cr = has_cr and text.endswith(b"\r")
            self._rest, self._rest_bytes = [rest] if rest else [], len(rest)
            for line in lines:
                name, _, value = line.partition(b":")
                if name == b"data":
                    value = value.removeprefix(b" ")
                    self._data.append(value)
                    self._data_bytes += len(value) + 1  # for the LF: empty lines grow an event, too
                elif name == b"event":
                    self._event = value.removeprefix(b" ").decode("utf-8", "replace")
                elif not line:
                    if self._data:
                        events.append(Event(self._event or "message", b"\n".join(self._data)))
                        self._data = []
                        self._data_bytes = 0
                    self._event = ""
                elif name:
                    self._add_odd(name, value)
        elif piece:
            self._rest.append(piece)
            self._rest_bytes += len(piece)
        self.held_bytes = self._rest_bytes + self._data_bytes
        if self.held_bytes > EVENT_BYTES_MAX:
            raise EventTooLongError(f"an event of the stream is over {EVENT_BYTES_MAX} bytes")
        self.between = not (
            self._first or self._rest or self._data or self._event or self._after_cr
        )
        return events

    def _add_odd(self, name: bytes, value: bytes) -> None:
        """A field with blanks or a byte order mark around its name, or in capitals, as no
        specification has it."""
        known, value = name.strip(AROUND).lower(), value.removeprefix(b" ")
        if known == name:
            return
        if known == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif known == b"event":
            self._event = value.decode("utf-8", "replace")

    def end(self) -> list[Event]:
        """What came without its end: services leave out the last empty line, or the last LF."""
        rest = b"".join(self._rest)
        return self.feed(b"\n\n") if rest or self._data else []


def begins_as_events(data: bytes) -> bool:
    """Whether a body begins as a stream of events does."""
    return _BEGINS.match(data) is not None


def _plain_events(piece: bytes) -> list[Event]:
    """The events of a piece that is nothing but `data: ` lines, each with its empty line, as nearly
    all pieces are; empty where it is anything else."""
    if b"\r" in piece or len(piece) > EVENT_BYTES_MAX:
        return []
    events = []
    for block in piece[:-2].split(b"\n\n"):
        if not block.startswith(b"data: ") or b"\n" in block:
            return []
        events.append(Event("message", block[6:]))
    return events


def events_in(data: bytes) -> list[Event]:
    """The events of a whole body: SSE, or JSON with one event per line.

    Raises EventTooLongError.
    """
    parser = SSEParser()
    events = [*parser.feed(data), *parser.end()]
    if events:
        return events
    lines = (line.strip() for line in data.splitlines())
    return [Event("message", line) for line in lines if line.startswith(b"{")]
