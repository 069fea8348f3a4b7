"""The figures of a run: outcome, usage, cost, latency, limits, and the balance check."""

from .balance_check import BalanceCheck, check_balance
from .concurrency_history import ConcurrencyFigures
from .cost_sources import CostSources, cost_sources_of, worth_comparing
from .kept_money import KeptMoney, kept_money
from .latency import QUANTILES, Distribution, worth_showing
from .limits_report import LimitsReport, LimitUse
from .outcome_counts import FailedAttempts, FailedJobs, OutcomeCounts
from .status import STATUS_SCHEMA_VERSION, RunStatus, status_of
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
from .unfit import UnfitAnswers
from .usage_table import UsageRow, UsageTable, usage_of

__all__ = [
    "QUANTILES",
    "STATUS_SCHEMA_VERSION",
    "SUMMARY_SCHEMA_VERSION",
    "SUSPICIONS",
    "BalanceCheck",
    "ConcurrencyFigures",
    "CostSources",
    "Distribution",
    "FailedAttempts",
    "FailedJobs",
    "KeptMoney",
    "LimitUse",
    "LimitsReport",
    "OutcomeCounts",
    "RunFacts",
    "RunStatus",
    "Summary",
    "Suspect",
    "Throughput",
    "UnfitAnswers",
    "UsageRow",
    "UsageTable",
    "check_balance",
    "cost_sources_of",
    "data_json",
    "kept_money",
    "measured_results",
    "status_of",
    "summarise",
    "summary_json",
    "summary_of",
    "usage_of",
    "worth_comparing",
    "worth_showing",
    "write_summary",
]
