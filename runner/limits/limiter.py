"""Requests and tokens per minute, granted together: two buckets and a log of the last minute.

The log makes the promise: no window of 60.5 s holds more than the limit, so a server that counts by
fixed minutes or by a sliding window never refuses, however its clock lies and as long as the delay
from send to count varies by less than half a second. The buckets make it even: a server that counts
by a bucket of its own sees no burst.

This file is arithmetic: it takes the time and returns times. `runner.limits.lane` does the waiting.
"""

import math
from collections import deque
from itertools import islice

MINUTE_S = 60.0
# The half second is what the delay from send to count may vary by.
WINDOW_S = 60.5
# How far ahead of an even flow the buckets let us be, as a share of a minute's limit.
AHEAD = 0.01
# With another client on the same key: how much less is tried after a further refusal, how much more
# after so long without one, and from which share of the limit on a refusal is of our own making.
SHARE_FALL = 0.9
SHARE_RISE = 1.1
SHARE_RISE_AFTER_S = 300.0
OWN_SHARE = 0.9
# How many requests of the last minute one call looks at: while a large job waits for the most
# of them to be over, every answer asks anew.
LOOKED_AT = 64
# Below this a bucket counts as full enough: what rounding leaves must not become a wait.
ROUNDING = 1e-9


class Grant:
    """Leave to send one request: when it was given, and the tokens that it holds."""

    __slots__ = ("at_s", "refused", "tokens")

    def __init__(self, at_s: float, tokens: int) -> None:
        self.at_s = at_s
        self.tokens = tokens
        self.refused = False  # by a 429


class Bucket:
    """A token bucket that may go into debt; a debt is paid by waiting. Starts full."""

    def __init__(self, *, per_minute: float, capacity: float, now_s: float) -> None:
        self.rate_s = per_minute / MINUTE_S
        self.capacity = capacity
        self._rounding = ROUNDING * capacity
        self._level = capacity
        self._at_s = now_s

    def level(self, now_s: float) -> float:
        """What it holds at `now_s`; time doesn't run backwards."""
        if now_s > self._at_s:
            level = self._level + (now_s - self._at_s) * self.rate_s
            # Without min() here and max() below: each is called for every look at every request.
            self._level = level if level < self.capacity else self.capacity
            self._at_s = now_s
        return self._level

    def ready_at_s(self, now_s: float, need: float) -> float:
        """When it holds `need`, or is full where `need` is more than it can hold."""
        missing = (need if need < self.capacity else self.capacity) - self.level(now_s)
        return now_s if missing <= self._rounding else now_s + missing / self.rate_s

    def set_pace(self, now_s: float, *, per_minute: float, capacity: float) -> None:
        """Fill at another pace, and hold more or less; what it holds stays, as far as it fits."""
        level = self.level(now_s)
        self.rate_s = per_minute / MINUTE_S
        self.capacity = capacity
        self._rounding = ROUNDING * capacity
        self._level = min(level, capacity)

    def add(self, now_s: float, amount: float) -> None:
        """Put in, or with a negative amount take out."""
        level = self.level(now_s) + amount
        self._level = level if level < self.capacity else self.capacity


def capacity_of(limit: int) -> float:
    """What a bucket for so many a minute holds: how far ahead of an even flow it lets us be."""
    return max(1.0, AHEAD * limit)


