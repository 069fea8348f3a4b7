"""The limiter of one worker of several: it keeps to a share of the limits that changes meanwhile.

    held = max(window of the share, sent in the last 60.5 s)

No window of 60.5 s holds more than what was held at its end, whatever the course of the changes: a
request leaves only while the window has room for it, which leaves `held` as it was; a smaller share
lowers it to no less than what was sent; a larger one is the only way up. So the sum over all
workers stays below the limit wherever the sum of what they hold does.

A share is dated: after `until_s` nothing leaves, since what nobody renewed may be another's by now.
"""

from .limiter import Bucket, Grant, Limiter, capacity_of
from .share import NO_SHARE, Share

INF = float("inf")


class SharedLimiter(Limiter):
    """Starts without a share. `rpm` and `tpm` are the windows in force, `largest_tokens` the whole
    limit of tokens, which no reservation exceeds."""

    def __init__(self, *, rpm: int | None, tpm: int | None, now_s: float) -> None:
        super().__init__(rpm=rpm, tpm=tpm, now_s=now_s)
        self._until_s = -INF
        self._goals = [NO_SHARE, NO_SHARE]  # what the share says of requests and of tokens
        # The most that the log held of both, before the last report but one and since: as one
        # request ends and the next one leaves it goes down and up, and that is not given back.
        self._peaks = [[0, 0], [0, 0]]
        self.set_share(
            None if rpm is None else NO_SHARE,
            None if tpm is None else NO_SHARE,
            now_s=now_s,
            until_s=-INF,
        )

    @property
    def has_share(self) -> bool:
        """Whether anything may leave under the share as it is; it may have run out."""
        requests, tokens = self._goals
        return bool(
            (self.rpm is None or (self.rpm and requests.pace))
            and (self.tpm is None or (self.tpm and tokens.pace))
        )

    def ready_at_s(self, now_s: float, tokens: int) -> float:
        """As of any limiter; infinite where no passing of time lets it leave, but a larger share.

        A share that runs out is not foreseen: who waits longer than it lasts looks again.
        """
        if now_s >= self._until_s:
            return INF
        if self.rpm is not None and not (self.rpm and self._goals[0].pace):
            return INF
        if self.tpm is not None and tokens and not (tokens <= self.tpm and self._goals[1].pace):
            return INF
        return super().ready_at_s(now_s, tokens)

    def set_share(
        self, requests: Share | None, tokens: Share | None, *, now_s: float, until_s: float
    ) -> None:
        """Keep to these from now on; None for no limit.

        The pace is in force at once. A smaller window is, too, unless the last 60.5 s have sent
        more: then what they have sent is in force, and falls with each `hold_less`.
        """
        self._forget(now_s)
        self._until_s = until_s
        was_rpm, was_tpm = self.rpm, self.tpm
        self.rpm = self._window(requests, was_rpm, len(self._log))
        self.tpm = self._window(tokens, was_tpm, self._log_tokens)
        self._goals = [requests or NO_SHARE, tokens or NO_SHARE]
        self._requests = _paced(self._requests, requests, now_s)
        self._tokens = _paced(self._tokens, tokens, now_s)

    def hold_less(self, now_s: float) -> tuple[int, int]:
        """What is held of requests and tokens, once what a smaller share asks back and was not used
        since the last report but one is given back. It falls by this and by `set_share` alone."""
        self._forget(now_s)
        lapsed = now_s >= self._until_s
        if lapsed:  # the coordinator deals it again, and so it is not ours any more
            self.set_share(
                None if self.rpm is None else NO_SHARE,
                None if self.tpm is None else NO_SHARE,
                now_s=now_s,
                until_s=-INF,
            )
        requests, tokens = self._goals
        peak_requests, peak_tokens = (max(pair) for pair in zip(*self._peaks, strict=True))
        self._peaks = [self._peaks[1], [len(self._log), self._log_tokens]]
        if self.rpm is not None:
            self.rpm = min(self.rpm, max(requests.window, peak_requests))
        if self.tpm is not None:
            self.tpm = min(self.tpm, max(tokens.window, peak_tokens))
        return (
            max(self.rpm or 0, len(self._log)),
            max(self.tpm or 0, self._log_tokens),
        )

    def take(self, now_s: float, tokens: int) -> Grant:
        """Count a request as sent at `now_s`."""
        grant = super().take(now_s, tokens)
        peak = self._peaks[1]
        if len(self._log) > peak[0]:
            peak[0] = len(self._log)
        if self._log_tokens > peak[1]:
            peak[1] = self._log_tokens
        return grant

    def used(self, now_s: float) -> tuple[int, int]:
        """Requests and tokens of the last 60.5 s."""
        self._forget(now_s)
        return len(self._log), self._log_tokens

    def lower_rpm(self, rpm: int, now_s: float) -> None:
        """The service's limit is that of all workers: the coordinator deals it."""

    def lower_tpm(self, tpm: int, now_s: float) -> None:
        """The same of tokens."""

    def share(self, now_s: float) -> None:
        """What another client takes shows only beside what all workers have sent."""

    @staticmethod
    def _window(share: Share | None, now: int | None, logged: int) -> int | None:
        if share is None:
            return None
        if now is None or share.window >= now:
            return share.window
        return max(share.window, min(now, logged))


def _paced(bucket: Bucket | None, share: Share | None, now_s: float) -> Bucket | None:
    """The bucket at the share's pace. It never holds more at once for a change: what is in it was
    allowed under the earlier share, and a new one starts empty."""
    if share is None:
        return None
    capacity = capacity_of(share.pace) if share.pace else 0.0
    if bucket is None:
        bucket = Bucket(per_minute=share.pace, capacity=0.0, now_s=now_s)
    bucket.set_pace(now_s, per_minute=share.pace, capacity=capacity)
    return bucket
