"""The figures of a load run, as a report shows them and `summary.json` has them under `load`."""

from decimal import Decimal

import msgspec

from headrace.jobs import LoadFacts, LoadVerdict

from .server_figures import ServerSeries
from .spread import Spread


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """Counts. `warmup` and `drain` attempts are left out of every other figure, but that what ended
    within the window counts toward its rates. Of the measured attempts `answered` came
    back whole, `failed` did not, `given_up` were cancelled as `--cancel` asks, and `cut`
    were ended by the client at the end of the run, `unsent` of them before they left: figures of
    answers lack these three."""

    warmup: int
    drain: int
    measured: int
    answered: int
    failed: int
    cut: int
    given_up: int
    unsent: int
    error_rate: float | None


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Means per second over the window, of answers that came back whole but for `due_per_s`, which
    counts requests that were to be sent. `in_flight` is the mean of answers under way; `goodput`
    counts those that met every objective (None without objectives)."""

    due_per_s: float
    requests_per_s: float
    goodput_per_s: float | None
    input_tokens_per_s: float
    output_tokens_per_s: float
    in_flight: float


class LoadErrors(msgspec.Struct, frozen=True, kw_only=True):
    """Measured attempts that failed alike, as a number and as a share of all measured ones."""

    error_kind: str
    http_status: int | None
    error_code: str | None
    attempts: int
    share: float


class ObjectiveMet(msgspec.Struct, frozen=True, kw_only=True):
    """How many measured attempts met one objective, and which share of those not cut off."""

    objective: str
    met: int
    share: float | None


class Refusals(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of 429 to measured attempts, and the pauses that they asked for.

    `refused_jobs` counts the jobs that met one, `recovered_jobs` those of them that succeeded in
    the end. `first_attempt` is the latency from due of what succeeded at its first attempt,
    `with_retries` the time from first due to end of all measured jobs that succeeded, pauses
    included.
    """

    refused: int
    share: float | None
    retry_after: Spread | None
    refused_jobs: int
    recovered_jobs: int
    first_attempt: Spread | None
    with_retries: Spread | None


class Connections(msgspec.Struct, frozen=True, kw_only=True):
    """Measured attempts on connections opened for them and on open ones, and what opening took."""

    opened: int
    reused: int
    set_up: Spread | None


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that were due in one stretch of time, which begins `at_s` after the measuring did
    (below 0: the warm-up). Times are medians and 95th percentiles from sent, of those answered."""

    at_s: float
    due: int
    answered: int
    failed: int
    ttft_p50_s: float | None
    ttft_p95_s: float | None
    latency_p50_s: float | None
    latency_p95_s: float | None


class TimeSlices(msgspec.Struct, frozen=True, kw_only=True):
    """Slices of equal width in order of time, without those in which nothing was due."""

    width_s: float
    slices: list[Slice]


class SteadyState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the warm-up was long enough. `steady` is None where that can't be told: of too few
    answers, and where the load changes by design. Where it was not: the time (`metric`) that shows
    it, `from_s` after the measuring began the steady part does, and `warmup_s` is what leaves out
    what comes before; both None where no part is steady. `note` says so in words."""

    steady: bool | None
    metric: str | None = None
    from_s: float | None = None
    warmup_s: float | None = None
    note: str


class HardwareCost(msgspec.Struct, frozen=True, kw_only=True):
    """What the measured throughput costs at so much an hour: `per_hour` over what comes of one.

    Per million output tokens, per million tokens in and out, and per thousand answers; to six
    decimals, None where there were none.
    """

    per_hour: Decimal
    per_million_output_tokens: Decimal | None
    per_million_tokens: Decimal | None
    per_thousand_requests: Decimal | None


class LoadFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A load run's part of the summary. `goodput_share` is the share of measured attempts, those
    cut off left out, that met every objective. `coalesced_share` is that of the gaps which are 0
    since both chunks came in one read; `server` is what the server said of itself meanwhile."""

    facts: LoadFacts
    verdict: LoadVerdict
    window_s: float | None
    requests: Requests
    rates: Rates | None
    times: list[Spread]
    coalesced_share: float | None
    objectives: list[ObjectiveMet]
    goodput_share: float | None
    errors: list[LoadErrors]
    refusals: Refusals
    connections: Connections
    slices: TimeSlices | None = msgspec.field(name="course")
    server: list[ServerSeries] = []
    steady_state: SteadyState
    hardware: HardwareCost | None = None

    def spread(self, metric: str, since: str | None = None) -> Spread | None:
        """One of the times, such as ttft_s from sent; None where no answer has it."""
        found = (each for each in self.times if (each.metric, each.since) == (metric, since))
        return next((each for each in found if each.count), None)
