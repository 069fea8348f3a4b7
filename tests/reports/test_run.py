"""Reading a run directory: sealed, killed, still at work, damaged."""

from pathlib import Path

import msgspec
import polars as pl
import pytest
from click.testing import CliRunner

from headrace.jobs import BalanceRead, BalanceReading, Decided, Ended, InputError, Sent, Session
from headrace.reports import summarise
from headrace.reports.run import open_run
from headrace.runner.main import main

from .conftest import CHAT, START, RunMaker, at


def sent(index: int, attempt: int = 1) -> Sent:
    return Sent(
        index=index,
        custom_id=f"job-{index}",
        model="small",
        url=CHAT,
        attempt=attempt,
        due_at=at(index),
        sent_at=at(index),
    )


def crashed(made: RunMaker) -> None:
    made.manifest(Session(started_at=START, limits=made.limits))


def test_the_journal_counts_as_much_as_parquet(made: RunMaker) -> None:
    made.job(0)
    made.seal()
    crashed(made)
    first, second = made.attempt(1), made.attempt(1, 2)
    made.journal(
        sent(1), Ended(attempt=first), sent(1, 2), Ended(attempt=second, result=made.result(1))
    )
    run = open_run(made.directory)
    assert run.results.select("custom_id").collect().sort("custom_id").rows() == [
        ("job-0",),
        ("job-1",),
    ]
    keys = run.attempts.select("index", "attempt").collect().sort("index", "attempt").rows()
    assert keys == [(0, 1), (1, 1), (1, 2)]
    assert not run.running


def test_what_is_in_parquet_and_in_the_journal_counts_once(made: RunMaker) -> None:
    """A crash between sealing a segment and removing it leaves both."""
    made.job(0, cost=None)
    ended = Ended(attempt=made.attempts[0], result=made.results[0])
    made.seal()
    crashed(made)
    made.journal(sent(0), ended)
    outcome = summarise(made.directory).outcome
    assert (outcome.succeeded, outcome.attempts, outcome.lost) == (1, 1, 0)


def test_an_attempt_that_never_ended_is_lost(made: RunMaker) -> None:
    crashed(made)
    made.journal(sent(0), sent(1), Ended(attempt=made.attempt(1), result=made.result(1)))
    run = open_run(made.directory)
    lost = run.attempts.filter(pl.col("error_kind") == "lost").collect()
    assert lost.select("index", "sent_at", "cost").rows() == [(0, at(0), None)]
    summary = summarise(made.directory)
    assert (summary.outcome.lost, summary.outcome.in_flight) == (1, 0)
    assert summary.run.state == "crashed"


def test_a_run_at_work_has_attempts_in_flight_and_none_lost(made: RunMaker) -> None:
    crashed(made)
    made.journal(sent(0), sent(1), Ended(attempt=made.attempt(1), result=made.result(1)))
    with made.at_work():
        summary = summarise(made.directory)
    assert (summary.outcome.lost, summary.outcome.in_flight) == (0, 1)
    assert summary.run.state == "running"
    assert summary.balance.why == ["the run is still running"]


def test_a_torn_last_line_is_left_out(made: RunMaker) -> None:
    crashed(made)
    made.journal(Ended(attempt=made.attempt(0), result=made.result(0)), torn=b'{"type":"ended","a')
    assert summarise(made.directory).outcome.succeeded == 1


COMMANDS = [
    ["report", "jobs.run"],
    ["report", "--trend", "jobs.run"],
    ["status", "jobs.run"],
    ["export", "jobs.run", "--to", "jsonl"],
    ["compare", "jobs.run", "jobs.run"],
    ["gate", "jobs.run", "--require", "failed == 0"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_damaged_journal_is_one_line_and_not_read_in_part(
    made: RunMaker, command: list[str]
) -> None:
    """A journal that was damaged in the middle was counted up to there, and nothing said so."""
    crashed(made)
    records = [Ended(attempt=made.attempt(n), result=made.result(n)) for n in range(3)]
    made.journal(*records)
    path = made.directory / "journal" / "000000.jsonl"
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:20] + b"\n" + third)
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    said = "line 2 of jobs.run/journal/000000.jsonl is damaged and later ones are not; restore"
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_last_line_that_is_half_written_is_left_for_the_next_look(
    made: RunMaker, command: list[str]
) -> None:
    crashed(made)
    whole = Ended(attempt=made.attempt(0), result=made.result(0))
    made.journal(sent(0), whole, sent(1), torn=b'{"type":"ended","attempt":{"index":1')
    with made.at_work():
        done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert open_run(made.directory).results.collect()["index"].to_list() == [0]


