"""Searches over users on services whose capacity is known by a formula.

A service answers so many at once, each for an exponential time, and others queue in order; users
think for an exponential time. That is the machine-repairman model, whose states are known exactly;
a request that is due finds the state that one user fewer has (S. Lavenberg and M. Reiser, 1980).
The service is simulated here; the search and what it takes for sure are the product's.
"""

import heapq
import math
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from headrace.reports.comparison import USERS_LEVEL
from headrace.reports.load import independent_share
from headrace.reports.uncertainty import clustered, quantile_estimate
from headrace.runner.traffic.search import Certainty, SearchResult
from headrace.runner.traffic.steps import REQUESTS_EACH, ROUNDS_WARM
from headrace.runner.traffic.user_search import UserSearch

Floats = npt.NDArray[np.float64]
SHARE = 0.95
NEEDED = 105  # what requests_needed says of a p95


class QueueingService(NamedTuple):
    """`places` at once, each for `service_s` at the mean; users think for `think_s` at the mean,
    and 95 % of the requests are to take no longer than `within_s`."""

    places: int
    service_s: float
    think_s: float
    within_s: float

    def later(self, users: int) -> float:
        """The share of requests that take longer than `within_s` with so many users."""
        rate, think = 1 / self.service_s, 1 / self.think_s
        weights = [1.0]
        for n in range(1, users):
            weights.append(weights[-1] * (users - n) * think / (min(n, self.places) * rate))
        seen = np.array(weights) / sum(weights)
        return float(sum(p * self._later_after(k) for k, p in enumerate(seen)))

    def _later_after(self, found: int) -> float:
        """Of a request that finds so many before it: it waits for some of them, then is served."""
        rate, t = 1 / self.service_s, self.within_s
        before = found - self.places + 1
        if before <= 0:
            return math.exp(-rate * t)
        together = self.places * rate
        u = np.linspace(0, t, 2001)
        density = together**before * u ** (before - 1) * np.exp(-together * u)
        density /= math.factorial(before - 1)
        waits = 1 - float(np.trapezoid(density, u))
        return waits + float(np.trapezoid(density * np.exp(-rate * (t - u)), u))

    @property
    def capacity(self) -> int:
        """The most users of whom 95 % of the requests take no longer."""
        users = 1
        while self.later(users + 1) <= 1 - SHARE:
            users += 1
        return users

    def latencies(self, users: int, count: int, rng: Random) -> Floats:
        """Of so many requests in the order of their due times, once all users have come round."""
        warm = round(ROUNDS_WARM * users)
        ready = [(rng.expovariate(1 / self.think_s), user) for user in range(users)]
        free = [0.0] * self.places
        heapq.heapify(ready)
        found: list[float] = []
        while len(found) < warm + count:
            due_s, user = heapq.heappop(ready)
            end_s = max(due_s, heapq.heappop(free)) + rng.expovariate(1 / self.service_s)
            heapq.heappush(free, end_s)
            found.append(end_s - due_s)
            heapq.heappush(ready, (end_s + rng.expovariate(1 / self.think_s), user))
        return np.array(found[warm:])


class Searched(NamedTuple):
    """What a search found, and how many requests it took."""

    found: SearchResult
    requests: int

    def holds(self, capacity: int) -> bool:
        """Whether the capacity lies within the bounds that the search states."""
        low, high = self.found.highest_met or 0, self.found.lowest_missed or math.inf
        return low <= capacity < high


def search(service: QueueingService, seed: int, *, first: int = 4) -> Searched:
    """One search on it, from `first` users on."""
    rng, users, requests = Random(seed), UserSearch(first), 0
    while (trial := users.next()) is not None:
        count = math.ceil(max(NEEDED, REQUESTS_EACH * trial.load) * trial.size)
        requests += count
        latencies = service.latencies(int(trial.load), count, rng)
        users.tell(judged(latencies, service.within_s), met=True)
    return Searched(users.found, requests)


def judged(latencies: Floats, within_s: float) -> Certainty:
    """What a step says of `p95(latency_s) < within_s`."""
    found = clustered(pl.Series(latencies), pl.Series(range(len(latencies))))
    ends = quantile_estimate(found, SHARE).ends(USERS_LEVEL, independent_share(latencies))
    if ends.high < within_s:
        return "met"
    return "not met" if ends.low >= within_s else "unclear"
