"""The prompt cache: how much of a prompt's beginning was seen before."""

from collections import OrderedDict
from hashlib import blake2b
from typing import NamedTuple

from .tokens import count_tokens

# Prefixes are kept in steps of so many characters, and cached tokens are multiples of 64.
BLOCK_CHARS = 256
STEP_TOKENS = 64
KEPT_BLOCKS = 100_000


class Prefix(NamedTuple):
    """The cached tokens at the beginning of a prompt, and the digests of all its blocks."""

    cached_tokens: int = 0
    blocks: tuple[bytes, ...] = ()

    def within(self, input_tokens: int) -> "Prefix":
        """The same, with no more cached tokens than the prompt has: roles count by their text in
        the cache and as a flat number in a prompt."""
        most = input_tokens // STEP_TOKENS * STEP_TOKENS
        return self if self.cached_tokens <= most else Prefix(most, self.blocks)


class PromptCache:
    """Remembers the prefixes of prompts, block by block; the least recently used go first."""

    def __init__(self, kept_blocks: int = KEPT_BLOCKS) -> None:
        self._kept_blocks = kept_blocks
        self._blocks: OrderedDict[bytes, None] = OrderedDict()

    def look_up(self, model: str, prompt: str) -> Prefix:
        """The longest beginning of `prompt` that was remembered; remembers nothing itself."""
        if len(prompt) < BLOCK_CHARS:
            return Prefix()
        digests: list[bytes] = []
        known_chars = 0
        state = blake2b(model.encode(), digest_size=16)
        for end in range(BLOCK_CHARS, len(prompt) + 1, BLOCK_CHARS):
            state.update(prompt[end - BLOCK_CHARS : end].encode("utf-8", "surrogatepass"))
            digest = state.digest()
            if known_chars == end - BLOCK_CHARS and digest in self._blocks:
                known_chars = end
            digests.append(digest)
        tokens = count_tokens(prompt[:known_chars]) // STEP_TOKENS * STEP_TOKENS
        return Prefix(tokens, tuple(digests))

    def remember(self, prefix: Prefix) -> None:
        """Keep the blocks of an admitted prompt."""
        blocks = self._blocks
        for digest in prefix.blocks:
            blocks[digest] = None
            blocks.move_to_end(digest)
        while len(blocks) > self._kept_blocks:
            blocks.popitem(last=False)
