"""What Python runs first in the processes of a crash run, where PYTHONPATH names this folder.

Workers seal every few jobs, and one of them may kill itself, as `killed.py` has the coordinator do.

CRASH_PLAN is the plan of one worker, or CRASH_PLAN_FILE a file that has it, where there is one;
CRASH_TOKEN is a path: whoever makes that file first is it.
"""

import os
import sys


def begin() -> None:
    """Make a worker a small one; any other process is left as it is."""
    is_worker = any(word.startswith("headrace.runner.worker") for word in sys.orig_argv)
    if not is_worker or "CRASH_TOKEN" not in os.environ:
        return
    sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
    import killed  # type: ignore[import-not-found]

    killed.make_small()
    plan = os.environ.get("CRASH_PLAN")
    path = os.environ.get("CRASH_PLAN_FILE")
    if path is not None and os.path.exists(path):
        with open(path, encoding="ascii") as file:
            plan = file.read()
    if plan is not None:
        try:
            os.close(os.open(os.environ["CRASH_TOKEN"], os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        operation, nth, where = plan.split(":")
        killed.die_at(operation, int(nth), where)


begin()
