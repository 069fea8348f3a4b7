"""What a load run was asked for, which stretch of it was measured, and what the machine did."""

from decimal import Decimal
from typing import Literal

import msgspec

from .rows import Moment

Shape = Literal["users", "rate", "stages", "replay"]
# A stretch in which the client's loop ran nothing is a stall when it is longer than this.
STALL_S = 0.1
# The code of attempts that `--cancel` ended.
CLIENT_CANCELLED = "CLIENT_CANCELLED"


class Stall(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which the client's loop ran nothing; `at` is its end."""

    at: Moment
    length_s: float


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the client's machine did from the first measured due time to the end of the run.

    `stalls` counts the stretches above 100 ms in which the loop ran nothing, `longest_stall_s` is
    the longest stretch of any length, and `worst_stalls` has the longest of those above 100 ms.
    The loop's lag is how late a timer of every 10 ms was; `longest_gc_s` is the longest look for
    cycles. `cpu_share` is the process's CPU time by the clock's, 1.0 being one core busy, and
    `core_wait_share` that in which its main thread could have run and something else had the core;
    `core_shares` has how busy each core was that the process may use, whoever used it. Files and
    ports are the peaks of the process's open descriptors and of the machine's TCP sockets,
    in use or waiting to be forgotten. None is what the system doesn't say.
    """

    stalls: int = 0
    longest_stall_s: float = 0.0
    worst_stalls: list[Stall] = []
    loop_lag_p50_s: float | None = None
    loop_lag_p99_s: float | None = None
    longest_gc_s: float = 0.0
    cpu_share: float | None = None
    core_wait_share: float | None = None
    core_shares: dict[int, float] = {}
    in_flight_max: int = 0
    open_files_max: int | None = None
    open_files_limit: int | None = None
    ports_max: int | None = None
    ports_limit: int | None = None


class ScrapeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How reading the server's metrics went: `failed` of so many `readings`, and their `reasons`.

    `rows` are those of server.parquet, `unread` counts lines that could not be read.
    """

    readings: int
    failed: int
    reasons: dict[str, int] = {}
    rows: int = 0
    unread: int = 0


class WorkerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One of the processes that sent for the run, counted from 1. `machine` is None where it was
    lost, and `lost_s` how long after the start that was.

    `where` is the machine that it ran on, where that was another than the run's own, and
    `clock_error_s` by how much that machine's clock may have been taken wrong.
    """

    number: int
    machine: MachineFacts | None = None
    lost_s: float | None = None
    where: str | None = None
    clock_error_s: float | None = None


class LoadFacts(msgspec.Struct, kw_only=True):
    """A load run's part of run.json.

    `asked` says the shape in words ("64 users", "50/s poisson"). `users` and `rate_per_s` are its
    figures where it has one that holds throughout. `open_loop` shapes set due times in advance and
    wait for no answer. `model`, `url` and `stream` are None where the jobs of a file differ.
    The run ends by `duration_s` of measured time or by a number of measured `requests`; a warm-up
    of `warmup_s` precedes both. `concurrency_limit` is what may be in flight, None without one.
    `objectives` are expressions over one request. `client_error_s` is what the client may be late
    by, None for what the verdict allows, `cost_per_hour` what the hardware
    costs that answers. `unsent` counts requests that were due by the window's end
    and never left: the run was stopped, or its grace was over before that limit let them.
    `measure_from` and `measure_to` bound the due times that are measured, `ended` is when the last
    answer was in: each None until it is known, and with them `machine`. `cut_off` is when the run
    waited no longer for what was in flight or still to be sent; None where nothing was left of it.
    A `cancel_share` of the requests was cancelled by the client, each `cancel_after_s` after it was
    sent: None where none was to be. `scrape` is how reading the server's metrics went, None where
    nobody asked for them.
    `workers` are the processes that sent, where there were several; `machine` has them together.
    """

    shape: Shape
    asked: str
    open_loop: bool
    users: int | None = None
    rate_per_s: float | None = None
    prompts: str = ""
    model: str | None = None
    url: str | None = None
    stream: bool | None = None
    warmup_s: float = 0.0
    duration_s: float | None = None
    requests: int | None = None
    concurrency_limit: int | None = msgspec.field(default=None, name="ceiling")
    objectives: list[str] = []
    client_error_s: float | None = None
    cost_per_hour: Decimal | None = None
    seed: int = 0
    unsent: int = 0
    measure_from: Moment | None = None
    measure_to: Moment | None = None
    ended: Moment | None = None
    cut_off: Moment | None = None
    machine: MachineFacts | None = None
    scrape: ScrapeFacts | None = None
    cancel_share: float | None = None
    cancel_after_s: float | None = None
    workers: list[WorkerFacts] = []
