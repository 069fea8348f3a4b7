"""The text of answers: a corpus made once from the seed; each answer is a slice of it."""

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from struct import Struct
from typing import Literal, NamedTuple

import msgspec

from .draws import SeededDraws, digest

Finish = Literal["stop", "length"]

# Two integers of 64 bits from a digest.
_TWO = Struct(">QQ")
CORPUS_TOKENS = 16_384
# The longest answer, in tokens, unless the configuration says otherwise.
LONGEST_TOKENS = 400

_VOCABULARY = """
the a each every one this that no some our
mill wheel channel sluice gate weir pond stream river turbine race spillway basin valley current \
level gauge flow bank lock bridge stone miller grain season frost flood rain
turns holds carries meets lifts feeds slows steadies follows fills drives measures guides spares \
shapes crosses keeps shares outlasts needs
with without under over beside behind before after through against
quiet narrow steady deep even cold patient wide old clear slow sudden shallow gentle exact
"""
_OPENERS, _NOUNS, _VERBS, _LINKS, _QUALITIES = (
    line.split() for line in _VOCABULARY.strip().splitlines()
)
_ENDINGS = (".",) * 12 + ("!", "?", ";", ":", ".\n\n", ".\n- ", "...", ".\u2028")
# Text that a careless parser of JSON, UTF-8 or event streams fails on.
_ASIDES = (
    (" 水", "到", "渠", "成", "。"),
    (' "as', " they", ' say"'),
    (" naïve", " café"),
    (" a", "\\", "b", " {", "}", " [", "1", "]"),
    (" 🌊",),
    ("\n\n", "data:", " not", " an", " event"),
    ("\ttab", "\r\n"),
)


class GeneratedText(NamedTuple):
    """An answer: its tokens, the same as JSON strings, and why it ended."""

    tokens: list[str]
    encoded: list[bytes]
    finish: Finish

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.tokens)

    def until_first(self, ends: Sequence[str]) -> tuple["GeneratedText", str | None]:
        """The answer up to the first of `ends`, and which; the whole answer without one."""
        text = self.text
        found = [(at, end) for end in ends if end and (at := text.find(end)) >= 0]
        if not found:
            return self, None
        at, end = min(found)
        kept, left = [], at
        for token in self.tokens:
            if left <= 0:
                break
            kept.append(token[:left])
            left -= len(token)
        return GeneratedText(kept, [msgspec.json.encode(token) for token in kept], "stop"), end


class TextGenerator:
    """Generates answers; the same seed and digest always give the same one."""

    def __init__(self, seed: int, output_tokens: int | None = None) -> None:
        self._output_tokens = output_tokens
        self._tokens, self._encoded, self._starts = _corpus(seed)

    def phrase(self, draws: SeededDraws) -> str:
        """A few words, without blanks at their ends."""
        start = self._starts[draws.integer(len(self._starts))]
        return "".join(self._tokens[start : start + 1 + draws.integer(8)]).strip()

    def generate(self, request_digest: bytes, max_tokens: int | None) -> GeneratedText:
        """An answer of at least one token and at most `max_tokens`.

        Its natural length is drawn from 1 to 1.25 `max_tokens`, or to 400 if that is less, so that
        some answers end by themselves and others are cut.
        """
        where, length = _TWO.unpack_from(request_digest)
        start = self._starts[where % len(self._starts)]
        wanted = self._output_tokens
        if wanted is None:
            longest = LONGEST_TOKENS
            if max_tokens is not None:
                longest = max(2, min(longest, max_tokens * 5 // 4))
            wanted = 1 + length % longest
        finish: Finish = "stop"
        if max_tokens is not None and wanted > max_tokens:
            wanted, finish = max_tokens, "length"
        tokens, encoded = self._tokens, self._encoded
        if start + wanted > len(tokens):
            rounds = -(-(start + wanted) // len(tokens))
            tokens, encoded = tokens * rounds, encoded * rounds
        answer = slice(start, start + wanted)
        return GeneratedText(tokens[answer], encoded[answer], finish)


@lru_cache(maxsize=8)
def _corpus(seed: int) -> tuple[list[str], list[bytes], list[int]]:
    """The tokens, as text and as JSON, and where sentences start (without a leading space)."""
    random = Random(digest(seed, b"river"))
    tokens: list[str] = []
    starts: list[int] = []
    while len(tokens) < CORPUS_TOKENS:
        starts.append(len(tokens))
        tokens += _sentence(random)
        tokens.append(random.choice(_ENDINGS))
        tokens.append(" ")
    # Twice, so that a slice seldom has to wrap around.
    tokens *= 2
    return tokens, [msgspec.json.encode(token) for token in tokens], starts


def _sentence(random: Random) -> list[str]:
    words = [random.choice(_OPENERS).capitalize()]
    for clause in range(random.randint(1, 3)):
        if clause:
            words += [f" {random.choice(_LINKS)}", " the"]
        words += [f" {random.choice(_QUALITIES)}", f" {random.choice(_NOUNS)}"]
        words += [f" {random.choice(_VERBS)}", " the", f" {random.choice(_NOUNS)}"]
    if random.random() < 0.08:
        words += random.choice(_ASIDES)
    return words
