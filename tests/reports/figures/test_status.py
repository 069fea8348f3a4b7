"""`headrace status`: a run under way, one whose process is gone, and one that ended."""

import json
from decimal import Decimal
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from headrace.jobs import Ended, Manifest, Sent, Session, open_source
from headrace.reports import RunStatus, print_status, status_of
from headrace.reports.terminal.status import status_line
from headrace.runner.main import main
from headrace.runner.record import coordinating
from tests.docs_page import docs_page
from tests.reports.conftest import CHAT, START, RunMaker, at

LINE = '{"custom_id": "r", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n'


def sent(index: int, seconds: float) -> Sent:
    return Sent(
        index=index,
        custom_id=f"job-{index}",
        model="small",
        url=CHAT,
        attempt=1,
        due_at=at(seconds),
        sent_at=at(seconds),
    )


def begun(made: RunMaker) -> None:
    made.manifest(Session(started_at=START, limits=made.limits))


def looked(made: RunMaker, seconds: float) -> RunStatus:
    with made.at_work():
        return status_of(made.directory, now=at(seconds))


def printed(status: RunStatus) -> list[str]:
    out = StringIO()
    print_status(status, Console(file=out, width=80, color_system=None))
    return out.getvalue().splitlines()


def job_file(made: RunMaker, text: str) -> None:
    """Write the job file that the run begins with."""
    Path("jobs.jsonl").write_text(text)
    with open_source("jobs.jsonl") as source:
        identity = source.identity
    path = made.directory / "run.json"
    manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    manifest.job_file = identity
    path.write_bytes(msgspec.json.encode(manifest))


def test_a_run_under_way(made: RunMaker) -> None:
    """Two minutes in: 30 jobs in Parquet, 10 in the journal, two requests out."""
    begun(made)
    for index in range(30):
        made.job(index, input_tokens=90, output_tokens=10, cost=Decimal("0.01"))
    made.seal()
    made.job(30, input_tokens=90, output_tokens=10, cost=Decimal("0.01"))
    made.attempt(31, error_kind="http", http_status=400, sent_at=at(110))
    made.result(31, status="failed", ended_at=at(111))
    ends = [
        Ended(attempt=attempt, result=result)
        for attempt, result in zip(made.attempts, made.results, strict=True)
    ]
    made.journal(sent(30, 30), *ends, sent(32, 60), sent(33, 118))
    (made.directory / "rejects.jsonl").write_text("{}\n")
    job_file(made, LINE * 66 + "\n")
    found = looked(made, 120)
    assert (found.state, found.succeeded, found.failed, found.rejected) == ("running", 31, 1, 1)
    assert (found.attempts, found.in_flight, found.longest_in_flight_s) == (32, 2, 60.0)
    # Sent after the first minute: the failed one and the one of two seconds ago.
    assert (found.requests_last_minute, found.tokens_last_minute) == (2, 0)
    assert (found.cost, found.currency) == (Decimal("0.31"), "CNY")
    assert (found.jobs_total, found.share) == (66, 0.5)
    assert (found.jobs_per_minute, found.left_s) == (16.0, 33 / 16 * 60)
    assert found.last_end_at == at(111)
    assert printed(found) == [
        "jobs.run  running for 2 min",
        "  31 succeeded, 1 failed, 1 rejected, of 66 lines (50%)",
        "  2 in flight, the longest for 60.0 s",
        "  2 of 60 requests, 0 of 100,000 tokens in the last minute",
        "  16 jobs per minute, about 2 min 4 s left",
        "  0.31 CNY so far",
        "  the last result came 9.00 s ago",
    ]


def test_the_pace_is_that_of_the_last_five_minutes(made: RunMaker) -> None:
    begun(made)
    for index in range(100):
        made.job(index, ended_at=at(float(index)))
    for index in range(100, 110):
        made.job(index, ended_at=at(900.0 + index))
    made.seal()
    assert looked(made, 1050).jobs_per_minute == 2.0
    assert looked(made, 5).jobs_per_minute is None


