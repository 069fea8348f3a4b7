"""A judge's run in a process that ends with the one that started it: `python -P judge_child.py run
JOBS ...` is `headrace run JOBS ...`, told to stop once its standard input ends.

So a scoring process that is killed leaves nothing behind that continues to spend.
"""

import os
import runpy
import signal
import threading


def stop_at_end_of_input() -> None:
    """Wait for the end of standard input, and have this process stop as SIGTERM has it."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    runpy.run_module("headrace", run_name="__main__", alter_sys=True)
