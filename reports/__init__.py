"""What happened: reads a run's records, and reports its outcome, cost and latency."""

from .balance_check import BalanceCheck
from .evaluate import Figures, open_figures
from .gate import GATE_SCHEMA_VERSION, GateReport, judge_run, read_objectives
from .gate_terminal import print_gate
from .junit import gate_junit
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
from .suspects import Suspect
from .terminal import print_summary
from .usage import Usage, UsageRow

__all__ = [
    "GATE_SCHEMA_VERSION",
    "SUMMARY_SCHEMA_VERSION",
    "BalanceCheck",
    "Distribution",
    "FailedAttempts",
    "FailedJobs",
    "Figures",
    "GateReport",
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
    "gate_junit",
    "judge",
    "judge_run",
    "open_figures",
    "print_gate",
    "print_summary",
    "read_objectives",
    "row_condition",
    "summarise",
    "summary_json",
    "write_summary",
]
