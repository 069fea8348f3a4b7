"""A chat or search stream, put together to the body of the unstreamed call."""

from typing import Any

from headrace.jobs import ENDPOINTS

from .body import (
    Answer,
    Partial,
    choice_error,
    index_of,
    says_something,
    text_of,
)
from .errors import error_of, error_of_event
from .growing import GrowingCalls, GrowingText, add_content, add_function, grown, merge
from .json_text import whole_characters
from .readers import from_object
from .stream import AnswerStream
from .usage import later_counts, openai_usage
from .usage_places import told_usage

ENDPOINT = ENDPOINTS["/v1/chat/completions"]
# Delta fields whose text is part of the answer: the first of them that is not empty ends the TTFT.
CONTENT_FIELDS = ("content", "refusal")
REASONING_FIELDS = ("reasoning_content", "reasoning")


class ChatStream(AnswerStream):
    """A chat stream; its last event is `[DONE]`."""

    def __init__(self) -> None:
        super().__init__()
        self._body: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._finished: set[int] = set()  # choices that said why they ended

    @property
    def finished(self) -> bool:
        return bool(self._choices) and len(self._finished) == len(self._choices)

    @property
    def has_usage(self) -> bool:
        return told_usage(self._told) is not None

    @property
    def _told(self) -> dict[str, Any]:
        """What tells the usage: some services have it in the choices."""
        return {**self._body, "choices": list(self._choices.values())}

    @property
    def is_plain(self) -> bool:
        """Whether it has begun, and nothing came that changes what its next chunks mean."""
        return self.began and not self.ended and self.failed is None

    def add_texts(
        self, index: int, texts: list[str], fields: dict[str, Any], *, null_logprobs: bool
    ) -> bool:
        """Add what chunks bring that hold text of this choice and nothing else, in their order;
        `fields` are those of the body. False, and nothing is done, where it has no text yet."""
        choice = self._choices.get(index)
        content = None if choice is None else choice["message"].get("content")
        if not isinstance(content, GrowingText):
            return False
        assert choice is not None
        if null_logprobs:
            choice.setdefault("logprobs", None)
        content.parts += texts
        self._body.update(fields)
        self.answering = self.bore_tokens = True
        return True

    def _take(self, data: Any, name: str) -> bool:
        parts = data.get("choices") if isinstance(data, dict) else None
        # Chunks of an answer have choices, all but the last, which has the usage.
        if not parts and not self._is_ours(data, name):
            return False
        self.began = True
        if "error" in data and (reported := error_of(data)) is not None:
            self._report(reported)
            return False
        body = self._body
        for field, value in data.items():
            if field == "usage" and isinstance(value, dict):
                body[field] = later_counts(body.get(field), value)
            elif value is not None and field != "choices" and field != "object":
                body[field] = value
        bears_tokens = False
        if isinstance(parts, list):
            for part in parts:
                if isinstance(part, dict) and self._add_choice(part):
                    bears_tokens = True
        return bears_tokens

    def _is_ours(self, data: Any, name: str) -> bool:
        """Whether an event without choices belongs to the answer. Reports it where it is an
        error; events of another protocol, such as a tool's progress, are passed over."""
        if (reported := error_of_event(data, name)) is not None:
            self._report(reported)
            return False
        if not isinstance(data, dict):
            return False
        return "choices" in data or told_usage(data) is not None

    def _add_choice(self, part: dict[str, Any]) -> bool:
        """Take one choice of an event; whether it bears tokens."""
        index = index_of(part)
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = {"index": index, "message": {}}
        delta = part.get("delta")
        if isinstance(delta, dict):
            bears_tokens = self._add_delta(choice["message"], delta)
        else:  # a text by itself, as completions have it
            text = delta or part.get("text")
            said = {"content": text} if isinstance(text, str) else {}
            bears_tokens = self._add_delta(choice["message"], said)
        may_fail = False
        for name, value in part.items():
            if name == "index" or name == "delta":
                continue
            if name == "finish_reason":
                if value is None and name in choice:
                    continue
                if value == "null":
                    value = None
                may_fail = may_fail or bool(value)
                if value or not choice.get(name):  # a falsy one is "not yet"
                    choice[name] = value or None
                    if value:
                        self._finished.add(index)
            elif name == "logprobs" and isinstance(value, dict):
                if not isinstance(choice.get(name), dict):
                    choice[name] = {}  # OpenAI's first chunk, which only names the role, has null
                merge(choice[name], value)
            elif name == "usage" and isinstance(value, dict):
                choice[name] = later_counts(choice.get(name), value)
            elif name == "message":  # all that came so far, each time, beside or instead of a delta
                if isinstance(value, dict) and says_something({name: value}):
                    choice[name] = value
            elif name != "text" and (value is not None or name not in choice):
                may_fail = may_fail or name == "error"
                choice[name] = value
        if may_fail and (reported := choice_error(part)) is not None:
            choice["finish_reason"] = None
            self._finished.discard(index)
            self._report(reported)
        return bears_tokens

    def _add_delta(self, message: dict[str, Any], delta: dict[str, Any]) -> bool:
        content = delta.get("content")
        if len(delta) == 1 and isinstance(content, str):  # nearly all of a stream: nothing else
            known = message.get("content")
            if isinstance(known, GrowingText):
                known.parts.append(content)
            else:
                merge(message, delta)
            if content:
                self.answering = True
                return True
            return False
        calls = delta.get("tool_calls")
        said = _says(delta, CONTENT_FIELDS)
        thought = _says(delta, REASONING_FIELDS)
        if calls or isinstance(content, list | dict):
            calls = [calls] if isinstance(calls, dict) else calls
            content = [content] if isinstance(content, dict) else content
            if isinstance(calls, list):
                known = message.get("tool_calls")
                if not isinstance(known, GrowingCalls):
                    known = message["tool_calls"] = GrowingCalls()
                known.add(calls)
            if isinstance(content, list):
                add_content(message, content)
                said = said or bool(text_of(content))
                thought = thought or any(map(_thinks, content))
            taken = ("tool_calls", "content") if isinstance(content, list) else ("tool_calls",)
            delta = {name: value for name, value in delta.items() if name not in taken}
        if isinstance(function := delta.get("function_call"), dict):
            add_function(message, "function_call", function)
            delta = {name: value for name, value in delta.items() if name != "function_call"}
            said = True
        merge(message, delta)
        if said or calls or any(delta.get(name) for name in ("audio", "images")):
            self.answering = True
            return True
        return thought

    def partial(self) -> Partial:
        """What came so far: texts, reasoning and tool calls of every choice, and the usage."""
        texts: list[str] = []
        for choice in self._choices.values():
            message = grown(choice["message"])
            for name in (*CONTENT_FIELDS, *REASONING_FIELDS, "tool_calls"):
                texts += _texts_in(message.get(name))
        return Partial(whole_characters("".join(texts)), openai_usage(self._told))

    def body(self) -> dict[str, Any]:
        choices = [grown(self._choices[index]) for index in sorted(self._choices)]
        for choice in choices:
            choice["message"].setdefault("role", "assistant")
            choice.setdefault("finish_reason", None)
        return {"object": "chat.completion", **self._body, "choices": choices}

    def _answer(self, body: dict[str, Any]) -> Answer:
        return from_object(ENDPOINT, body, ended=True)


def _says(delta: dict[str, Any], names: tuple[str, ...]) -> bool:
    """Whether one of these fields has text in it."""
    for name in names:  # noqa: SIM110  a generator costs as much as the rest of a chunk's taking
        if (text := delta.get(name)) and isinstance(text, str):
            return True
    return False


def _thinks(part: Any) -> bool:
    """Whether a part of a content is reasoning with words in it."""
    thinking = part.get("thinking") if isinstance(part, dict) else None
    return bool(thinking) if isinstance(thinking, str) else bool(text_of(thinking))


def _texts_in(value: Any) -> list[str]:
    """All texts in a list of parts or of tool calls, but for their names and kinds."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value if not isinstance(each, str) for text in _texts_in(each)]
    if isinstance(value, dict):
        return [
            text
            for name, each in value.items()
            if name not in ("id", "type", "index")
            for text in _texts_in(each)
        ]
    return []
