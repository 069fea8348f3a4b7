"""A messages stream (Anthropic), put together to the body of the unstreamed call."""

from typing import Any

import msgspec

from .body import Answer, ErrorBody, Partial, error_of, from_object, index_of, parse_object
from .growing import GrowingText, grown, merge
from .sse import Event
from .usage import anthropic_usage

# Delta type -> the block's field that grows by it, named as in the delta.
GROWING = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
# A signature is not a token of the answer.
CONTENT_FIELDS = ("text", "partial_json")


class MessagesStream:
    """Feed it events; `failed` holds the error that the stream itself reported, if any."""

    def __init__(self) -> None:
        self.failed: ErrorBody | None = None
        self.ended = False  # message_stop came
        self.answering = False  # a token came that is not thinking
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, GrowingText] = {}  # tool input, as JSON text
        self._usage_told = False  # by the end, not only by the beginning

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: message_stop came, or why it stopped and the last usage."""
        return self.ended or (self._usage_told and self._message.get("stop_reason") is not None)

    def add(self, event: Event) -> bool:
        """Take one event; True where it bears tokens. Raises UnusableAnswerError for no JSON."""
        data = parse_object(event.data, "an event of the stream")
        match data.get("type", event.event):
            case "message_start" if isinstance(data.get("message"), dict):
                self._message = data["message"]
            case "content_block_start" if isinstance(data.get("content_block"), dict):
                self._blocks[index_of(data)] = data["content_block"]
            case "content_block_delta" if isinstance(data.get("delta"), dict):
                return self._grow(index_of(data), data["delta"])
            case "message_delta":
                self._finish(data)
            case "message_stop":
                self.ended = True
            case "error":
                self.failed = error_of(data) or ErrorBody(
                    None, "the stream reported an error", None
                )
            case _:
                pass  # ping, content_block_stop, and kinds of event yet to come
        return False

    def _grow(self, index: int, delta: dict[str, Any]) -> bool:
        block = self._blocks.setdefault(index, {"type": "text", "text": ""})
        if delta.get("type") == "citations_delta":
            if not isinstance(block.get("citations"), list):
                block["citations"] = []
            block["citations"].append(delta.get("citation"))
            return False
        name = GROWING.get(str(delta.get("type")))
        value = delta.get(name) if name else None
        if name is None or not isinstance(value, str):
            return False
        if name == "partial_json":
            self._inputs.setdefault(index, GrowingText()).parts.append(value)
        else:
            merge(block, {name: value})
        if value and name in CONTENT_FIELDS:
            self.answering = True
            return True
        return bool(value) and name == "thinking"

    def _finish(self, data: dict[str, Any]) -> None:
        delta = data.get("delta")
        if isinstance(delta, dict):
            self._message.update(delta)
        usage = data.get("usage")
        if isinstance(usage, dict):
            self._usage_told = True
            # Cumulative: its counts take the place of those that message_start gave.
            known = self._message.get("usage")
            given = {name: value for name, value in usage.items() if value is not None}
            self._message["usage"] = {**(known if isinstance(known, dict) else {}), **given}

    def partial(self) -> Partial:
        """What came so far: text, thinking and tool input, and the usage as told by now."""
        texts: list[str] = [grown(text) for text in self._inputs.values()]
        for block in map(grown, self._blocks.values()):
            said = (block.get(name) for name in (*CONTENT_FIELDS, "thinking"))
            texts += [each for each in said if isinstance(each, str)]
        return Partial("".join(texts), anthropic_usage(self._message.get("usage")))

    def answer(self) -> Answer:
        """The whole answer; what the stream left out is left out.

        A tool input that is not JSON, as max_tokens cuts it, stands there as the text that came.
        """
        content = [self._block(index) for index in sorted(self._blocks)]
        body = {"type": "message", "role": "assistant", **self._message, "content": content}
        body.setdefault("stop_sequence", None)
        return from_object("messages", body)

    def _block(self, index: int) -> dict[str, Any]:
        block: dict[str, Any] = grown(self._blocks[index])
        if index in self._inputs:
            text = grown(self._inputs[index])
            try:
                block["input"] = msgspec.json.decode(text or "{}")
            except (msgspec.DecodeError, RecursionError):
                block["input"] = text
        return block
