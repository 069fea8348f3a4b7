"""What both protocols' streams have in common: ends, errors, and events that can't be read."""

import re
from abc import ABC, abstractmethod
from typing import Any

import msgspec

from .body import Answer, Partial, UnusableAnswerError
from .errors import ErrorBody
from .json_text import NotJSONError, decode, whole_characters
from .sse import Event

UNREADABLE_KEPT = 20
DONE = b"[DONE]"
END_MARK = re.compile(rb"\s*\[?\s*done\s*\]?\s*", re.IGNORECASE)  # as some write it


class AnswerStream(ABC):
    """Feed it events.

    `failed` holds the error that the stream itself reported before its answer was whole, if any;
    `began` is set once an event was understood that is not merely the end.
    """

    def __init__(self) -> None:
        self.failed: ErrorBody | None = None
        self.ended = False  # the protocol's last event came
        self.began = False
        self.answering = False  # a token came that is not reasoning
        self.bore_tokens = False
        self.unreadable: list[bytes] = []  # events that look like parts of an answer
        self._strict = True

    def at_end(self) -> None:  # noqa: B027 - most streams say themselves that they are whole
        """What brought the stream ended as it should."""

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether the answer said why it ended: every choice, or the message."""

    @property
    @abstractmethod
    def has_usage(self) -> bool:
        """Whether its usage was told."""

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: why it ended, or its last event after content and usage."""
        return self.finished or (self.ended and self.bore_tokens and self.has_usage)

    @property
    def over(self) -> bool:
        """Whether what follows is left out: its last event came, or an error of its own."""
        return self.ended or self.failed is not None

    def add(self, event: Event) -> bool:
        """Take one event; True where it bears tokens. Raises UnusableAnswerError where what it
        adds can't be put together."""
        if event.data == DONE:
            self.ended = True
            return False
        try:
            data = msgspec.json.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._add_odd(event)
        if not isinstance(data, dict):
            return self._add_json(data, event.event)
        if self._take(data, event.event):
            self.bore_tokens = True
            return True
        return False

    def _add_json(self, data: Any, name: str) -> bool:
        if type(data) is str and END_MARK.fullmatch(data.encode()):
            self.ended = True
            return False
        if self._take(data, name):
            self.bore_tokens = True
            return True
        return False

    def _add_odd(self, event: Event) -> bool:
        """An event that is not strict JSON: a ping, an end in another dress, several events that
        lack the empty line between them, or JSON that can be read leniently."""
        text = event.data.strip()
        if END_MARK.fullmatch(text):
            self.ended = True
            return False
        lines = [line.strip() for line in text.split(b"\n") if line.strip()]
        if len(lines) > 1 and all(line.startswith((b"{", b"[")) for line in lines):
            bears = [self.add(Event(event.event, line)) for line in lines]
            return any(bears)
        try:
            data, _ = decode(text)
        except NotJSONError:
            data = None
        if data is not None:
            self._strict = False
            return self._add_json(data, event.event)
        if event.event == "error":
            self._report(ErrorBody(None, text.decode("utf-8", "replace") or None, None))
        elif text.startswith(b"{") and len(self.unreadable) < UNREADABLE_KEPT:
            self.began = True
            self.unreadable.append(text)
        return False

    @abstractmethod
    def _take(self, data: Any, name: str) -> bool:
        """Take an event's JSON, whose event is called `name`; whether it bears tokens."""

    def _report(self, error: ErrorBody) -> None:
        """An error that came before the answer was whole; what comes after changes nothing."""
        self.began = True
        if not self.complete and self.failed is None:
            self.failed = error

    @abstractmethod
    def partial(self) -> Partial:
        """What came so far, and the usage as told by now."""

    @abstractmethod
    def body(self) -> dict[str, Any]:
        """What came so far, as the body of the unstreamed call."""

    def answer(self) -> Answer:
        """The whole answer; what the stream left out is left out. Raises UnusableAnswerError."""
        body = self.body()
        if not self._strict:
            try:
                body = whole_characters(body)
            except RecursionError as error:
                raise UnusableAnswerError("the answer is nested too deeply", paid=True) from error
        if self.unreadable:
            lost = [each.decode("utf-8", "replace") for each in self.unreadable]
            raise UnusableAnswerError(
                "a part of the stream is not JSON", {**body, "unreadable": lost}, paid=True
            )
        return self._answer(body)

    @abstractmethod
    def _answer(self, body: dict[str, Any]) -> Answer:
        """The answer in the body. Raises UnusableAnswerError."""