def test_a_run_whose_workers_alone_are_left_is_not_running(made: RunMaker) -> None:
    """Regression: it was said to be running, as long as they had something in flight."""
    made.manifest(Session(started_at=START, limits=made.limits, arguments={"workers": 2}))
    made.job(0, ended_at=at(2))
    made.seal()
    made.journal(sent(1, 1))
    assert printed(looked(made, 5)) == [
        "jobs.run  was killed; run the same command again to resume",
        "  1 succeeded, 0 failed",
        "  0 CNY so far",
        "  its workers are left, and what they have in flight may finish.",
        "  the last result came 3.00 s ago",
    ]
    with coordinating(made.directory):
        assert looked(made, 5).state == "running"


def test_a_process_that_is_gone_is_said(made: RunMaker) -> None:
    begun(made)
    made.job(0)
    made.seal()
    made.journal(sent(1, 3))
    found = status_of(made.directory, now=at(100.5))
    assert (found.state, found.in_flight, found.attempts) == ("crashed", 0, 2)
    assert found.jobs_per_minute is None
    assert printed(found) == [
        "jobs.run  was killed; run the same command again to resume",
        "  1 succeeded, 0 failed",
        "  0 CNY so far",
        "  the last result came 1 min 40 s ago",
    ]


def test_a_run_that_ended_says_how(made: RunMaker) -> None:
    made.job(0, cost=Decimal("0.5"))
    stopped = Session(
        started_at=START, ended_at=at(9), state="stopped", reason="no money", limits=made.limits
    )
    made.manifest(stopped)
    made.seal()
    assert printed(status_of(made.directory, now=at(100))) == [
        "jobs.run  stopped before its end",
        "  no money",
        "  1 succeeded, 0 failed",
        "  0.5 CNY so far",
    ]


def test_what_has_finished_costs_no_more(made: RunMaker) -> None:
    made.job(0, cost=Decimal("0.5"))
    assert printed(status_of(made.write(), now=at(100)))[-1] == "  0.5 CNY"


def test_a_cool_down_lasts_as_long_as_the_answer_asked(made: RunMaker) -> None:
    begun(made)
    made.attempt(0, error_kind="http", http_status=429, retry_after_s=100.0, first_byte_s=0.5)
    made.attempt(1, error_kind="http", http_status=429, retry_after_s=5.0, first_byte_s=0.5)
    made.seal()
    assert looked(made, 60).cooling_down_s == 40.5
    assert looked(made, 101).cooling_down_s is None
    assert "  cooling down for 40.5 s" in printed(looked(made, 60))


def test_an_outage_is_twenty_failures_in_a_row(made: RunMaker) -> None:
    begun(made)
    made.attempt(0, error_kind="timeout")
    made.attempt(1)
    for index in range(2, 21):
        made.attempt(index, error_kind="http" if index % 2 else "connect", http_status=503)
    made.seal()
    assert looked(made, 60).failing_since is None
    made.attempt(21, error_kind="reset")
    made.seal()
    found = looked(made, 62)
    assert (found.failing_since, found.failing_attempts) == (at(2), 20)
    assert "  the service has failed for 60.0 s, 20 times in a row" in printed(found)
    made.attempt(22, error_kind="http", http_status=400)  # it answers: it is up
    made.seal()
    assert looked(made, 62).failing_since is None


def test_streams_that_break_off_are_an_outage_too(made: RunMaker) -> None:
    """The run stopped for an outage of cut streams that `status` did not show."""
    begun(made)
    for index in range(20):
        made.attempt(index, error_kind="stream", http_status=200)
    made.seal()
    found = looked(made, 60)
    assert (found.failing_since, found.failing_attempts) == (at(0), 20)
    made.attempt(20, error_kind="protocol", http_status=200, error_code="UNUSABLE_ANSWER")
    made.seal()
    assert looked(made, 60).failing_since is None  # whatever it says, the service says it


@pytest.mark.parametrize(
    "text", ['{"requests": [\n{"custom_id": "a", "params": {}}]}\n', '{\n"requests": []}\n']
)
def test_the_lines_of_a_document_are_no_jobs(made: RunMaker, text: str) -> None:
    begun(made)
    made.seal()
    job_file(made, text)
    found = looked(made, 60)
    assert (found.jobs_total, found.share, found.left_s) == (None, None, None)


