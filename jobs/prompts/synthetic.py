"""Synthetic prompts: words of given lengths, alone or as turns of conversations."""

import random
from collections import deque
from typing import NamedTuple

from ..endpoints import ENDPOINTS
from ..errors import InputError
from ..job import Job
from .lengths import Lengths
from .part import WHOLE, Part
from .template import RequestTemplate
from .words import words

PREFIX_STEP_TOKENS = 1024


class PromptShape(NamedTuple):
    """The lengths of prompts, answers and conversations.

    Args:
        prompt_tokens: of each prompt.
        output_tokens: the limit of each answer; None for no limit.
        shared_prefix: the share of each conversation's first prompt, from 0 to 1, that is the same
            in all conversations.
        turns: how many prompts a conversation has.
    """

    prompt_tokens: Lengths
    output_tokens: Lengths | None
    shared_prefix: float = 0.0
    turns: Lengths = Lengths("constant", 1)


class _Conversation:
    """The messages so far, and the random generator of those to come. `number` counts those of a
    run, from 0."""

    def __init__(self, number: int, turns: int, rng: random.Random) -> None:
        self.number = number
        self.turns = turns
        self.made = 0
        self.rng = rng
        self.messages: list[dict[str, str]] = []


class SyntheticPrompts:
    """Prompts made of words. A conversation continues with its answer, and ends where it failed.

    A user's conversation whose answer came first continues first. Where no answer has come, a new
    one begins, so that no request waits for another. What a conversation says depends only on the
    index of the request that begins it.

    Args:
        template: what every request has in common.
        shape: the lengths.
        rng: seeds the draws of lengths and words.
        part: which of the requests are asked for.

    Raises:
        InputError: where no request can be made of the template, or the shape does not fit it.
    """

    def __init__(
        self,
        template: RequestTemplate,
        shape: PromptShape,
        *,
        rng: random.Random,
        part: Part = WHOLE,
    ) -> None:
        endpoint = ENDPOINTS[template.check().url]
        if shape.output_tokens is None and not set(endpoint.limits).isdisjoint(endpoint.required):
            raise InputError(f"{template.url} needs an output length; write --output-tokens")
        if not endpoint.talks and shape.turns.longest > 1:
            raise InputError(f"{template.url} does not take conversations; write --turns 1")
        if not 0 <= shape.shared_prefix <= 1:
            raise InputError(f"the shared prefix is {shape.shared_prefix}; write a share of 0 to 1")
        self._template = template
        self._shape = shape
        self._begun = part.number
        self._step = part.of
        self._ready: dict[int, deque[_Conversation]] = {}  # of each user
        self._waiting: dict[int, tuple[int, _Conversation]] = {}
        self._prefix_rng = random.Random(rng.getrandbits(64))
        self._prefix: list[str] = []
        self._seed = rng.getrandbits(64)

    def next(self, index: int, user: int = 0) -> Job:
        """The next turn of a conversation of the user's that has its answer, or the first turn of a
        new one."""
        ready = self._ready.get(user)
        conversation = ready.popleft() if ready else self._new(index)
        shape = self._shape
        conversation.messages.append({"role": "user", "content": self._prompt(conversation)})
        conversation.made += 1
        output = shape.output_tokens
        multi_turn = shape.turns.longest > 1
        job = self._template.job(
            index,
            conversation.messages,
            output_tokens=None if output is None else output.draw(conversation.rng),
            metadata={"conversation": conversation.number, "turn": conversation.made}
            if multi_turn
            else None,
        )
        if conversation.made < conversation.turns:
            self._waiting[index] = user, conversation
        return job

    def answered(self, job: Job, text: str | None) -> None:
        """Continue the job's conversation with `text`; None or empty text ends it."""
        user, conversation = self._waiting.pop(job.index, (0, None))
        if conversation is not None and text:
            conversation.messages.append({"role": "assistant", "content": text})
            self._ready.setdefault(user, deque()).append(conversation)

    def _new(self, index: int) -> _Conversation:
        number = self._begun
        self._begun += self._step
        rng = random.Random(f"{self._seed}/{index}")
        return _Conversation(number, self._shape.turns.draw(rng), rng)

    def _prompt(self, conversation: _Conversation) -> str:
        tokens = self._shape.prompt_tokens.draw(conversation.rng)
        # Later turns share the messages before them instead.
        shared = 0 if conversation.made else round(tokens * self._shape.shared_prefix)
        while len(self._prefix) < shared:
            # In steps of one size, so that the words don't depend on which prompt needs them first.
            self._prefix += words(PREFIX_STEP_TOKENS, self._prefix_rng).split(" ")
        own = words(tokens - shared, conversation.rng)
        return " ".join([*self._prefix[:shared], own]).rstrip()
