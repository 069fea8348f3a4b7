"""What a load shape wants sent, and when: due times fixed in advance, or users who come back.

Moments are seconds on trio's clock. A shape ends by a moment or by a number of measured requests,
and its warm-up comes before either.
"""

import itertools
import math
import random
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from headrace.jobs import WHOLE, Part

from .think import Think
from .user_curve import UserCurve

# A due time is a quotient, and may miss the end of the window by its last digits.
CLOCK_STEP_S = 1e-9
# The finest step of a time in the tables.
TABLE_STEP_S = 1e-6
# A user whose request failed comes back no sooner: a refusal takes no time, and would be asked for
# thousands of times per second.
FAILED_PAUSE_S = 0.1


class MeasureWindow(NamedTuple):
    """What is measured: due times from `from_s`, for `duration_s` or until `requests` are out."""

    from_s: float
    duration_s: float | None
    requests: int | None

    @property
    def end_s(self) -> float:
        """When it ends whatever was sent; inf where a number of requests ends it."""
        return math.inf if self.duration_s is None else self.from_s + self.duration_s


class DueRequest(NamedTuple):
    """A request that is wanted; `user` is whose turn it is, 0 where there are no users.

    `number` counts from 0: of an open loop in the order of the due times, of users turn by turn, so
    that user u's turn t has u + t times their number. It doesn't depend on answers.
    """

    due_s: float
    user: int
    number: int


class Demand(Protocol):
    """`over_s` is when the shape ended, the due time of the first request beyond it; None so far.
    What is measured was due before it.

    `open_loop`: due times are known in advance, and don't depend on answers; `next_number` is then
    that of the next request. `measured` counts the requests that lie in the window.

    Where several processes share the run, each has a demand of its part: all see the same due
    times, and each takes its own.
    """

    open_loop: bool
    over_s: float | None
    measured: int
    next_number: int

    def next_s(self, now_s: float) -> float:
        """When something is due next, or is to be looked at again; inf for nothing in sight."""

    def take(self, now_s: float) -> DueRequest | None:
        """The request that is due by now, if one is."""

    def freed(self, user: int, now_s: float, *, failed: bool) -> None:
        """A user's request has come to its end."""

    def left(self, until_s: float) -> Iterator[DueRequest]:
        """What nobody has taken, of all that was due by `until_s`; it is then gone."""
        ...


class OpenLoop:
    """Due times from iterators, in order: `warm_up` before the window, `measured` in it.

    Both count from the beginning of the window, the former from below 0 up to it.
    """

    open_loop = True

    def __init__(
        self,
        window: MeasureWindow,
        *,
        warm_up: Iterator[float],
        measured: Iterator[float],
        part: Part = WHOLE,
    ) -> None:
        self.over_s: float | None = None
        self.next_number = -1
        self._part = part
        self._window = window
        self._times_s = itertools.chain(
            itertools.takewhile(lambda before_s: before_s < 0, warm_up), measured
        )
        self.measured = 0
        self._in_window = 0  # all parts' together
        self._next_measured = False
        self._end_s = math.inf  # once the last due time is known
        self._last_s = window.from_s
        self._next_s = self._following_s()

    def next_s(self, now_s: float) -> float:
        return min(self._next_s, self._end_s)

    def take(self, now_s: float) -> DueRequest | None:
        due_s = self._next_s
        if due_s > now_s:
            if math.isinf(due_s) and self._end_s <= now_s:
                self.over_s, self._end_s = self._end_s, math.inf
            return None
        return self._took(due_s)

    def _took(self, due_s: float) -> DueRequest:
        turn = DueRequest(due_s, 0, self.next_number)
        self.measured += self._next_measured
        self._next_s = self._following_s()
        return turn

    def freed(self, user: int, now_s: float, *, failed: bool) -> None:
        """Answers change nothing here."""

    def left(self, until_s: float) -> Iterator[DueRequest]:
        while self._next_s <= until_s:
            yield self._took(self._next_s)

    def _following_s(self) -> float:
        """The next due time of this part, or inf where the window ends before it."""
        while True:
            due_s = self._following_of_all_s()
            self.next_number += 1
            if self._part.has(self.next_number) or math.isinf(due_s):
                return due_s

    def _following_of_all_s(self) -> float:
        window = self._window
        after_s = next(self._times_s, None)
        self._next_measured = False
        if after_s is not None and after_s < 0:
            return window.from_s + after_s
        due_s = self._last_s if after_s is None else window.from_s + after_s
        if self._in_window == window.requests:
            self.over_s = due_s  # nobody knows how long the next one would be in coming
        elif after_s is None and window.duration_s is None:
            self.over_s = self._last_s
        elif after_s is None or due_s >= window.end_s - CLOCK_STEP_S:
            self._end_s = window.end_s
        else:
            self._in_window += 1
            self._next_measured = True
            self._last_s = due_s
            return due_s
        return math.inf


