"""A stream of an endpoint that nobody knows: its events, as they come."""

from typing import Any

import msgspec

from .body import Answer, Partial
from .endpoint_usage import unplaced_usage
from .errors import error_of_event
from .json_text import whole_characters
from .sse import Event
from .stream import DONE, AnswerStream


class AnyEvents(AnswerStream):
    """A list of events, whole where it ends with `[DONE]`, or as its answer does."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[Any] = []

    @property
    def finished(self) -> bool:
        return self.ended and self.began

    @property
    def has_usage(self) -> bool:
        return True  # nothing says where it would be

    def at_end(self) -> None:
        self.ended = True

    def add(self, event: Event) -> bool:
        if event.data == DONE:
            self.ended = True
            return False
        try:
            data = msgspec.json.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            data = event.data.decode("utf-8", "replace")
        self.answering = self.bore_tokens = True
        return self._take(data, event.event)

    def _take(self, data: Any, name: str) -> bool:
        self.began = True
        if (reported := error_of_event(data, name)) is not None:
            self._report(reported)
            return False
        self._events.append(data)
        return True

    def partial(self) -> Partial:
        """Nothing: what of the events would be text is not known."""
        return Partial("", unplaced_usage({}))

    def body(self) -> dict[str, Any]:
        return {"events": whole_characters(self._events)}

    def _answer(self, body: dict[str, Any]) -> Answer:
        return Answer(body, unplaced_usage({}))
