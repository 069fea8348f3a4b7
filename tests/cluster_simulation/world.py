"""What the simulated workers send to: a service that counts and bills, and links that are late.

The service counts at arrival, in windows of each kind at once, and refuses nothing: what it would
have refused is counted. Its ledger has what was really billed.
"""

import heapq
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import trio

from headrace.gateway.limits import KeyLimits, WindowKind
from headrace.runner.limits import WINDOW_S
from headrace.runner.notify import Notifier

KINDS: tuple[WindowKind, ...] = ("fixed", "sliding", "bucket")
# The delay from send to count: a constant, and less than half a second around it.
CONSTANT_S = 0.3
VARIES_S = 0.498


class Request(NamedTuple):
    """One request: when it left, and the tokens that it counts for."""

    sent_s: float
    tokens: int


class Service:
    """Counts all requests, and bills each answer."""

    def __init__(self, rpm: int | None, tpm: int | None, rng: random.Random) -> None:
        self.sent: list[Request] = []
        self.billed = Decimal(0)
        self._rng = rng
        self._phase_s = 120 + rng.uniform(0, 60)
        self._arrivals: list[Request] = []
        self._limits = rpm, tpm

    def receive(self, sent_s: float, tokens: int) -> None:
        """A request left."""
        self.sent.append(Request(sent_s, tokens))
        at_s = sent_s + CONSTANT_S + self._rng.uniform(0, VARIES_S)
        self._arrivals.append(Request(at_s, tokens))

    def refused(self) -> dict[str, int]:
        """How many each kind of window would have refused."""
        arrivals = sorted(self._arrivals)
        found = dict[str, int]()
        for kind in KINDS:
            counting = KeyLimits(kind, *self._limits)
            times = (int((each.sent_s + self._phase_s) * 1e6) for each in arrivals)
            found[kind] = sum(
                counting.admit(at_us, each.tokens) is not None
                for at_us, each in zip(times, arrivals, strict=True)
            )
        return found

    def most_in_a_window(self) -> tuple[int, int]:
        """The most requests and tokens in any 60.5 s, as they were sent."""
        most, first, tokens = [0, 0], 0, 0
        for n, each in enumerate(self.sent):
            tokens += each.tokens
            while self.sent[first].sent_s <= each.sent_s - WINDOW_S + 1e-6:
                tokens -= self.sent[first].tokens
                first += 1
            most = [max(most[0], n + 1 - first), max(most[1], tokens)]
        return most[0], most[1]

    def used(self, from_s: float, to_s: float) -> tuple[float, float]:
        """Requests and tokens a minute between two moments."""
        within = [each for each in self.sent if from_s <= each.sent_s < to_s]
        minutes = (to_s - from_s) / 60
        return len(within) / minutes, sum(each.tokens for each in within) / minutes


class Post:
    """Carries the messages of all links: one task for all of them, since there are thousands."""

    def __init__(self, rng: random.Random, late_s: float) -> None:
        self.rng = rng
        self.late_s = late_s
        self._sent = 0
        self._under_way: list[tuple[float, int, Link, Any]] = []
        self._earlier = Notifier()

    def send(self, due_s: float, link: "Link", message: Any) -> None:
        """Have it delivered at `due_s`."""
        self._sent += 1
        heapq.heappush(self._under_way, (due_s, self._sent, link, message))
        if self._under_way[0][1] == self._sent:
            self._earlier.notify_all()

    async def run(self) -> None:
        """Deliver, until cancelled."""
        while True:
            while self._under_way and self._under_way[0][0] <= trio.current_time():
                _, _, link, message = heapq.heappop(self._under_way)
                if not link.cut:
                    link.deliver(message)
            next_s = self._under_way[0][0] if self._under_way else float("inf")
            with trio.move_on_at(next_s):
                await self._earlier.wait()


class Link:
    """One way of a connection: in order, and each message late by a random time. What is under way
    when it is cut is lost."""

    def __init__(self, post: Post, deliver: Callable[[Any], None]) -> None:
        self.deliver = deliver
        self.cut = False
        self._post = post
        self._last_s = float("-inf")

    def send(self, message: Any) -> None:
        """Send it off."""
        due_s = trio.current_time() + self._post.rng.uniform(0, self._post.late_s)
        self._last_s = max(self._last_s, due_s)
        self._post.send(self._last_s, self, message)
