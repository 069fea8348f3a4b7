"""What a fault does to an answer before it is sent."""

import json
from typing import Any

from .answer import Stream
from .faults import FaultKind

CUTS: frozenset[FaultKind] = frozenset(("cut-first", "cut", "cut-event", "cut-usage", "cut-done"))


def spoil(reply: bytes | Stream, kind: FaultKind) -> bytes | Stream:
    """The body, or the events, that are left after `kind`."""
    if isinstance(reply, bytes):
        if kind == "malformed":
            return reply[: len(reply) // 2]
        return _without_usage(reply) if kind == "no-usage" else reply
    events, closing = list(reply.events), list(reply.closing)
    middle = len(events) // 2
    if kind == "malformed":
        events[middle : middle + 1] = [half + b"\n\n" for half in _halves(events, middle)]
    elif kind == "no-usage":
        opening = [_event_without_usage(event) for event in reply.opening]
        return Stream(opening, events, [_event_without_usage(event) for event in closing])
    elif kind in CUTS:
        if kind == "cut-first":
            events = []
        elif kind == "cut":
            events = events[:middle]
        elif kind == "cut-event":
            events = [*events[:middle], *_halves(events, middle)]
        if kind == "cut-done":
            closing = closing[:-1]
        elif kind == "cut-usage":
            told = (index for index, event in enumerate(closing) if b'"usage"' in event)
            closing = closing[: next(told, len(closing) - 1)]
        else:
            closing = []
    return Stream(reply.opening, events, closing)


def _halves(events: list[bytes], index: int) -> list[bytes]:
    """The first half of the event at `index`, if there is one."""
    return [event[: len(event) // 2] for event in events[index : index + 1]]


def _without_usage(body: bytes) -> bytes:
    fields: dict[str, Any] = json.loads(body)
    fields.pop("usage", None)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _event_without_usage(event: bytes) -> bytes:
    """`event` without any usage; of an event about usage alone, nothing is left."""
    if b'"usage"' not in event:
        return event
    before, _, data = event.partition(b"data: ")
    fields: dict[str, Any] = json.loads(data)
    fields.pop("usage", None)
    if isinstance(fields.get("message"), dict):
        fields["message"].pop("usage", None)
    if fields.get("choices") == []:
        return b""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return before + b"data: " + text.encode() + b"\n\n"
