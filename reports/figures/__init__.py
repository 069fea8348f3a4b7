"""The figures of a run: outcome, usage, cost, latency, limits, and the balance check."""

from .balance_check import BalanceCheck
from .concurrency import ConcurrencyCourse
from .latency import QUANTILES, Distribution, worth_showing
from .limits import Limits, LimitUse
from .outcome import FailedAttempts, FailedJobs, Outcome
from .status import STATUS_SCHEMA_VERSION, Status, status_of
from .summary import (
    SUMMARY_SCHEMA_VERSION,
    RunFacts,
    Summary,
    Throughput,
    data_json,
    measured_results,
    summarise,
    summary_json,
    summary_of,
    write_summary,
)
from .suspects import SUSPICIONS, Suspect
from .usage import Usage, UsageRow, usage_of

__all__ = [
    "QUANTILES",
    "STATUS_SCHEMA_VERSION",
    "SUMMARY_SCHEMA_VERSION",
    "SUSPICIONS",
    "BalanceCheck",
    "ConcurrencyCourse",
    "Distribution",
    "FailedAttempts",
    "FailedJobs",
    "LimitUse",
    "Limits",
    "Outcome",
    "RunFacts",
    "Status",
    "Summary",
    "Suspect",
    "Throughput",
    "Usage",
    "UsageRow",
    "data_json",
    "measured_results",
    "status_of",
    "summarise",
    "summary_json",
    "summary_of",
    "usage_of",
    "worth_showing",
    "write_summary",
]
