"""An answer's body, collected up to a bound, and decoded where the server encoded it."""

import httpx

from .transport import Headers


class Collected:
    """Give `take` to an answer's `feed`. `too_long` once the body went past `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self.too_long = False
        self._most_bytes = most_bytes
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def take(self, piece: bytes) -> bool:
        """Keep a piece; False where there is no room for more."""
        self._pieces.append(piece)
        self._size_bytes += len(piece)
        self.too_long = self._size_bytes > self._most_bytes
        return not self.too_long

    def decoded(self, headers: Headers) -> bytes:
        """The whole body. One that is encoded, which nobody asked for, is decoded by httpx.

        Raises httpx.DecodingError.
        """
        raw = b"".join(self._pieces)
        if b"content-encoding" not in dict(headers):
            return raw
        return httpx.Response(200, headers=headers, content=raw).content
