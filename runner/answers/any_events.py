"""A stream of an endpoint that nobody knows: its events, as they come."""

from typing import Any

from .body import Answer, Partial
from .endpoint_usage import unplaced_usage
from .errors import error_of_event
from .json_text import whole_characters
from .sse import Event
from .stream import AnswerStream


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

    def _add_odd(self, event: Event) -> bool:
        return self._add_json(event.data.decode("utf-8", "replace"), event.event)

    def _add_json(self, data: Any, name: str) -> bool:
        return self._take(data, name)

    def _take(self, data: Any, name: str) -> bool:
        self.began = self.answering = self.bore_tokens = True
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
