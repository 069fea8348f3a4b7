"""How many attempts in flight are of use: found by trying, from what it does to the throughput.

Additive increase, multiplicative decrease: D. Chiu, R. Jain, "Analysis of the increase and decrease
algorithms for congestion avoidance in computer networks", 1989. What asks for less is a sign of
overload (429, 503, a timeout), or more in flight that brought no more answers: past its capacity a
service only queues, and its answers take longer in the same measure.

This file is arithmetic: it takes the time and what happened.
"""

from typing import NamedTuple

START = 16
# More in flight is of use where the throughput grows by this share of what the limit grew by.
USEFUL = 0.4
# A single round of answers of uneven lengths may deceive; so many in a row don't.
USELESS_ROUNDS = 2
# Once doubling is over, the limit has to have grown by this, and so many answers have to have come,
# before it is judged: less would drown in what the throughput varies by anyway. Answers that come
# in bursts need some rounds of them.
JUDGED_GROWTH = 1.5
JUDGED_ANSWERS = 100
JUDGED_ROUNDS = 4
# How much more than it seems to need a limit gets that doubling went far beyond.
MARGIN = 1.15
# How long a limit that was found is kept before more is tried: at first, and at most.
HOLD_S = 60.0
HOLD_MAX_S = 960.0


class Level(NamedTuple):
    """Answers per second that a limit brought."""

    limit: float
    per_s: float


class AdaptiveLimit:
    """The limit, from one answer to the next. `most` is never exceeded.

    A round is as many answers as the limit was at its start. The first rounds double the limit;
    after the first sign that less is wanted, so many answers add one. After a round of no use the
    limit stays for another, and then goes back to where it was of use.
    """

    def __init__(self, most: int, *, now_s: float) -> None:
        self.limit = float(min(most, START))
        self._most = float(most)
        self._doubling = True
        self._decreased_at_s = float("-inf")
        self._known: Level | None = None  # the last level whose use was seen
        self._useless = 0  # rounds in a row, and the best throughput in them
        self._best_per_s = 0.0
        self._hold_s = HOLD_S
        self._held_until_s = float("-inf")
        self._begin_round(now_s)

    def _begin_round(self, now_s: float) -> None:
        self._began_s = now_s
        self._began_limit = self.limit
        self._answers = 0
        self._wanted_more = True  # so far in this round

    def overloaded(self, *, sent_at_s: float | None, now_s: float) -> None:
        """An attempt's end asked for less: once for all that were sent before it was last heard."""
        if sent_at_s is None or sent_at_s > self._decreased_at_s:
            self.limit = max(1.0, self.limit / 2)
            self._decreased_at_s = now_s
            self._restart_slowly(now_s)

    def answered(self, *, held_back: bool, now_s: float) -> None:
        """An attempt ended well; `held_back` where the limit was all that kept more from going."""
        self._answers += 1
        if not held_back:
            self._wanted_more = False
        elif now_s >= self._held_until_s and not self._useless:
            step = 1.0 if self._doubling else 1.0 / self.limit
            self.limit = min(self._most, self.limit + step)
        enough = self._began_limit
        if not self._doubling:
            enough = max(JUDGED_ANSWERS, JUDGED_ROUNDS * enough)
        if self._answers >= int(enough):
            if self._wanted_more and now_s > self._began_s:
                per_s = self._answers / (now_s - self._began_s)
                self._judge(Level(self._began_limit, per_s), now_s)
            self._begin_round(now_s)

    def _judge(self, level: Level, now_s: float) -> None:
        known = self._known
        growth = 1.0 if known is None else level.limit / known.limit
        if known is None or growth <= 1.0:
            if known is not None and level.per_s < known.per_s / 2:
                self._held_until_s = now_s  # the service is another than the one that was judged
            self._known = level
        elif growth >= JUDGED_GROWTH:
            if level.per_s >= known.per_s * (1 + USEFUL * (growth - 1)):
                self._known = level
                self._useless, self._best_per_s, self._hold_s = 0, 0.0, HOLD_S
                return
            self._useless += 1
            self._best_per_s = max(self._best_per_s, level.per_s)
            if self._useless >= USELESS_ROUNDS:
                self.limit = known.limit
                if self._doubling:
                    # Little's law: so many in flight have the best throughput at the time that an
                    # answer took before any queued.
                    needed = MARGIN * self._best_per_s * known.limit / known.per_s
                    self.limit = min(level.limit, max(known.limit, needed))
                self._held_until_s = now_s + self._hold_s
                self._hold_s = min(HOLD_MAX_S, self._hold_s * 2)
                self._restart_slowly(now_s)

    def _restart_slowly(self, now_s: float) -> None:
        """From here on in small steps, and from what is measured anew."""
        self._doubling = False
        self._known = None
        self._useless, self._best_per_s = 0, 0.0
        self._begin_round(now_s)
