"""A lane of one worker of several: its limits are a share, and what it is told concerns them all.

The worker reports `use`, and hands `set_share` what the coordinator answers.
"""

from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Any, ClassVar

import trio

from ..retries import Failure
from .lane import Lane
from .limiter import MINUTE_S, Grant, Limiter
from .share import LaneShare, LaneUse
from .shared_limiter import SharedLimiter

# How far back the pace of its requests is looked at.
PACE_OVER_S = 5.0
# A limit is what a lane waits for where it held it back for so much of the time.
MOSTLY = 0.5


class SharedLane(Lane):
    """Sends nothing before it has a share. `on_news` is called when something is to be told at
    once: a cool-down, a limit that an answer named, work that waits without a share."""

    limiter: SharedLimiter
    limiter_kind: ClassVar[type[Limiter]] = SharedLimiter
    on_news: Callable[[], None] | None = None
    _course: deque[tuple[float, int]]  # when it reported, and what it had sent by then
    _reported_s = float("-inf")
    _waits_since_s: float | None = None
    _waits_for = "requests"
    _waited_s = 0.0
    _largest_tokens = 0
    whole_rpm: int | None = None  # of all workers together
    _own_hold_until_s = float("-inf")
    _refused_none_left = False
    _service_rpm: int | None = None
    _service_tpm: int | None = None

    def __init__(self, limiter: SharedLimiter, **rest: Any) -> None:
        super().__init__(limiter, **rest)
        self._course = deque()

    async def until_ready(self, need_tokens: Callable[[], int]) -> None:
        """As of any lane; how long the limits hold it back is told to the coordinator."""
        try:
            while True:
                now_s, tokens = trio.current_time(), need_tokens()
                limits_s = self.limiter.ready_at_s(now_s, tokens)
                self._note(now_s, tokens, waits=limits_s > now_s)
                if (ready_s := self._ready_at_s(now_s, tokens)) <= now_s:
                    return
                with trio.move_on_at(ready_s):
                    await self._changed.wait()
        finally:
            self._note(trio.current_time(), 0, waits=False)

    def _note(self, now_s: float, tokens: int, *, waits: bool) -> None:
        """Whether the limits hold the lane back from now on."""
        if self._waits_since_s is not None:
            self._waited_s += now_s - self._waits_since_s
        elif waits and not self.limiter.has_share and self.on_news is not None:
            self.on_news()
        self._waits_since_s = now_s if waits else None
        if waits:
            by_requests = self.limiter.ready_at_s(now_s, 0)
            by_tokens = self.limiter.ready_at_s(now_s, tokens) > by_requests
            self._waits_for = "tokens" if by_tokens else "requests"
            self._largest_tokens = max(self._largest_tokens, tokens)

    def set_share(self, share: LaneShare, *, now_s: float, until_s: float) -> None:
        """Keep to this share until `until_s`, and to a cool-down that another worker was asked
        for."""
        limiter = self.limiter
        limiter.set_share(share.requests, share.tokens, now_s=now_s, until_s=until_s)
        limiter.largest_tokens = share.tpm
        self.whole_rpm = share.rpm
        if share.hold_s and now_s + share.hold_s > self._cool_until_s:
            self._cool_until_s = now_s + share.hold_s
            self._cool_from_s = now_s  # a refusal of what left before is of the same cool-down
        self._changed.notify_all()

    def use(self, now_s: float) -> LaneUse:
        """What to report; what was noted since the last report is forgotten."""
        held_requests, held_tokens = self.limiter.hold_less(now_s)
        used_requests, used_tokens = self.limiter.used(now_s)
        if self._waits_since_s is not None:
            self._waited_s += now_s - self._waits_since_s
            self._waits_since_s = now_s
        mostly = self._waited_s > MOSTLY * (now_s - self._reported_s) or (
            self._waits_since_s is not None and not self.limiter.has_share
        )
        told = LaneUse(
            held_requests=held_requests,
            held_tokens=held_tokens,
            used_requests=used_requests,
            used_tokens=used_tokens,
            pace=self._pace(now_s),
            waits_for=self._waits_for if mostly else None,
            largest_tokens=self._largest_tokens,
            hold_s=max(0.0, self._own_hold_until_s - now_s),
            none_left=self._refused_none_left,
            service_rpm=self._service_rpm,
            service_tpm=self._service_tpm,
        )
        self._reported_s, self._waited_s, self._largest_tokens = now_s, 0.0, 0
        self._refused_none_left, self._service_rpm, self._service_tpm = False, None, None
        return told

    def _pace(self, now_s: float) -> int:
        course = self._course
        course.append((now_s, self.sent))
        while now_s - course[0][0] > PACE_OVER_S and len(course) > 2:
            course.popleft()
        began_s, sent = course[0]
        return 0 if now_s <= began_s else ceil((self.sent - sent) * MINUTE_S / (now_s - began_s))

    def apply_service_limit(self, *, rpm: int | None, tpm: int | None) -> None:
        """An answer named what the service allows: to all workers together."""
        known = self._service_rpm, self._service_tpm
        self._service_rpm = _less(rpm, self.whole_rpm, known[0])
        self._service_tpm = _less(tpm, self.limiter.largest_tokens, known[1])
        if (self._service_rpm, self._service_tpm) != known and self.on_news is not None:
            self.on_news()

    def failed(
        self,
        grant: Grant,
        failure: Failure,
        *,
        sent_at_s: float | None,
        remaining: int | None = None,
    ) -> None:
        """As of any lane; a cool-down that it brings is told at once."""
        until_s = self._cool_until_s
        super().failed(grant, failure, sent_at_s=sent_at_s, remaining=remaining)
        if self._cool_until_s > until_s:
            self._own_hold_until_s = self._cool_until_s
            if self.on_news is not None:
                self.on_news()

    def _none_left(self, now_s: float) -> None:
        self._refused_none_left = True


def _less(named: int | None, whole: int | None, known: int | None) -> int | None:
    """The least of what an answer named and what is to be told already, where it is less than the
    whole limit in force."""
    if named is None or named < 1 or (whole is not None and named >= whole):
        return known
    return named if known is None else min(named, known)
