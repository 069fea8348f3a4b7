"""`headrace status --watch`: looks at a run until it ends."""

import io
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from click.testing import CliRunner
from rich.console import Console

from headrace.jobs import Ended, Limits, Sent, Session
from headrace.reports import RunStatus, status_of
from headrace.reports.terminal import Timing, watch_status
from headrace.reports.terminal.status import status_line
from headrace.runner.main import main
from tests.reports.conftest import CHAT, START, RunMaker, at


class Clock:
    """A clock that only sleeping moves, and looks that take `look_s`."""

    def __init__(self, look_s: float = 0.0) -> None:
        self.at_s, self.look_s = 0.0, look_s
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at_s += seconds


def begun(made: RunMaker) -> RunStatus:
    """A run with one job done and one in flight."""
    made.manifest(Session(started_at=START, limits=made.limits))
    of = {"custom_id": "a", "model": "small", "url": CHAT, "attempt": 1, "due_at": at(0)}
    made.journal(
        *(Sent(index=n, sent_at=at(0), **of) for n in range(2)),  # type: ignore[arg-type]
        Ended(attempt=made.attempt(0, custom_id="a", sent_at=at(0), latency_s=1.0)),
    )
    with made.at_work():
        return status_of(made.directory, now=at(12))


def watched(found: RunStatus, console: Console, clock: Clock, *, looks: int = 3) -> RunStatus:
    """Looks that find it running but for the last, which finds it finished."""
    count = 0

    def look() -> RunStatus:
        nonlocal count
        count += 1
        clock.at_s += clock.look_s
        state = "finished" if count == looks else "running"
        now = found.at + timedelta(seconds=clock.at_s)
        return msgspec.structs.replace(found, state=state, succeeded=count, at=now)

    return watch_status(look, console, Timing(lambda: clock.at_s, clock.sleep))


def test_elsewhere_a_line_comes_each_second_until_the_run_ends(made: RunMaker) -> None:
    console, clock = Console(file=io.StringIO(), width=60), Clock(look_s=0.05)
    last = watched(begun(made), console, clock)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert last.state == "finished"
    assert [line.partition(",")[0] for line in lines] == ["running", "running", "finished"]
    assert lines[0].startswith("running, 1 succeeded, 0 failed, 1 in flight, 0 jobs per minute")
    assert clock.slept == [0.95, 0.95]


def test_a_look_that_takes_long_is_made_the_more_seldom(made: RunMaker) -> None:
    console, clock = Console(file=io.StringIO()), Clock(look_s=2.0)
    watched(begun(made), console, clock)
    assert clock.slept == [18.0, 18.0]


def test_a_terminal_is_drawn_anew_and_keeps_the_last(made: RunMaker) -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, height=20, force_terminal=True)
    watched(begun(made), console, Clock())
    text = file.getvalue()
    assert text.count("running for") == 2
    assert "\x1b[1A\x1b[2K" in text  # what was drawn before is wiped
    assert text.rindex("finished") > text.rindex("running for")


def test_a_line_has_what_matters_of_a_run_in_trouble(made: RunMaker) -> None:
    fields: dict[str, Any] = {
        "rejected": 2,
        "share": 0.25,
        "jobs_per_minute": 12.0,
        "left_s": 90.0,
        "kept": Decimal(3),
        "cooling_down_s": 5.0,
        "failing_since": at(2),
        "reason": "the disk is full",
        "limits": Limits(rpm=None, tpm=None, concurrency=None),
    }
    assert status_line(msgspec.structs.replace(begun(made), **fields)) == (
        "running, 0 succeeded, 0 failed, 2 rejected, 25% of the file, 1 in flight, "
        "12 jobs per minute, about 90.0 s left, 0 CNY, 3 CNY kept, cooling down for 5.00 s, "
        "the service has failed for 10.0 s, the disk is full"
    )


def test_the_command_ends_with_the_run_and_with_json_prints_an_object_a_line(
    made: RunMaker,
) -> None:
    begun(made)  # and nobody works on it any more
    lines = CliRunner().invoke(main, ["status", str(made.directory), "--watch"]).output.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["crashed"]
    output = CliRunner().invoke(main, ["status", str(made.directory), "--watch", "--json"]).output
    assert [json.loads(line)["state"] for line in output.splitlines()] == ["crashed"]


def test_the_lines_of_the_job_file_are_counted_once(made: RunMaker) -> None:
    before = msgspec.structs.replace(begun(made), jobs_total=7)
    with made.at_work():
        assert status_of(made.directory, now=at(13), before=before).jobs_total == 7
