"""headrace: a batch job runner and load tester for LLM gateways.

    import headrace

    outcome = headrace.run("jobs.jsonl", base_url="http://127.0.0.1:8000", prices="prices.toml")
    headrace.scan_results(outcome.directory).select("custom_id", "text", "cost").collect()

Nothing is loaded until it is asked for. The rooms are `headrace.jobs`, `headrace.runner`,
`headrace.reports` and `headrace.gateway`.
"""

from typing import TYPE_CHECKING

from .lazy import late

if TYPE_CHECKING:
    from headrace.jobs import HeadraceError, InputError
    from headrace.reports import scan_attempts, scan_results
    from headrace.runner import (
        BalanceError,
        InterruptError,
        KeyRefusedError,
        LoadOptions,
        OutageError,
        OutOfMoneyError,
        RunDirectoryError,
        RunEnvironment,
        RunOptions,
        RunOutcome,
        RunSettings,
        Secret,
        Stop,
        StorageError,
        TerminateError,
        UnreachableError,
        load,
        run,
        run_jobs,
    )

__all__ = [
    "BalanceError",
    "HeadraceError",
    "InputError",
    "InterruptError",
    "KeyRefusedError",
    "LoadOptions",
    "OutOfMoneyError",
    "OutageError",
    "RunDirectoryError",
    "RunEnvironment",
    "RunOptions",
    "RunOutcome",
    "RunSettings",
    "Secret",
    "Stop",
    "StorageError",
    "TerminateError",
    "UnreachableError",
    "load",
    "run",
    "run_jobs",
    "scan_attempts",
    "scan_results",
]

__getattr__ = late(
    __name__,
    {
        "jobs": "HeadraceError InputError",
        "reports": "scan_attempts scan_results",
        "runner": (
            "BalanceError InterruptError KeyRefusedError LoadOptions OutOfMoneyError OutageError "
            "RunDirectoryError RunOptions RunOutcome RunSettings Secret Stop StorageError "
            "TerminateError UnreachableError RunEnvironment load run run_jobs"
        ),
    },
)
