"""Chance that depends on the seed and the request alone, never on the order of requests."""

from hashlib import blake2b

_SCALE = 1 / (1 << 53)


def digest(seed: int, *parts: bytes) -> bytes:
    """32 bytes that stand for `parts` under `seed`."""
    state = blake2b(digest_size=32, key=seed.to_bytes(16, "big", signed=True))
    for part in parts:
        state.update(part)
        state.update(b"\x00")
    return state.digest()


class Dice:
    """A stream of draws from a digest; the same digest always draws the same."""

    __slots__ = ("_left", "_state")

    def __init__(self, state: bytes) -> None:
        self._state = state
        self._left = b""

    def integer(self, below: int) -> int:
        """A draw from 0 to `below` - 1; even enough where `below` is far under 2**64."""
        if not self._left:
            self._left = blake2b(self._state, digest_size=64).digest()
            self._state = self._left[-32:]
            self._left = self._left[:32]
        taken, self._left = self._left[:8], self._left[8:]
        return int.from_bytes(taken, "big") % below

    def uniform(self) -> float:
        """A draw from [0, 1)."""
        return self.integer(1 << 53) * _SCALE
