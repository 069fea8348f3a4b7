"""Chance that depends on the seed and the request alone, never on the order of requests."""

from hashlib import blake2b

from .errors import GatewayError

_SCALE = 1 / (1 << 53)


class SeededDigest:
    """Digests that share a seed and their first parts: the same as `digest`, but faster."""

    def __init__(self, seed: int, *parts: bytes) -> None:
        self._base = _state(seed, *parts)

    def __call__(self, last: bytes) -> bytes:
        """The 32-byte digest of the first parts and `last`."""
        state = self._base.copy()
        state.update(last)
        return state.digest()


def digest(seed: int, *parts: bytes) -> bytes:
    """The 32-byte digest of `parts` under `seed`. Raises GatewayError for a seed too large."""
    return _state(seed, *parts).digest()


def _state(seed: int, *parts: bytes) -> "blake2b":
    try:
        key = seed.to_bytes(16, "big", signed=True)
    except OverflowError:
        raise GatewayError("the seed is too large; write at most 38 digits") from None
    state = blake2b(digest_size=32, key=key)
    for part in parts:
        state.update(part)
        state.update(b"\x00")
    return state


class SeededDraws:
    """Random numbers made from a 32-byte digest; the same digest always gives the same ones."""

    __slots__ = ("_left", "_state")

    def __init__(self, state: bytes) -> None:
        self._state = state
        self._left = state

    def integer(self, below: int) -> int:
        """An integer from 0 to `below` - 1; as good as uniform where `below` is far under 2**64."""
        if not self._left:
            self._state = self._left = blake2b(self._state, digest_size=32).digest()
        taken, self._left = self._left[:8], self._left[8:]
        return int.from_bytes(taken, "big") % below

    def uniform(self) -> float:
        """A number from [0, 1)."""
        return self.integer(1 << 53) * _SCALE
