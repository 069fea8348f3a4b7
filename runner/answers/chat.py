"""A chat or search stream, put together to the body of the unstreamed call."""

from typing import Any

from .body import Answer, ErrorBody, Partial, error_of, from_object, index_of, parse_object
from .growing import grown, merge
from .sse import Event
from .usage import openai_usage

# Delta fields whose text is part of the answer: the first of them that is not empty ends the TTFT.
CONTENT_FIELDS = ("content", "refusal")
REASONING_FIELDS = ("reasoning_content", "reasoning")


class ChatStream:
    """Feed it events; `failed` holds the error that the stream itself reported, if any."""

    def __init__(self) -> None:
        self.failed: ErrorBody | None = None
        self.ended = False  # [DONE] came
        self.answering = False  # a token came that is not reasoning
        self._body: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: [DONE] came, or every choice ended and the usage came."""
        if self.ended:
            return True
        finished = [choice.get("finish_reason") is not None for choice in self._choices.values()]
        return bool(finished) and all(finished) and isinstance(self._body.get("usage"), dict)

    def add(self, event: Event) -> bool:
        """Take one event; True where it bears tokens. Raises UnusableAnswerError for no JSON."""
        if event.data == b"[DONE]":
            self.ended = True
            return False
        chunk = parse_object(event.data, "an event of the stream")
        if "error" in chunk and (reported := error_of(chunk)) is not None:
            self.failed = reported
            return False
        body = self._body
        for name, value in chunk.items():
            if value is not None and name != "choices" and name != "object":
                body[name] = value
        bears_tokens = False
        parts = chunk.get("choices")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and self._add_choice(part):
                bears_tokens = True
        return bears_tokens

    def _add_choice(self, part: dict[str, Any]) -> bool:
        """Take one choice of an event; whether it bears tokens."""
        index = index_of(part)
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = {"index": index, "message": {}}
        delta = part.get("delta")
        if isinstance(delta, dict):
            merge(choice["message"], delta)
        for name, value in part.items():
            if name == "index" or name == "delta":
                continue
            if name == "logprobs" and isinstance(value, dict):
                if not isinstance(choice.get(name), dict):
                    choice[name] = {}  # OpenAI's first chunk, which only names the role, has null
                merge(choice[name], value)
            elif name == "message":
                if isinstance(value, dict):
                    choice[name] = value
            elif value is not None or name not in choice:
                choice[name] = value
        if not isinstance(delta, dict):
            return False
        if _says(delta, CONTENT_FIELDS) or delta.get("tool_calls"):
            self.answering = True
            return True
        return _says(delta, REASONING_FIELDS)

    def partial(self) -> Partial:
        """What came so far: texts, reasoning and tool calls of every choice, and the usage."""
        texts: list[str] = []
        for choice in self._choices.values():
            message = grown(choice["message"])
            said = (message.get(name) for name in (*CONTENT_FIELDS, *REASONING_FIELDS))
            texts += [each for each in said if isinstance(each, str)]
            calls = message.get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                function = call.get("function") if isinstance(call, dict) else None
                if isinstance(function, dict):
                    texts += [each for each in function.values() if isinstance(each, str)]
        return Partial("".join(texts), openai_usage(self._body.get("usage")))

    def answer(self) -> Answer:
        """The whole answer; what the stream left out is left out."""
        choices = [grown(self._choices[index]) for index in sorted(self._choices)]
        for choice in choices:
            choice["message"].setdefault("role", "assistant")
            calls = choice["message"].get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                if isinstance(call, dict):
                    call.pop("index", None)
            choice.setdefault("finish_reason", None)
        body = {"object": "chat.completion", **self._body, "choices": choices}
        return from_object("chat", body)


def _says(delta: dict[str, Any], names: tuple[str, ...]) -> bool:
    """Whether one of these fields has text in it."""
    for name in names:  # noqa: SIM110  a generator costs as much as the rest of a chunk's taking
        if (text := delta.get(name)) and isinstance(text, str):
            return True
    return False
