"""The options that a program gives, by the names of the settings (`runner.settings`)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypedDict

from headrace.jobs import ModelLimits

Headers = Mapping[str, str] | Sequence[str]


class SendOptions(TypedDict, total=False):
    """Options of any run; times are seconds. What is left out has the command's default.

    base_url: where the service is, or a mapping of the protocols `openai` and `anthropic` to it;
        default HEADRACE_BASE_URL.
    rpm, tpm: requests and tokens per minute; None for no limit.
    model_limits: limits of single models, which have these instead.
    concurrency: attempts in flight; None lets the run find it.
    attempts: how often a job is tried at most.
    grace_s: how long an interrupt lets what is in flight finish.
    headers: sent with each job, as a mapping or as lines of "Name: value".
    share: make the run directory by the umask; without it, it is its owner's alone.
    metrics: serve the run's figures for Prometheus at this address: "127.0.0.1:9464".
    any_endpoint: send jobs of any other path too: recorded and retried, without a cost.
    endpoints: where the answers of a path tell their usage, as the table `[endpoints]` of
        headrace.toml has it: `{"/v1/score": {"input_tokens": "usage.x"}}`.
    http2: HTTP/2, where the service speaks it; slower, and without the kernel's receive times.
    prices: a TOML price file; without one no cost is known.
    max_cost: what the computed cost never exceeds, in the currency of the prices.
    yes: spend more than the balance seems to have.
    workers: how many processes send; "auto" is one for each core but the coordinator's.
    cluster: where they are, so many on each machine: a dask scheduler's address, or its file.
    """

    base_url: str | Mapping[str, str] | None
    rpm: int | None
    tpm: int | None
    model_limits: Mapping[str, ModelLimits]
    concurrency: int | None
    attempts: int
    grace_s: float
    headers: Headers
    metrics: str | None
    any_endpoint: bool
    endpoints: Mapping[str, Mapping[str, str]]
    http2: bool
    share: bool
    prices: str | Path | None
    max_cost: Decimal | None
    yes: bool
    workers: int | Literal["auto"]
    cluster: str | None


class RunOptions(SendOptions, total=False):
    """Options of a bulk run.

    deadline_s: how long a job may take from its first due time, retries included.
    outage_s: how long the service may fail before the run stops.
    strict: refuse the whole file where any line is not a job.
    estimate_first: read the whole file before anything is sent.
    retry_failed: run the failed jobs of an earlier session again.
    rerun_changed: run jobs again whose line has changed.
    skip_damaged: leave out what of the journal can't be read, and send its jobs again.
    dedupe: send jobs that ask the same once, and give all of them its outcome.
    reask: how often a job is asked again whose answer does not fit the recipe's schema.
    services: several services instead of `base_url`, each a mapping as `[[services]]` of
        headrace.toml has it: `{"name": "a", "base_url": ..., "models": [...]}`.
    wait_for_reset: sleep until a spent budget of the key has its reset.
    download: fetch images that come as links into the run's `images/`.
    """

    deadline_s: float
    outage_s: float
    strict: bool
    estimate_first: bool
    retry_failed: bool
    rerun_changed: bool
    skip_damaged: bool
    services: Sequence[Mapping[str, Any]]
    wait_for_reset: bool
    dedupe: bool
    reask: int
    download: bool
