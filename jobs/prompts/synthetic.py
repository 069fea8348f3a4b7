"""Synthetic prompts: words of given lengths, alone or as turns of conversations."""

import random
from collections import deque
from typing import NamedTuple

from ..endpoints import ENDPOINTS
from ..errors import InputError
from ..job import Job
from .lengths import Lengths
from .template import Template
from .words import words

PREFIX_STEP_TOKENS = 1024


class PromptShape(NamedTuple):
    """How long everything is. `output_tokens` None sets no limit to the answers.

    Of each conversation's first prompt, a share of `shared_prefix` (0 to 1) is the same words as in
    all others. `turns` is how many prompts a conversation has.
    """

    prompt_tokens: Lengths
    output_tokens: Lengths | None
    shared_prefix: float = 0.0
    turns: Lengths = Lengths("constant", 1)


class _Conversation:
    """What was said so far, and the dice of what will be."""

    def __init__(self, number: int, turns: int, rng: random.Random) -> None:
        self.number = number
        self.turns = turns
        self.made = 0
        self.rng = rng
        self.messages: list[dict[str, str]] = []


class SyntheticPrompts:
    """Prompts of words. A conversation goes on with the answer it got; a failed one ends there.

    The oldest conversation that has its answer goes on first, and where none has, a new one begins:
    so no request waits for another's answer. What the nth conversation says depends on n alone.
    Raises InputError where the shape and the template don't go together.
    """

    def __init__(self, template: Template, shape: PromptShape, *, rng: random.Random) -> None:
        kind = ENDPOINTS[template.check().url].kind
        if kind == "messages" and shape.output_tokens is None:
            raise InputError(f"{template.url} needs an output length; write --output-tokens")
        if kind == "images" and shape.turns.longest > 1:
            raise InputError(f"{template.url} has no conversations; write --turns 1")
        if not 0 <= shape.shared_prefix <= 1:
            raise InputError(f"the shared prefix is {shape.shared_prefix}; write a share of 0 to 1")
        self._template = template
        self._shape = shape
        self._rng = rng
        self._begun = 0
        self._ready: deque[_Conversation] = deque()
        self._waiting: dict[int, _Conversation] = {}
        self._prefix_rng = random.Random(rng.getrandbits(64))
        self._prefix: list[str] = []

    def next(self, index: int) -> Job:
        """The next turn of a conversation that has its answer, or the first one of a new one."""
        talk = self._ready.popleft() if self._ready else self._new()
        shape = self._shape
        talk.messages.append({"role": "user", "content": self._prompt(talk)})
        talk.made += 1
        output = shape.output_tokens
        several = shape.turns.longest > 1
        job = self._template.job(
            index,
            talk.messages,
            output_tokens=None if output is None else output.draw(talk.rng),
            metadata={"conversation": talk.number, "turn": talk.made} if several else None,
        )
        if talk.made < talk.turns:
            self._waiting[index] = talk
        return job

    def answered(self, job: Job, text: str | None) -> None:
        """Let the job's conversation go on with `text`; None, or nothing said, ends it."""
        talk = self._waiting.pop(job.index, None)
        if talk is not None and text:
            talk.messages.append({"role": "assistant", "content": text})
            self._ready.append(talk)

    def _new(self) -> _Conversation:
        number = self._begun
        self._begun += 1
        rng = random.Random(self._rng.getrandbits(64))
        return _Conversation(number, self._shape.turns.draw(rng), rng)

    def _prompt(self, talk: _Conversation) -> str:
        tokens = self._shape.prompt_tokens.draw(talk.rng)
        # What a later turn shares with others is what was said before it.
        shared = 0 if talk.made else round(tokens * self._shape.shared_prefix)
        while len(self._prefix) < shared:
            # In steps of one size, so that its words don't depend on who needs them first.
            self._prefix += words(PREFIX_STEP_TOKENS, self._prefix_rng).split(" ")
        own = words(tokens - shared, talk.rng)
        return " ".join([*self._prefix[:shared], own]).rstrip()
