"""A stream of `/v1/completions`, put together to the body of the unstreamed call.

Its chunks are those of chat with a `text` in the place of a delta, and with logprobs as lists side
by side.
"""

from typing import Any

from headrace.jobs import ENDPOINTS

from .body import Answer, index_of
from .chat import ChatStream
from .growing import grown
from .readers import from_object

ENDPOINT = ENDPOINTS["/v1/completions"]


class CompletionsStream(ChatStream):
    """A completions stream; its last event is `[DONE]`."""

    def __init__(self) -> None:
        super().__init__()
        self._logprobs: dict[int, dict[str, Any]] = {}

    @property
    def is_plain(self) -> bool:
        """Never: its chunks are not those of chat."""
        return False

    def _add_choice(self, part: dict[str, Any]) -> bool:
        logprobs = part.get("logprobs")
        if isinstance(logprobs, dict):
            part = {name: value for name, value in part.items() if name != "logprobs"}
            told = self._logprobs.setdefault(index_of(part), {})
            for name, value in logprobs.items():
                known = told.get(name)
                if isinstance(known, list) and isinstance(value, list):
                    known += value
                elif value is not None or name not in told:
                    told[name] = value
        return super()._add_choice(part)

    def body(self) -> dict[str, Any]:
        choices = []
        for index in sorted(self._choices):
            choice = grown(self._choices[index])
            text = choice.pop("message").get("content")
            whole = {"text": text or "", **choice}
            whole["logprobs"] = self._logprobs.get(index, whole.get("logprobs"))
            choices.append({**whole, "finish_reason": choice.get("finish_reason")})
        return {"object": "text_completion", **self._body, "choices": choices}

    def _answer(self, body: dict[str, Any]) -> Answer:
        return from_object(ENDPOINT, body, ended=True)
