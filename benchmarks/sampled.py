"""`headrace` with a sampler in its process: what its one busy thread was at, by CPU time.

    python benchmarks/sampled.py FILE run JOBS ...

Each millisecond of CPU time the stack of the main thread is looked at, and the CPU time that the
thread took since the look before goes to the innermost place in STAGES. FILE gets seconds by stage
as JSON, with what other threads took.
"""

import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_S = 0.001
# Where a file of ours or of a library stands -> what it is for; the first that a path has in it.
STAGES = {
    "/runner/transport/": "HTTP over sockets",
    "/trio/": "trio: tasks, clock and polling",
    "/jobs/files/": "reading jobs",
    "/runner/bulk/read_jobs": "reading jobs",
    "/runner/answers/": "understanding answers",
    "/runner/client": "understanding answers",
    "/runner/answer_headers": "understanding answers",
    "/runner/outcome": "understanding answers",
    "/runner/secret": "understanding answers",
    "/runner/limits/": "limits, money and queues",
    "/runner/money/": "limits, money and queues",
    "/runner/admission": "limits, money and queues",
    "/runner/dispatch": "limits, money and queues",
    "/runner/attempts": "limits, money and queues",
    "/runner/bulk/": "limits, money and queues",
    "/jobs/costs/": "limits, money and queues",
    "/runner/record/": "records: rows, journal, Parquet",
    "/runner/rows": "records: rows, journal, Parquet",
    "/jobs/records/": "records: rows, journal, Parquet",
    "/reports/": "the summary at the end",
    "importlib": "start: imports",
}
OTHER = "all else"


class Sampler:
    """Adds up the main thread's CPU time by stage."""

    def __init__(self) -> None:
        self._stages: dict[str, str] = {}  # by file, so that each is looked up once
        self._seen_s = time.thread_time()
        self.taken_s: Counter[str] = Counter()

    def look(self, _number: int, frame: FrameType | None) -> None:
        """What a signal has called in the main thread."""
        now_s = time.thread_time()
        self.taken_s[self._stage(frame)] += now_s - self._seen_s
        self._seen_s = now_s

    def _stage(self, frame: FrameType | None) -> str:
        while frame is not None:
            file = frame.f_code.co_filename
            if file not in self._stages:
                here = [stage for part, stage in STAGES.items() if part in file]
                self._stages[file] = here[0] if here else ""
            if self._stages[file]:
                return self._stages[file]
            frame = frame.f_back
        return OTHER


def main() -> None:
    """Run a command of headrace, and write down what it was at."""
    out = Path(sys.argv[1])
    del sys.argv[1]
    sampler = Sampler()
    signal.signal(signal.SIGPROF, sampler.look)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    from headrace.runner.main import main as headrace

    try:
        headrace()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        beside_s = time.process_time() - time.thread_time()
        found = {**sampler.taken_s, "other threads: reading, fsync, Parquet": beside_s}
        out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
