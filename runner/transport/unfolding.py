"""How much memory JSON takes once it is parsed, told from its bytes before it is.

`[],` takes three bytes on the wire and some ninety as a list, so a body within its bound may still
unfold to gigabytes. The sizes are those of CPython 3.11's objects with their places in a container.
"""

from .encoding import BodyError

UNCOUNTED_BYTES = 8 * 1024 * 1024  # of JSON: at its worst it unfolds to some 300 MiB
UNFOLDED_BYTES_MAX = 512 * 1024 * 1024
_SIZES_BYTES = (
    (b"[", 64),
    (b"{", 200),
    (b'":', 100),  # a key's place in its object
    (b'"', 28),  # half a text
    (b",", 32),  # a number and its place
)


class Unfolding:
    """Adds up what the pieces of a body, or of several, unfold to."""

    def __init__(self) -> None:
        self._unfolded_bytes = 0

    def add(self, data: bytes) -> None:
        """Count a piece. Raises BodyError once there is too much."""
        self._unfolded_bytes += sum(size * data.count(mark) for mark, size in _SIZES_BYTES)
        if self._unfolded_bytes > UNFOLDED_BYTES_MAX:
            raise BodyError(
                f"the answer's JSON has too many values: it would take over {UNFOLDED_BYTES_MAX} "
                "bytes of memory"
            )


def check_unfolding(data: bytes) -> None:
    """Raises BodyError for JSON that would take too much memory."""
    if len(data) > UNCOUNTED_BYTES:
        Unfolding().add(data)
