"""The figures of a run: outcome, usage, cost, latency, limits, and the balance check."""

from .account_checks import AccountChecks, check_accounts
from .balance_check import BalanceCheck
from .concurrency_history import ConcurrencyFigures
from .cost_sources import CostSources, cost_sources_of, worth_comparing
from .kept_money import KeptMoney, Release, kept_money
from .latency import QUANTILES, Distribution, worth_showing
from .limits_report import LimitsReport, LimitUse
from .outcome_counts import FailedAttempts, FailedJobs, OutcomeCounts
from .services import ServiceFigures
from .status import STATUS_SCHEMA_VERSION, RunStatus, ServiceStatus, status_of
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
from .usage_table import UsageRow, UsageTable, usage_by_service, usage_of

__all__ = [
    "QUANTILES",
    "STATUS_SCHEMA_VERSION",
    "SUMMARY_SCHEMA_VERSION",
    "SUSPICIONS",
    "AccountChecks",
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
    "Release",
    "RunFacts",
    "RunStatus",
    "ServiceFigures",
    "ServiceStatus",
    "Summary",
    "Suspect",
    "Throughput",
    "UnfitAnswers",
    "UsageRow",
    "UsageTable",
    "check_accounts",
    "cost_sources_of",
    "data_json",
    "kept_money",
    "measured_results",
    "status_of",
    "summarise",
    "summary_json",
    "summary_of",
    "usage_by_service",
    "usage_of",
    "worth_comparing",
    "worth_showing",
    "write_summary",
]
