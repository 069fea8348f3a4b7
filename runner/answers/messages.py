"""A messages stream (Anthropic), put together to the body of the unstreamed call."""

from typing import Any

import msgspec

from headrace.jobs import ENDPOINTS

from .body import Answer, Partial, index_of
from .errors import ErrorBody, error_of_event, says_error
from .growing import GrowingText, grown, merge
from .json_text import whole_characters
from .readers import from_object
from .stream import AnswerStream
from .usage import anthropic_usage, later_counts
from .usage_places import BEDROCK, told_usage

ENDPOINT = ENDPOINTS["/v1/messages"]
# The usage of message_start is from before there was any output.
NO_FINAL_COUNT = "the stream does not say how many tokens its output had"
# What a delta grows besides the field that it names: tool input comes as the text of its JSON.
INPUT_DELTA = "input_json_delta"
# Fields of a block whose text is part of the answer; a signature is not a token of it.
CONTENT_FIELDS = ("text", "partial_json")
TOKEN_FIELDS = (*CONTENT_FIELDS, "thinking")
OUTPUT_COUNTS = ("output_tokens", "completion_tokens", "outputTokens")


Place = tuple[int, int]


class MessagesStream(AnswerStream):
    """A messages stream; its last event is `message_stop`."""

    def __init__(self) -> None:
        super().__init__()
        self._message: dict[str, Any] = {}
        # By place: the index, and which of the blocks of that index it is. Some services give all
        # the index 0.
        self._places: dict[int, Place] = {}
        self._blocks: dict[Place, dict[str, Any]] = {}
        self._inputs: dict[Place, GrowingText] = {}  # tool input, as JSON text
        self._counted = False  # its output was, after it had begun

    @property
    def finished(self) -> bool:
        return bool(self._message.get("stop_reason"))

    @property
    def has_usage(self) -> bool:
        return told_usage(self._message) is not None

    def _take(self, data: Any, name: str) -> bool:
        if not isinstance(data, dict):
            if (reported := error_of_event(data, name)) is not None:
                self._report(reported)
            return False
        match data.get("type", name):
            case "message_start" if isinstance(data.get("message"), dict):
                self.began = True
                told = self._message.get("usage")
                self._message = data["message"]
                if isinstance(told, dict):  # a second one: later counts hold, as in message_delta
                    self._message["usage"] = later_counts(told, self._message.get("usage") or {})
            case "content_block_start" if isinstance(data.get("content_block"), dict):
                return self._start(index_of(data), data["content_block"])
            case "content_block_delta" if isinstance(data.get("delta"), dict):
                return self._grow(index_of(data), data["delta"])
            case "message_delta":
                self._finish(data)
            case "message_stop":
                self.began = self.ended = True
                if BEDROCK in data:
                    self._message[BEDROCK] = data[BEDROCK]
                    if not self._counted:
                        self._message.pop("usage", None)
                        self._counted = True
            case kind:
                # ping, content_block_stop, and kinds of event yet to come; or an error.
                if (reported := error_of_event(data, name)) is not None:
                    self._report(reported)
                elif any(map(says_error, (kind, name, data.get("object")))):
                    self._report(ErrorBody(None, "the stream reported an error", None))
        return False

    def _start(self, index: int, block: dict[str, Any]) -> bool:
        """A block begins; some services put its first text right there."""
        self.began = True
        place = self._places.get(index, (index, 0))
        known = self._blocks.get(place)
        if known is not None:
            if all(known.get(name) == block.get(name) for name in ("type", "id")):
                return False  # said again
            place = (index, place[1] + 1)
        self._places[index] = place
        self._blocks[place] = block
        return self._bears({name: block.get(name) for name in TOKEN_FIELDS})

    def _grow(self, index: int, delta: dict[str, Any]) -> bool:
        self.began = True
        place = self._places.setdefault(index, (index, 0))
        block = self._blocks.setdefault(place, {"type": "text", "text": ""})
        kind = str(delta.get("type"))
        if kind == "citations_delta":
            if not isinstance(block.get("citations"), list):
                block["citations"] = []
            block["citations"].append(delta.get("citation"))
            return False
        if kind == INPUT_DELTA:
            if isinstance(value := delta.get("partial_json"), str):
                self._inputs.setdefault(place, GrowingText()).parts.append(value)
        else:  # of any kind: what grows is the field that it names
            merge(block, {name: value for name, value in delta.items() if name != "type"})
        return self._bears(delta)

    def _bears(self, said: dict[str, Any]) -> bool:
        """Whether these fields have tokens in them."""
        for name in CONTENT_FIELDS:
            if (text := said.get(name)) and isinstance(text, str):
                self.answering = True
                return True
        thinking = said.get("thinking")
        return bool(thinking) and isinstance(thinking, str)

    def _finish(self, data: dict[str, Any]) -> None:
        self.began = True
        delta = data.get("delta")
        if isinstance(delta, dict):
            reason = delta.get("stop_reason") or self._message.get("stop_reason")
            self._message.update(delta)
            self._message["stop_reason"] = reason
        usage = data.get("usage")
        if isinstance(usage, dict):
            # Cumulative: its counts take the place of those that message_start gave.
            self._counted = self._counted or any(map(usage.get, OUTPUT_COUNTS))
            self._message["usage"] = later_counts(self._message.get("usage"), usage)

    def partial(self) -> Partial:
        """What came so far: text, thinking and tool input, and the usage as told by now."""
        texts: list[str] = [grown(text) for text in self._inputs.values()]
        for block in map(grown, self._blocks.values()):
            said = (block.get(name) for name in TOKEN_FIELDS)
            texts += [each for each in said if isinstance(each, str)]
        return Partial(whole_characters("".join(texts)), anthropic_usage(self._message))

    def body(self) -> dict[str, Any]:
        """A tool input that is not JSON, as max_tokens cuts it, stands there as the text that
        came."""
        content = [self._block(place) for place in sorted(self._blocks)]
        body = {"type": "message", "role": "assistant", **self._message, "content": content}
        body.setdefault("stop_sequence", None)
        return body

    def _block(self, place: Place) -> dict[str, Any]:
        block: dict[str, Any] = grown(self._blocks[place])
        if place in self._inputs:
            text = grown(self._inputs[place])
            try:
                block["input"] = msgspec.json.decode(text or "{}")
            except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
                block["input"] = text
        return block

    def _answer(self, body: dict[str, Any]) -> Answer:
        answer = from_object(ENDPOINT, body, ended=True)
        usage = answer.usage
        if self.bore_tokens and not self._counted and usage.why_unpriced is None:
            answer.usage = usage._replace(why_unpriced=NO_FINAL_COUNT)
        return answer
