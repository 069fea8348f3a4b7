"""What happened: reads a run's records, and reports its outcome, cost and latency."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .balance_check import BalanceCheck
from .latency import Distribution
from .limits import Limits, LimitUse
from .load import LoadFigures, LoadSigns, Percentile, Spread, Verdict, judge_load
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
from .suspects import Suspect
from .usage import Usage, UsageRow

if TYPE_CHECKING:
    from .compare import COMPARISON_SCHEMA_VERSION, Comparison, Difference, compare_runs
    from .compare_terminal import print_comparison
    from .confidence import requests_needed
    from .console import report_console
    from .evaluate import Figures, open_figures
    from .export import FORMATS, Exported, export_run
    from .gate import GATE_SCHEMA_VERSION, GateReport, judge_run, read_objectives
    from .gate_terminal import print_gate
    from .html.comparison import comparison_page
    from .junit import gate_junit
    from .load.rows import request_condition
    from .load.steps import Step, Steps, read_step, steps_json, steps_report, write_steps
    from .load.steps_terminal import print_steps
    from .objective import Judgement, Measured, check_objective, judge
    from .pairing import Pairing
    from .rows import row_condition
    from .run import scan_attempts, scan_results
    from .status import STATUS_SCHEMA_VERSION, Status, status_of
    from .status_terminal import print_status
    from .terminal import print_summary
    from .truth import Truth, compare_with_log

# What a run has no use for when it asks for its summary waits until somebody asks for it.
_LATE = {
    "COMPARISON_SCHEMA_VERSION": "compare",
    "FORMATS": "export",
    "GATE_SCHEMA_VERSION": "gate",
    "STATUS_SCHEMA_VERSION": "status",
    "Comparison": "compare",
    "Difference": "compare",
    "Exported": "export",
    "Figures": "evaluate",
    "GateReport": "gate",
    "Judgement": "objective",
    "Measured": "objective",
    "Pairing": "pairing",
    "Status": "status",
    "Step": "load.steps",
    "Steps": "load.steps",
    "Truth": "truth",
    "check_objective": "objective",
    "compare_runs": "compare",
    "compare_with_log": "truth",
    "comparison_page": "html.comparison",
    "export_run": "export",
    "gate_junit": "junit",
    "judge": "objective",
    "judge_run": "gate",
    "open_figures": "evaluate",
    "print_comparison": "compare_terminal",
    "print_gate": "gate_terminal",
    "print_status": "status_terminal",
    "print_steps": "load.steps_terminal",
    "print_summary": "terminal",
    "read_objectives": "gate",
    "read_step": "load.steps",
    "report_console": "console",
    "request_condition": "load.rows",
    "requests_needed": "confidence",
    "row_condition": "rows",
    "scan_attempts": "run",
    "scan_results": "run",
    "status_of": "status",
    "steps_json": "load.steps",
    "steps_report": "load.steps",
    "write_steps": "load.steps",
}

__all__ = [
    "COMPARISON_SCHEMA_VERSION",
    "FORMATS",
    "GATE_SCHEMA_VERSION",
    "STATUS_SCHEMA_VERSION",
    "SUMMARY_SCHEMA_VERSION",
    "BalanceCheck",
    "Comparison",
    "Difference",
    "Distribution",
    "Exported",
    "FailedAttempts",
    "FailedJobs",
    "Figures",
    "GateReport",
    "Judgement",
    "LimitUse",
    "Limits",
    "LoadFigures",
    "LoadSigns",
    "Measured",
    "Outcome",
    "Pairing",
    "Percentile",
    "RunFacts",
    "Spread",
    "Status",
    "Step",
    "Steps",
    "Summary",
    "Suspect",
    "Throughput",
    "Truth",
    "Usage",
    "UsageRow",
    "Verdict",
    "check_objective",
    "compare_runs",
    "compare_with_log",
    "comparison_page",
    "export_run",
    "gate_junit",
    "judge",
    "judge_load",
    "judge_run",
    "open_figures",
    "print_comparison",
    "print_gate",
    "print_status",
    "print_steps",
    "print_summary",
    "read_objectives",
    "read_step",
    "report_console",
    "request_condition",
    "requests_needed",
    "row_condition",
    "scan_attempts",
    "scan_results",
    "status_of",
    "steps_json",
    "steps_report",
    "summarise",
    "summary_json",
    "write_steps",
    "write_summary",
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(import_module(f".{_LATE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
