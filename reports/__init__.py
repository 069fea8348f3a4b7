"""What happened: reads a run's records, and reports its outcome, cost and latency."""

from typing import TYPE_CHECKING

from headrace.lazy import late

from .figures import (
    SUMMARY_SCHEMA_VERSION,
    BalanceCheck,
    Distribution,
    FailedAttempts,
    FailedJobs,
    LimitsReport,
    LimitUse,
    OutcomeCounts,
    RunFacts,
    Summary,
    Suspect,
    Throughput,
    UsageRow,
    UsageTable,
    summarise,
    summary_json,
    write_summary,
)
from .load import LoadFigures, Percentile, Spread

if TYPE_CHECKING:
    from .comparison import (
        COMPARISON_SCHEMA_VERSION,
        Comparison,
        Difference,
        Pairing,
        Step,
        Steps,
        compare_runs,
        read_step,
        steps_json,
        steps_report,
        write_steps,
    )
    from .export import FORMATS, Exported, export_run
    from .figures import STATUS_SCHEMA_VERSION, RunStatus, status_of
    from .html import comparison_page
    from .junit import gate_junit
    from .load import request_condition
    from .objectives import (
        GATE_SCHEMA_VERSION,
        Figures,
        GateReport,
        Judgement,
        Measured,
        check_objective,
        judge,
        judge_run,
        open_figures,
        read_objectives,
        requests_needed,
    )
    from .row_conditions import row_condition
    from .run import scan_attempts, scan_results
    from .terminal import (
        print_comparison,
        print_gate,
        print_status,
        print_steps,
        print_summary,
        report_console,
    )
    from .truth import Truth, compare_with_log

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
    "LimitsReport",
    "LoadFigures",
    "Measured",
    "OutcomeCounts",
    "Pairing",
    "Percentile",
    "RunFacts",
    "RunStatus",
    "Spread",
    "Step",
    "Steps",
    "Summary",
    "Suspect",
    "Throughput",
    "Truth",
    "UsageRow",
    "UsageTable",
    "check_objective",
    "compare_runs",
    "compare_with_log",
    "comparison_page",
    "export_run",
    "gate_junit",
    "judge",
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

__getattr__ = late(
    __name__,
    {
        "comparison": (
            "COMPARISON_SCHEMA_VERSION Comparison Difference Pairing Step Steps compare_runs "
            "read_step steps_json steps_report write_steps"
        ),
        "export": "FORMATS Exported export_run",
        "figures": "STATUS_SCHEMA_VERSION RunStatus status_of",
        "html": "comparison_page",
        "junit": "gate_junit",
        "load": "request_condition",
        "objectives": (
            "GATE_SCHEMA_VERSION Figures GateReport Judgement Measured check_objective judge "
            "judge_run open_figures read_objectives requests_needed"
        ),
        "row_conditions": "row_condition",
        "run": "scan_attempts scan_results",
        "terminal": (
            "print_comparison print_gate print_status print_steps print_summary report_console"
        ),
        "truth": "Truth compare_with_log",
    },
)
