"""What happened: reads a run's records, and reports its outcome, cost and latency."""

from .balance_check import BalanceCheck, Suspect
from .evaluate import Figures, open_figures
from .latency import Distribution
from .limits import Limits, LimitUse
from .objective import Judgement, Measured, check_objective, judge
from .outcome import FailedAttempts, FailedJobs, Outcome
from .rows import row_condition
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
    "Figures",
    "Judgement",
    "LimitUse",
    "Limits",
    "Measured",
    "Outcome",
    "RunFacts",
    "Summary",
    "Suspect",
    "Throughput",
    "Usage",
    "UsageRow",
    "check_objective",
    "judge",
    "open_figures",
    "print_summary",
    "row_condition",
    "summarise",
    "summary_json",
    "write_summary",
]
