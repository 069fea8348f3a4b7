"""What happened: reads a run's records, and reports its outcome, cost and latency."""

from .balance_check import BalanceCheck, Suspect
from .latency import Distribution
from .limits import Limits, LimitUse
from .outcome import FailedAttempts, FailedJobs, Outcome
from .summary import (
    SUMMARY_SCHEMA_VERSION,
    RunFacts,
    Summary,
    Throughput,
    summarise,
    summary_json,
    write_summary,
)
from .terminal import print_summary
from .usage import Usage, UsageRow

__all__ = [
    "SUMMARY_SCHEMA_VERSION",
    "BalanceCheck",
    "Distribution",
    "FailedAttempts",
    "FailedJobs",
    "LimitUse",
    "Limits",
    "Outcome",
    "RunFacts",
    "Summary",
    "Suspect",
    "Throughput",
    "Usage",
    "UsageRow",
    "print_summary",
    "summarise",
    "summary_json",
    "write_summary",
]