def test_results_that_no_attempt_decided_are_read_too(made: RunMaker) -> None:
    crashed(made)
    made.journal(Decided(result=made.result(0, status="failed", error_code="deadline")))
    assert summarise(made.directory).outcome.failed == 1


def test_a_reading_in_both_places_counts_once(made: RunMaker) -> None:
    made.reading(0, "10.00", "0")
    reading: BalanceReading = made.readings[0]
    made.seal()
    crashed(made)
    made.journal(BalanceRead(reading=reading))
    assert len(open_run(made.directory).readings) == 1


def test_reading_changes_nothing(made: RunMaker) -> None:
    made.job(0)
    made.seal()
    crashed(made)
    made.journal(sent(1), torn=b"{")
    before = {path: path.read_bytes() for path in files(made.directory)}
    summarise(made.directory)
    assert {path: path.read_bytes() for path in files(made.directory)} == before


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda run: (run / "run.json").unlink(), "has no run.json: it is not a run directory"),
        (lambda run: (run / "run.json").write_bytes(b"{"), "run.json is damaged"),
        (lambda run: (run / "run.json").write_bytes(b"\xff"), "run.json is damaged"),
        (
            lambda run: (run / "results" / "000000.parquet").write_bytes(b"PAR1"),
            "000000.parquet is damaged or cut short",
        ),
        (
            lambda run: pl.DataFrame({"index": [1]}).write_parquet(
                run / "attempts" / "000000.parquet"
            ),
            "lacks the columns custom_id",
        ),
    ],
)
def test_damage_is_named(made: RunMaker, spoil: object, said: str) -> None:
    made.job(0)
    directory = made.write()
    assert callable(spoil)
    spoil(directory)
    with pytest.raises(InputError, match=said):
        summarise(directory)


def test_what_is_no_run_directory_is_named(made: RunMaker, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"jobs\.run is not there; name the --out of a run"):
        summarise(made.directory)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file; name the --out of a run"):
        summarise(tmp_path / "file")


def test_a_run_of_a_later_schema_is_refused(made: RunMaker) -> None:
    directory = made.write()
    text = (directory / "run.json").read_text()
    (directory / "run.json").write_text(text.replace('"schema_version":1', '"schema_version":99'))
    with pytest.raises(InputError, match=r"recorded in schema 99.*install a newer headrace"):
        summarise(directory)


def test_a_later_schema_is_told_before_anything_else_is_read(made: RunMaker) -> None:
    """Its other fields may be anything by then; it was "damaged"."""
    directory = made.write()
    later = {"schema_version": 3, "headrace": "0.9", "kind": "swarm", "sessions": "in a file"}
    (directory / "run.json").write_bytes(msgspec.json.encode(later))
    with pytest.raises(InputError) as caught:
        summarise(directory)
    assert caught.value.message == (
        "jobs.run was recorded in schema 3 by headrace 0.9; this one reads up to 2: install a "
        "newer headrace"
    )


def test_extra_columns_of_others_are_ignored(made: RunMaker) -> None:
    for index in range(4):  # two parts, and the note in one of them
        made.job(index)
    directory = made.write()
    for name in ("results", "attempts"):
        part = directory / name / "000000.parquet"
        pl.read_parquet(part).with_columns(note=pl.lit("mine")).write_parquet(part)
    assert summarise(directory).outcome.succeeded == 4
    crashed(made)
    made.journal(Ended(attempt=made.attempt(4), result=made.result(4)))
    assert summarise(directory).outcome.succeeded == 5


def test_a_column_that_an_earlier_headrace_did_not_have_is_unknown_and_said(made: RunMaker) -> None:
    """Every report of an earlier run was refused once the schema had a column more."""
    for index in range(4):  # two parts, of which one has the column
        made.job(index, content_ttft_s=0.5, latency_s=1.0)
    directory = made.write()
    part = directory / "attempts" / "000000.parquet"
    pl.read_parquet(part).drop("content_ttft_s").write_parquet(part)
    summary = summarise(directory)
    assert summary.outcome.attempts == 4
    assert summary.run.missing_columns == ["attempts.content_ttft_s"]
    known = open_run(directory).attempts.select(pl.col("content_ttft_s").count()).collect().item()
    assert known == 1


def test_a_column_of_another_type_is_named(made: RunMaker) -> None:
    made.job(0)
    directory = made.write()
    part = directory / "attempts" / "000000.parquet"
    pl.read_parquet(part).with_columns(cost=pl.lit("much")).write_parquet(part)
    with pytest.raises(InputError, match=r"a table in jobs\.run can't be read.*cost"):
        summarise(directory)