def test_a_job_file_that_is_another_now_or_gone_has_no_total(made: RunMaker) -> None:
    begun(made)
    made.seal()
    job_file(made, LINE * 5)
    assert looked(made, 60).jobs_total == 5
    Path("jobs.jsonl").write_text(LINE * 3)
    assert looked(made, 60).jobs_total is None
    Path("jobs.jsonl").unlink()
    assert looked(made, 60).jobs_total is None


def test_a_run_without_prices_has_no_cost(made: RunMaker) -> None:
    made.prices = None
    begun(made)
    made.seal()
    assert looked(made, 60).cost is None


def test_what_is_kept_and_what_was_noted_are_shown(made: RunMaker) -> None:
    made.job(0, cost=Decimal("0.5"))
    made.attempt(1, http_status=500, error_kind="http", cost=None, cost_bound=Decimal("2.50"))
    noted = Session(started_at=START, limits=made.limits, notes=["line 3 is damaged"])
    made.manifest(noted)
    made.seal()
    status = looked(made, 60)
    assert (status.kept, status.notes) == (Decimal("2.5"), ["line 3 is damaged"])
    lines = printed(status)
    assert "  2.5 CNY kept as spent for attempts whose bill is unknown" in lines
    assert "  line 3 is damaged." in lines


def test_json_is_documented(made: RunMaker) -> None:
    begun(made)
    made.seal()
    done = CliRunner().invoke(main, ["status", "jobs.run", "--json"])
    assert done.exit_code == 0
    data = json.loads(done.stdout)
    assert (data["schema_version"], data["state"], data["in_flight"]) == (1, "crashed", 0)
    page = docs_page("reference/json.md", "status")
    assert [key for key in data if f"`{key}`" not in page] == []


def test_what_is_no_run_is_a_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["status", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr == (
        f"Error: {tmp_path} has no run.json: it is not a run directory; name the --out of a run\n"
    )


def test_each_service_stands_beside_its_own_limits(made: RunMaker) -> None:
    """One of them pauses and another fails, while a third works."""
    for name in ("paused", "failing", "fine"):
        made.service(name, "small")
    begun(made)
    made.job(1, service="fine", input_tokens=90, output_tokens=10, cost=Decimal("0.01"))
    made.attempt(
        2, service="paused", error_kind="http", http_status=429, retry_after_s=90, first_byte_s=1.0
    )
    for attempt in range(1, 22):
        made.attempt(
            3, attempt=attempt, service="failing", sent_at=at(attempt), error_kind="connect"
        )
    made.seal()
    made.journal(msgspec.structs.replace(sent(4, 49), service="fine"))
    found = looked(made, 50)
    paused, failing, fine = found.by_service
    assert (paused.in_flight, fine.in_flight, found.in_flight) == (0, 1, 1)
    assert (fine.requests_last_minute, fine.tokens_last_minute, fine.cost) == (
        2,
        100,
        Decimal("0.01"),
    )
    assert (paused.cooling_down_s, paused.failing_since) == (43.0, None)
    assert (failing.failing_attempts, failing.failing_since) == (21, at(1))
    # Of all of them, whatever one has worst: the answers of the others say nothing of it.
    assert (found.cooling_down_s, found.failing_since, found.failing_attempts) == (43.0, at(1), 21)
    assert printed(found)[-5:-1] == [
        "  paused: 1 of 600 requests, 0 tokens; cooling down for 43.0 s",
        "  failing: 21 of 600 requests, 0 tokens; failing for 49.0 s (21 attempts)",
        "  fine: 2 of 600 requests, 100 tokens",
        "  0.01 CNY so far",
    ]


def test_a_line_names_the_services_that_something_holds_up(made: RunMaker) -> None:
    for name in ("paused", "fine"):
        made.service(name, "small")
    begun(made)
    made.attempt(
        2, service="paused", error_kind="http", http_status=429, retry_after_s=90, first_byte_s=1.0
    )
    made.seal()
    line = status_line(looked(made, 50))
    assert line.endswith(", paused cooling down for 43.0 s")
    assert "fine" not in line


def test_a_service_that_stopped_is_told_while_others_work(made: RunMaker) -> None:
    made.service("gone", "small")
    made.manifest(
        Session(started_at=START, limits=made.limits, stopped_services={"gone": "no balance left"})
    )
    made.seal()
    assert printed(looked(made, 50))[-2] == (
        "  gone: 0 of 600 requests, 0 tokens; stopped: no balance left"
    )