class Users:
    """A closed loop: each user is due when the last request ended and the think time is over.

    They come one after another over `spread_s`, evenly; with 0, all at once. `seed` gives each user
    a generator of its own, so that no user's thoughts depend on when others have their answers.
    Of a number of requests, each part has its share. With a `curve` of the numbers users come and
    go: one who is to go finishes the request that is under way, and `count` is the most of them.
    """

    open_loop = False
    next_number = 0

    def __init__(
        self,
        window: MeasureWindow,
        *,
        count: int,
        think: Think,
        seed: int,
        start_s: float,
        spread_s: float = 0.0,
        part: Part = WHOLE,
        curve: UserCurve | None = None,
    ) -> None:
        self.over_s: float | None = None
        self._curve = curve
        self._count = count
        self._requests = None if window.requests is None else part.share(window.requests)
        self._last_s = window.from_s  # the last measured due time
        self._window = window
        self._think = think
        users = range(part.number, count, part.of)
        self._dice = {user: random.Random(f"{seed}/{user}") for user in users}
        self._turns = dict.fromkeys(users, 0)
        self._ready: list[tuple[float, int]] = []
        at_first = count if curve is None else max(1, curve.points[0].users)
        for user in users:
            after_s = spread_s * user / at_first if user < at_first else 0.0
            self._come_s(user, start_s + after_s)
        self.measured = 0

    def next_s(self, now_s: float) -> float:
        if self.over_s is not None:
            return math.inf
        # The end has to be seen too: a user who is out may yet be due before it.
        return min(self._ready[0][0] if self._ready else math.inf, self._window.end_s)

    def take(self, now_s: float) -> DueRequest | None:
        if self.over_s is not None:
            return None
        due_s = self._ready[0][0] if self._ready else math.inf
        if due_s >= self._window.end_s:
            if now_s >= self._window.end_s:
                self.over_s = self._window.end_s
            return None
        if due_s > now_s:
            return None
        if due_s >= self._window.from_s:
            if self.measured == self._requests:
                # Users may be due together: the last that counts is before the end all the same.
                self.over_s = max(due_s, self._last_s + TABLE_STEP_S)
                return None
            self.measured += 1
            self._last_s = due_s
        due_s, user = heappop(self._ready)
        return DueRequest(due_s, user, self._number(user))

    def _number(self, user: int) -> int:
        """That of the user's next turn, which is then taken."""
        turn = self._turns[user]
        self._turns[user] = turn + 1
        return user + turn * self._count

    def freed(self, user: int, now_s: float, *, failed: bool) -> None:
        pause_s = self._think.draw_s(self._dice[user])
        self._come_s(user, now_s + max(pause_s, FAILED_PAUSE_S * failed))

    def _come_s(self, user: int, due_s: float) -> None:
        """Have the user due then, or once it is there; one who does not come again is gone."""
        if self._curve is not None:
            begin_s = self._window.from_s
            stays = (each for each in self._curve.stays(user) if begin_s + each.to_s > due_s)
            if (stay := next(stays, None)) is None:
                return
            due_s = max(due_s, begin_s + stay.from_s)
        heappush(self._ready, (due_s, user))

    def left(self, until_s: float) -> Iterator[DueRequest]:
        ready, self._ready = sorted(self._ready), []
        window = self._window
        for due_s, user in ready:
            measured = due_s >= window.from_s
            if due_s > until_s or due_s >= window.end_s:
                return
            if measured and self.measured == self._requests:
                return  # nobody wants more
            self.measured += measured
            yield DueRequest(due_s, user, self._number(user))
