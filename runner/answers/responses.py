"""A stream of `/v1/responses`, put together to the body of the unstreamed call.

Its last event brings the whole response (`response.completed`, `.incomplete`, `.failed`); what came
in deltas stands in for an output that the service leaves out there.
https://platform.openai.com/docs/api-reference/responses-streaming
"""

from typing import Any

from headrace.jobs import ENDPOINTS

from .body import Answer, Partial, index_of
from .errors import ErrorBody, error_of, error_of_event
from .growing import GrowingText, grown
from .json_text import whole_characters
from .readers import from_object
from .stream import AnswerStream
from .usage import openai_usage
from .usage_places import told_usage

ENDPOINT = ENDPOINTS["/v1/responses"]
ENDS = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)
FAILED = frozenset({"response.failed", "response.cancelled"})
DELTA = ".delta"
# By what a delta adds to: the item that it belongs to, its list of parts and their type, or the
# field that is its text.
PARTS = {
    "response.output_text.delta": ("message", "content", "output_text", "text"),
    "response.refusal.delta": ("message", "content", "refusal", "refusal"),
    "response.reasoning_text.delta": ("reasoning", "content", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("reasoning", "summary", "summary_text", "text"),
}
FIELDS = {
    "response.function_call_arguments.delta": ("function_call", "arguments"),
    "response.custom_tool_call_input.delta": ("custom_tool_call", "input"),
}


class ResponsesStream(AnswerStream):
    """A stream of a response; its last event has the whole of it."""

    def __init__(self) -> None:
        super().__init__()
        self._response: dict[str, Any] = {}
        self._over = False
        self._items: dict[int, dict[str, Any]] = {}  # as they were last told, by output_index
        # By output_index, the kind of delta and the number of the part.
        self._texts: dict[tuple[int, str, int], GrowingText] = {}

    @property
    def finished(self) -> bool:
        return self._over

    @property
    def has_usage(self) -> bool:
        return told_usage(self._response) is not None

    def _take(self, data: Any, name: str) -> bool:
        kind = data.get("type", name) if isinstance(data, dict) else name
        if not isinstance(data, dict) or not isinstance(kind, str):
            if (reported := error_of_event(data, name)) is not None:
                self._report(reported)
            return False
        if kind.endswith(DELTA) and isinstance(delta := data.get("delta"), str):
            return self._grow(kind, data, delta)
        if isinstance(response := data.get("response"), dict):
            self._told(kind, response)
        elif kind in FAILED:  # Perplexity's has the error alone
            self._told(kind, {**self._response, "error": data.get("error")})
        elif isinstance(item := data.get("item"), dict):
            self.began = True
            self._items[_place(data)] = item
        elif kind.startswith("response."):
            self.began = True  # parts that begin and end, progress of tools, kinds yet to come
        elif (reported := error_of_event(data, kind)) is not None:
            self._report(reported)
        return False

    def _told(self, kind: str, response: dict[str, Any]) -> None:
        """The response as of now; with its last event, as a whole."""
        self.began = True
        if kind in FAILED:
            self._report(error_of(response) or ErrorBody(None, f"the stream says {kind}", None))
        self._response = response
        if kind in ENDS:
            self._over = self.ended = True

    def _grow(self, kind: str, data: dict[str, Any], delta: str) -> bool:
        self.began = True
        number = data.get("summary_index", data.get("content_index"))
        key = _place(data), kind, index_of({"index": number})
        self._texts.setdefault(key, GrowingText()).parts.append(delta)
        if not delta:
            return False
        if "reasoning" not in kind:
            self.answering = True
        return True

    def partial(self) -> Partial:
        """What came so far: texts, reasoning and arguments, and the usage as told by now."""
        texts = (str(grown(self._texts[key])) for key in sorted(self._texts))
        return Partial(whole_characters("".join(texts)), openai_usage(self._response))

    def body(self) -> dict[str, Any]:
        body = {"object": "response", **self._response}
        if not body.get("output"):
            places = sorted({*self._items, *(place for place, _, _ in self._texts)})
            body["output"] = [self._item(place) for place in places]
        return body

    def _item(self, place: int) -> dict[str, Any]:
        """An item of the output: as it was told at its end, else by its deltas."""
        item = dict(self._items.get(place, {}))
        if item.get("status") == "completed":
            return item
        for (where, kind, _), text in sorted(self._texts.items(), key=lambda each: each[0]):
            if where != place:
                continue
            if kind in PARTS:
                owner, parts, part, field = PARTS[kind]
                item.setdefault("type", owner)
                known = item.get(parts)
                told = known if isinstance(known, list) else []
                item[parts] = [*told, {"type": part, field: grown(text)}]
            elif kind in FIELDS:
                owner, field = FIELDS[kind]
                item.setdefault("type", owner)
                item[field] = grown(text)
        return item

    def _answer(self, body: dict[str, Any]) -> Answer:
        return from_object(ENDPOINT, body, ended=True)


def _place(data: dict[str, Any]) -> int:
    """Which item of the output an event is about."""
    return index_of({"index": data.get("output_index")})
