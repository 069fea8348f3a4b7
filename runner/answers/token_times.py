"""When a stream's tokens came, by the reads that brought them."""


class TokenTimes:
    """Moments on trio's clock of the token-bearing chunks of one stream.

    `first_at_s` is that of the first, `first_content_at_s` that of the first which is not
    reasoning, and `last_at_s` that of the last. `gaps_s`, where gaps are collected, has one gap for
    each chunk after the first; 0.0 where the chunk came in the same read as the one before it
    (coalesced): what lay between the two can't be known, only that it is part of the gap before.
    """

    __slots__ = ("first_at_s", "first_content_at_s", "gaps_s", "last_at_s")

    def __init__(self, *, gaps: bool) -> None:
        self.first_at_s: float | None = None
        self.first_content_at_s: float | None = None
        self.last_at_s: float | None = None
        self.gaps_s: list[float] | None = [] if gaps else None

    def saw(self, at_s: float | None, *, content: bool) -> None:
        """A chunk with tokens came; `content` once one of the stream's tokens was not reasoning."""
        if self.first_at_s is None:
            self.first_at_s = at_s
        elif self.gaps_s is not None and self.last_at_s is not None and at_s is not None:
            self.gaps_s.append(at_s - self.last_at_s)
        if content and self.first_content_at_s is None:
            self.first_content_at_s = at_s
        self.last_at_s = at_s