class Limiter:
    """What may leave when, under limits of requests and of tokens per minute.

    `rpm` and `tpm` are whole numbers of at least 1, or None for no limit. A request larger than
    `tpm` must be refused before it comes here: it would hold the lane for ever. `largest_tokens` is
    what one may reserve at most, None for no limit.
    """

    def __init__(self, *, rpm: int | None, tpm: int | None, now_s: float) -> None:
        self.rpm = rpm
        self.tpm = tpm
        self.largest_tokens = tpm
        self._whole_rpm = rpm  # what `rpm` is without another client
        self._share_rises_at_s = float("inf")
        self._began_s = now_s
        self._log: deque[Grant] = deque()
        self._log_tokens = 0
        self._requests = self._bucket(rpm, now_s)
        self._tokens = self._bucket(tpm, now_s)

    @staticmethod
    def _bucket(limit: int | None, now_s: float) -> Bucket | None:
        if limit is None:
            return None
        return Bucket(per_minute=limit, capacity=capacity_of(limit), now_s=now_s)

    def ready_at_s(self, now_s: float, tokens: int) -> float:
        """When a request of `tokens` may leave, as things stand; `now_s` where it may at once.

        A large one may be told a time at which it must ask again, so that asking costs the same
        however many requests the last minute holds.
        """
        self._forget(now_s)
        if now_s >= self._share_rises_at_s:
            self._rise(now_s)
        ready_s = now_s
        if self._requests is not None and self.rpm is not None:
            ready_s = self._requests.ready_at_s(now_s, 1.0)
            if len(self._log) >= self.rpm:
                ready_s = max(ready_s, self._log[len(self._log) - self.rpm].at_s + WINDOW_S)
        if self._tokens is not None and self.tpm is not None and tokens:
            ready_s = max(ready_s, self._tokens.ready_at_s(now_s, tokens))
            excess = self._log_tokens + tokens - self.tpm
            for grant in islice(self._log, LOOKED_AT):
                if excess <= 0:
                    break
                excess -= grant.tokens
                ready_s = max(ready_s, grant.at_s + WINDOW_S)
        return ready_s

    def take(self, now_s: float, tokens: int) -> Grant:
        """Count a request as sent at `now_s`."""
        grant = Grant(now_s, tokens)
        if self.rpm is None and self.tpm is None:
            return grant
        self._log.append(grant)
        self._log_tokens += tokens
        if self._requests is not None:
            self._requests.add(now_s, -1.0)
        if self._tokens is not None:
            self._tokens.add(now_s, -tokens)
        return grant

    def settle(self, grant: Grant, *, used_tokens: int, now_s: float) -> None:
        """Put the tokens that an answer used in the place of those reserved for it.

        What was reserved too much is free at once; what was reserved too little is made good by
        the requests that follow. The request itself is never given back. Nor does one count for
        more than a minute's worth: a server that let it through doesn't count it so, and a figure
        that is wrong by far would hold the lane for ever.
        """
        self._forget(now_s)
        if self.largest_tokens is not None:
            used_tokens = min(used_tokens, self.largest_tokens)
        change = used_tokens - grant.tokens
        if grant.at_s > now_s - WINDOW_S:
            self._log_tokens += change
            grant.tokens = used_tokens
        if self._tokens is not None:
            self._tokens.add(now_s, -change)

    def remember(self, sent_at_s: float, tokens: int) -> None:
        """Count what an earlier session sent; call it in order of time, before any take."""
        self._log.append(Grant(sent_at_s, tokens))
        self._log_tokens += tokens

    def lower_rpm(self, rpm: int, now_s: float) -> None:
        """Follow a server that allows less than the user set. It never goes up again."""
        if rpm >= 1 and (self._whole_rpm is None or rpm < self._whole_rpm):
            self._whole_rpm = rpm
            if self.rpm is None or rpm < self.rpm:
                self._set_rpm(rpm, now_s)

    def lower_tpm(self, tpm: int, now_s: float) -> None:
        """The same of tokens."""
        if tpm >= 1 and (self.tpm is None or tpm < self.tpm):
            self.tpm = self.largest_tokens = tpm
            self._tokens = self._bucket(tpm, now_s)
            if self._tokens is not None:
                self._tokens.add(now_s, -self._tokens.capacity)

    def share(self, now_s: float) -> None:
        """The server has no requests left in this minute, and says so in a refusal.

        Where fewer of them were ours than the limit allows, another client has the others: settle
        at what was left for us, and try for more now and then.
        """
        self._forget(now_s)
        if self.rpm is None or self._whole_rpm is None or now_s - self._began_s < WINDOW_S:
            return
        ours = sum(not grant.refused for grant in self._log)
        if self.rpm < self._whole_rpm:
            ours = min(ours, int(self.rpm * SHARE_FALL))
        elif ours >= OWN_SHARE * self._whole_rpm:
            return
        self._set_rpm(max(1, ours), now_s)
        self._share_rises_at_s = now_s + SHARE_RISE_AFTER_S

    def _rise(self, now_s: float) -> None:
        if self.rpm is None or self._whole_rpm is None:
            return
        self._set_rpm(min(self._whole_rpm, math.ceil(self.rpm * SHARE_RISE)), now_s)
        whole = self.rpm == self._whole_rpm
        self._share_rises_at_s = float("inf") if whole else now_s + SHARE_RISE_AFTER_S

    def _set_rpm(self, rpm: int, now_s: float) -> None:
        self.rpm = rpm
        self._requests = self._bucket(rpm, now_s)
        if self._requests is not None:
            self._requests.add(now_s, -self._requests.capacity)

    def _forget(self, now_s: float) -> None:
        while self._log and self._log[0].at_s <= now_s - WINDOW_S:
            self._log_tokens -= self._log.popleft().tokens
