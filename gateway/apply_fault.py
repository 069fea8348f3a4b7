"""What a fault does to an answer before it is sent."""

import json
from typing import Any

from .faults import FaultKind
from .response import EventStream

CUTS: frozenset[FaultKind] = frozenset(("cut-first", "cut", "cut-event", "cut-usage", "cut-done"))


def apply_fault(body: bytes | EventStream, kind: FaultKind) -> bytes | EventStream:
    """What a fault of `kind` leaves of a body or of a stream."""
    if isinstance(body, bytes):
        if kind == "malformed":
            return body[: len(body) // 2]
        return _without_usage(body) if kind == "no-usage" else body
    events, closing = list(body.events), list(body.closing)
    middle = len(events) // 2
    if kind == "malformed":
        events[middle : middle + 1] = [half + b"\n\n" for half in _halves(events, middle)]
    elif kind == "no-usage":
        opening = [_event_without_usage(event) for event in body.opening]
        return EventStream(opening, events, [_event_without_usage(event) for event in closing])
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
            with_usage = (index for index, event in enumerate(closing) if b'"usage"' in event)
            closing = closing[: next(with_usage, len(closing) - 1)]
        else:
            closing = []
    return EventStream(body.opening, events, closing)


def _halves(events: list[bytes], index: int) -> list[bytes]:
    """The first half of the event at `index`, if there is one."""
    return [event[: len(event) // 2] for event in events[index : index + 1]]


def _without_usage(body: bytes) -> bytes:
    fields: dict[str, Any] = json.loads(body)
    fields.pop("usage", None)
    fields.pop("meta", None)  # where a reranking has it
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _event_without_usage(event: bytes) -> bytes:
    """`event` without any usage; of an event about usage alone, nothing is left."""
    if b'"usage"' not in event:
        return event
    before, _, data = event.partition(b"data: ")
    fields: dict[str, Any] = json.loads(data)
    fields.pop("usage", None)
    for name in ("message", "response"):
        if isinstance(fields.get(name), dict):
            fields[name].pop("usage", None)
    if fields.get("choices") == []:
        return b""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return before + b"data: " + text.encode() + b"\n\n"
