"""`headrace` that seals every few jobs, and may kill itself at the nth file operation of a kind.

    python killed.py write:17:half run jobs.jsonl ...     half of the 17th write, then SIGKILL
    python killed.py replace:2:before run jobs.jsonl ...  before the second rename; `after` it
    python killed.py - run jobs.jsonl ...                 never

The rest is the command as it is installed.
"""

import os
import signal
import sys
from typing import Any

SEGMENT_BYTES = 16_000
SYNC_EVERY_S = 0.02


def die_at(operation: str, nth: int, where: str) -> None:
    """Have the process killed by itself at the nth call of `os.<operation>`."""
    real = getattr(os, operation)
    calls = 0

    def call(*arguments: Any, **fields: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            if where == "half":
                descriptor, data = arguments
                real(descriptor, data[: len(data) // 2])
            elif where == "after":
                real(*arguments, **fields)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **fields)

    setattr(os, operation, call)


def make_small() -> None:
    """Have this process seal every few jobs."""
    from headrace.runner.record import recorder
    from headrace.runner.workers import session

    recorder.SEGMENT_BYTES = session.SEGMENT_BYTES = SEGMENT_BYTES  # a worker has its own
    recorder.SYNC_EVERY_S = SYNC_EVERY_S


def main(plan: str, *words: str) -> None:
    from headrace.runner.main import main as headrace

    make_small()
    if plan != "-":
        operation, nth, where = plan.split(":")
        die_at(operation, int(nth), where)
    headrace(list(words), prog_name="headrace")


if __name__ == "__main__":
    main(*sys.argv[1:])
