"""Searches over users and over rates, on services whose capacity is known by a formula.

A service answers so many at once, each for an exponential time, and others queue in order; users
think for an exponential time. That is the machine-repairman model, whose states are known exactly;
a request that is due finds the state that one user fewer has (S. Lavenberg and M. Reiser, 1980).
The service is simulated here; the search and what it takes for sure are the product's.

Over rates requests come without regard to the answers, at random (M/M/c, whose times are known by
a formula as well: L. Kleinrock, "Queueing Systems" I, Wiley 1975, section 3.5), and begin with an
empty service, as the steps of a search do.
"""

import heapq
import math
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from headrace.reports.comparison.steps import (
    SEARCH_LEVEL,
    is_growing,
    is_rising,
    step_requests,
)
from headrace.reports.load import independent_share
from headrace.reports.uncertainty import clustered, quantile_estimate
from headrace.runner.traffic.search import (
    Certainty,
    SearchResult,
    search_over_rates,
    search_over_users,
)
from headrace.runner.traffic.steps import REQUESTS_EACH, ROUNDS_WARM, STEP_S

Floats = npt.NDArray[np.float64]
SHARE = 0.95
OBJECTIVE = "p95(latency_s) < 1"
NEEDED, NEEDED_OPEN = (step_requests(OBJECTIVE, open_loop=each) for each in (False, True))


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


class OpenService(NamedTuple):
    """`places` at once, each for `service_s` at the mean; 95 % of the requests, which come at
    random, are to take no longer than `within_s`."""

    places: int
    service_s: float
    within_s: float

    def later(self, rate_per_s: float) -> float:
        """The share of requests that take longer than `within_s` at this rate, in the long run."""
        each, t, offered = 1 / self.service_s, self.within_s, rate_per_s * self.service_s
        if offered >= self.places:
            return 1.0
        below = sum(offered**n / math.factorial(n) for n in range(self.places))
        full = offered**self.places / math.factorial(self.places) / (1 - offered / self.places)
        waits = full / (below + full)
        spare = self.places * each - rate_per_s
        served, emptied = math.exp(-each * t), math.exp(-spare * t)
        if each == spare:
            waited = served * (1 + each * t)
        else:
            waited = (each * emptied - spare * served) / (each - spare)
        return (1 - waits) * served + waits * waited

    @property
    def capacity(self) -> float:
        """The highest rate at which 95 % of the requests take no longer."""
        low, high = 0.0, self.places / self.service_s
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.later(middle) <= 1 - SHARE else (low, middle)
        return low

    def latencies(self, rate_per_s: float, count: int, rng: Random) -> Floats:
        """Of so many requests, the first of which finds nobody."""
        now_s, free, found = 0.0, [0.0] * self.places, []
        for _ in range(count):
            now_s += rng.expovariate(rate_per_s)
            end_s = max(now_s, heapq.heappop(free)) + rng.expovariate(1 / self.service_s)
            heapq.heappush(free, end_s)
            found.append(end_s - now_s)
        return np.array(found)


class Searched(NamedTuple):
    """What a search found, and how many requests it took."""

    found: SearchResult
    requests: int

    def holds(self, capacity: float) -> bool:
        """Whether the capacity lies within the bounds that the search states."""
        low, high = self.found.highest_met or 0, self.found.lowest_missed or math.inf
        return low <= capacity < high


def search(service: QueueingService, seed: int, *, first: int = 4) -> Searched:
    """One search on it, from `first` users on."""
    rng, users, requests = Random(seed), search_over_users(first, precision=0.05), 0
    while (trial := users.next()) is not None:
        count = math.ceil(max(NEEDED, REQUESTS_EACH * trial.load) * trial.size)
        requests += count
        latencies = service.latencies(int(trial.load), count, rng)
        users.tell(judged(latencies, service.within_s, open_loop=False))
    return Searched(users.found, requests)


def search_rates(service: OpenService, seed: int) -> Searched:
    """One search on it, from half of what it can serve on."""
    first = service.places / service.service_s / 2
    rng, rates, requests = Random(seed), search_over_rates(first, precision=0.05), 0
    while (trial := rates.next()) is not None:
        count = math.ceil(max(NEEDED_OPEN * trial.size, trial.load * STEP_S))
        requests += count
        latencies = service.latencies(trial.load, count, rng)
        found = judged(latencies, service.within_s, open_loop=True)
        if found != "not met" and is_growing(latencies):
            found = "not met"
        elif found == "met" and is_rising(latencies):
            found = "unclear"
        rates.tell(found)
    return Searched(rates.found, requests)


def judged(latencies: Floats, within_s: float, *, open_loop: bool) -> Certainty:
    """What a step says of `p95(latency_s) < within_s`."""
    found = clustered(pl.Series(latencies), pl.Series(range(len(latencies))))
    worth = independent_share(latencies, open_loop=open_loop)
    ends = quantile_estimate(found, SHARE).ends(SEARCH_LEVEL, worth)
    if ends.high < within_s:
        return "met"
    return "not met" if ends.low >= within_s else "unclear"
