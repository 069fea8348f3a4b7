"""What happened: reads a run's records, and reports its outcome, cost and latency."""

from typing import TYPE_CHECKING

from headrace.lazy import late

from .figures import BalanceCheck, Summary, summarise, summary_json, write_summary
from .load import LoadFigures, Spread

if TYPE_CHECKING:
    from .comparison import (
        Comparison,
        Difference,
        Repeat,
        Repeats,
        RepeatsAsked,
        Step,
        Steps,
        compare_runs,
        read_repeat,
        read_step,
        repeats_json,
        repeats_report,
        step_requests,
        steps_json,
        steps_report,
        write_repeats,
        write_steps,
    )
    from .figures import RunStatus, status_of
    from .load import request_condition
    from .measurement_errors import MeasurementErrors, compare_with_log
    from .night_files import write_cut_night, write_night
    from .night_scores import score_names
    from .nights import (
        Base,
        CutNight,
        NightPlan,
        NightReport,
        Spent,
        check_night,
        cut_night,
        report_night,
        spent_by,
    )
    from .objectives import (
        GateReport,
        JudgedSide,
        Judgement,
        check_objective,
        gated_summary_json,
        judge,
        judge_run,
        judge_side,
        judges_failures,
        open_figures,
        read_objectives,
        requests_needed,
    )
    from .row_conditions import row_condition
    from .run import check_whole, scan_attempts, scan_results
    from .scoring import read_judge
    from .terminal import (
        print_gate,
        print_night,
        print_repeats,
        print_status,
        print_steps,
        print_summary,
        report_console,
    )

__all__ = [
    "BalanceCheck",
    "Base",
    "Comparison",
    "CutNight",
    "Difference",
    "GateReport",
    "JudgedSide",
    "Judgement",
    "LoadFigures",
    "MeasurementErrors",
    "NightPlan",
    "NightReport",
    "Repeat",
    "Repeats",
    "RepeatsAsked",
    "RunStatus",
    "Spent",
    "Spread",
    "Step",
    "Steps",
    "Summary",
    "check_night",
    "check_objective",
    "check_whole",
    "compare_runs",
    "compare_with_log",
    "cut_night",
    "gated_summary_json",
    "judge",
    "judge_run",
    "judge_side",
    "judges_failures",
    "open_figures",
    "print_gate",
    "print_night",
    "print_repeats",
    "print_status",
    "print_steps",
    "print_summary",
    "read_judge",
    "read_objectives",
    "read_repeat",
    "read_step",
    "repeats_json",
    "repeats_report",
    "report_console",
    "report_night",
    "request_condition",
    "requests_needed",
    "row_condition",
    "scan_attempts",
    "scan_results",
    "score_names",
    "spent_by",
    "status_of",
    "step_requests",
    "steps_json",
    "steps_report",
    "summarise",
    "summary_json",
    "write_cut_night",
    "write_night",
    "write_repeats",
    "write_steps",
    "write_summary",
]

__getattr__ = late(
    __name__,
    {
        "comparison": (
            "Comparison Difference Repeat Repeats RepeatsAsked Step Steps compare_runs read_repeat "
            "step_requests read_step repeats_json repeats_report steps_json steps_report "
            "write_repeats write_steps"
        ),
        "figures": "RunStatus status_of",
        "load": "request_condition",
        "night_files": "write_cut_night write_night",
        "night_scores": "score_names",
        "nights": (
            "Base CutNight NightPlan NightReport Spent check_night cut_night report_night spent_by"
        ),
        "objectives": (
            "GateReport JudgedSide Judgement check_objective gated_summary_json judge judge_run "
            "judge_side judges_failures open_figures read_objectives requests_needed"
        ),
        "row_conditions": "row_condition",
        "run": "check_whole scan_attempts scan_results",
        "scoring": "read_judge",
        "terminal": (
            "print_gate print_night print_repeats print_status print_steps print_summary "
            "report_console"
        ),
        "measurement_errors": "MeasurementErrors compare_with_log",
    },
)
