"""The judge's run as a process, which has the signals of this one and ends with it."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ..scores import VOTES_RUN
from .judge_file import Judge, flags_of

JOBS = "jobs.jsonl"
CHILD = Path(__file__).with_name("judge_child.py")
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def ask_judge(folder: Path, judge: Judge) -> int:
    """Run the judge's jobs as a command of their own, which shows its progress as any run does.

    Returns its exit code; below 0 it is the signal that ended it.
    """
    # (-P: nothing in the current directory stands in for a module of ours while it starts.)
    command = [sys.executable, "-P", str(CHILD), "run", str(folder / JOBS)]
    command += [f"--out={folder / VOTES_RUN}", "--rerun-changed", *flags_of(judge.run)]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    # Its input is ended last, and not by `with`: until then there is nothing for it to read.
    child = subprocess.Popen(command, stdin=pipe, stdout=nothing)
    assert child.stdin is not None
    try:
        with _handing_on_signals(child):
            return child.wait()
    finally:
        child.stdin.close()
        child.wait()


@contextmanager
def _handing_on_signals(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """What would end this process stops its child instead, in its own time. Ctrl-C on a terminal
    reaches it twice, which it takes for once."""

    def hand_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    if threading.current_thread() is not threading.main_thread():  # which alone may be told
        yield
        return
    # What was ignored when this process began, as nohup has it, stays so.
    heeded = [each for each in STOPPING if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, hand_on) for each in heeded}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
