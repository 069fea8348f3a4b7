"""A second run on the same directory goes on where the first one stopped."""

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import (
    Attempt,
    Ended,
    Finished,
    JobEnd,
    Price,
    PriceTable,
    SegmentName,
    Sent,
    journal_segments,
)
from headrace.runner import RunDirectoryError
from headrace.runner.record.journal import Journal, read_segment
from headrace.runner.record.recovery import recover

AT = dt.datetime(2026, 6, 9, 8, 30, 20, tzinfo=dt.UTC)
PRICES = PriceTable(
    currency="CNY", models={"m": Price(input=Decimal("1.5"), output=Decimal("2.25"))}
)


def sent(index: int, attempt: int = 1) -> Sent:
    return Sent(
        index=index,
        custom_id=f"job-{index}",
        model="m",
        url="/v1/chat/completions",
        attempt=attempt,
        due_at=AT,
        sent_at=AT + dt.timedelta(seconds=1),
        reserved_tokens=11,
    )


def ended(index: int, attempt: int = 1, *, final: bool = True) -> Ended | Finished:
    row = Attempt(
        index=index,
        custom_id=f"job-{index}",
        model="m",
        url="/v1/chat/completions",
        attempt=attempt,
        due_at=AT,
        sent_at=AT,
        cost=Decimal("0.1"),
    )
    if not final:
        return Ended(attempt=row)
    end = JobEnd(status="succeeded", ended_at=AT, total_s=1.0, body_digest="d")
    return Finished(attempt=row, job=end)


async def test_a_finished_run_sends_nothing_again(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(5)
    first = await bench.run(service)
    second = await bench.run(service)
    assert len(service.posts) == 5
    assert first.outcome == second.outcome
    assert second.results["index"].to_list() == [0, 1, 2, 3, 4]
    assert [session["state"] for session in second.manifest["sessions"]] == ["finished"] * 2


async def test_what_was_left_undone_is_done_and_no_more(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The key is refused after 10 answers; with a good one, the same call does the rest."""
    service.answer = lambda seen: (
        service.fine() if seen.number <= 10 else service.error(401, "UNAUTHORIZED")
    )
    bench.write_chats(30)
    first = await bench.run(service, rpm=60)
    assert first.outcome.exit_code == 5
    assert len(first.results) == 10
    service.answer = lambda seen: service.fine()
    posts = len(service.posts)
    second = await bench.run(service, rpm=60)
    assert second.outcome.exit_code == 0
    assert len(service.posts) == posts + 20
    assert second.results["index"].to_list() == list(range(30))


async def test_attempt_numbers_go_on_across_sessions(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.error(401, "UNAUTHORIZED")
    bench.write_chats(1)
    await bench.run(service)
    service.answer = lambda seen: service.fine()
    second = await bench.run(service)
    assert second.attempts["attempt"].to_list() == [1, 2]
    assert second.results["attempts"].to_list() == [2]


async def test_money_adds_up_across_sessions_to_the_last_digit(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.fine(input_tokens=3, output_tokens=1)
        if seen.number <= 3
        else service.error(401, "UNAUTHORIZED")
    )
    bench.write_chats(7)
    first = await bench.run(service, concurrency=1, prices=PRICES)
    each = Decimal("1.5") * 3 / 1_000_000 + Decimal("2.25") / 1_000_000
    assert first.outcome.cost == 3 * each
    service.answer = lambda seen: service.fine(input_tokens=3, output_tokens=1)
    second = await bench.run(service, concurrency=1, prices=PRICES)
    assert second.outcome.cost == 7 * each
    assert second.readings["spent"].to_list() == [0, 3 * each, 3 * each, 7 * each]


async def test_a_resumed_run_keeps_to_the_limits_of_the_minute_before(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Six requests left in the last seconds: with 6 a minute, the next waits for the window."""
    service.answer = lambda seen: (
        service.fine() if seen.number < 6 else service.error(401, "UNAUTHORIZED")
    )
    bench.write_chats(9)
    await bench.run(service, rpm=6)
    stopped_s = trio.current_time()
    assert service.post_times_s == pytest.approx([0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
    service.answer = lambda seen: service.fine()
    await bench.run(service, rpm=6)
    assert stopped_s == pytest.approx(50.0)
    assert service.post_times_s[6] == pytest.approx(60.5)


async def test_a_directory_with_other_files_is_refused(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(1)
    bench.directory.mkdir()
    (bench.directory / "thesis.txt").write_text("years of work")
    with pytest.raises(RunDirectoryError, match="is not a run directory"):
        await bench.run(service)
    assert [path.name for path in bench.directory.iterdir()] == ["thesis.txt"]


async def test_two_runs_at_once_the_second_is_refused(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=60)
    bench.write_chats(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.run, service)
        await trio.sleep(10)
        with pytest.raises(RunDirectoryError, match="another headrace works on"):
            await bench.run(service)
    assert len(service.posts) == 2


async def test_another_url_is_refused(bench: Any, service: Any, autojump_clock: MockClock) -> None:
    bench.write_chats(1)
    ran = await bench.run(service)
    text = (ran.directory / "run.json").read_text()
    (ran.directory / "run.json").write_text(text.replace("gateway.test", "elsewhere.test"))
    with pytest.raises(RunDirectoryError, match="was begun at"):
        await bench.run(service)


# -- recovery of what a kill left behind


def journal_of(run: Path, *records: Any, number: int = 1, writer: int = 0) -> Path:
    (run / "journal").mkdir(parents=True, exist_ok=True)
    journal = Journal(run / "journal", SegmentName(number, writer))
    for record in records:
        journal.append(record)
    journal.close()
    return journal.path


def test_a_torn_last_line_is_dropped_and_its_job_runs_again(tmp_path: Path) -> None:
    path = journal_of(tmp_path, sent(0), ended(0), sent(1), ended(1))
    data = path.read_bytes()
    counts = set()
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        whole = data[:cut].count(b"\n") + data[:cut].endswith(b"}")
        records = list(read_segment(path))
        # A record without its line end may be whole; nothing else that is torn counts.
        assert data[:cut].count(b"\n") <= len(records) <= whole
        counts.add(len(records))
    assert counts >= {0, 1, 2, 3}


@pytest.mark.slow
def test_a_kill_at_any_byte_loses_no_journalled_result(tmp_path: Path) -> None:
    """Cut the journal anywhere: what was whole is there once, and what was begun is lost."""
    whole = journal_of(tmp_path / "whole", sent(0), sent(1), ended(0), sent(2), ended(2))
    data = whole.read_bytes()
    ends = [n + 1 for n, byte in enumerate(data) if byte == ord("\n")]
    near_ends = {end + step for end in (0, *ends) for step in (-2, -1, 0, 1, 2)}
    found = set()
    for cut in sorted((near_ends | set(range(0, len(data), 61))) & set(range(len(data) + 1))):
        run = tmp_path / f"cut-{cut}"
        (run / "journal").mkdir(parents=True)
        (run / "journal" / "000001.jsonl").write_bytes(data[:cut])
        kept = list(read_segment(run / "journal" / "000001.jsonl"))
        finished = {record.attempt.index for record in kept if isinstance(record, Ended | Finished)}
        begun = {record.index for record in kept if isinstance(record, Sent)}
        state, journal = recover(run, now=AT)
        journal.close()
        assert {n for n, flag in enumerate(state.done) if flag} == finished
        assert state.lost == len(begun - finished)
        found.add((len(begun), len(finished)))
        assert state.attempts == dict.fromkeys(begun - finished, 1)
        records = list(read_segment(journal.path))
        lost = [record.attempt for record in records if isinstance(record, Ended)]
        assert len(lost) == len(records)
        assert {(row.index, row.error_kind, row.cost) for row in lost} == {
            (index, "lost", None) for index in begun - finished
        }
    assert found == {(0, 0), (1, 0), (2, 0), (2, 1), (3, 1), (3, 2)}


def test_a_crash_between_the_parts_and_the_journals_removal_doubles_nothing(
    tmp_path: Path,
) -> None:
    path = journal_of(tmp_path, sent(0), ended(0))
    data = path.read_bytes()
    state, journal = recover(tmp_path, now=AT)
    journal.close()
    journal.path.unlink()
    path.write_bytes(data)  # as if the removal had not come through
    again, journal = recover(tmp_path, now=AT)
    journal.close()
    assert again == state
    assert (again.succeeded, again.spent) == (1, Decimal("0.1"))


def test_a_wall_clock_that_was_set_back_holds_nobody_up(tmp_path: Path) -> None:
    """What seems to be sent an hour from now counts as sent now, not until it is over."""
    journal_of(tmp_path, sent(0), ended(0), sent(1))
    now = AT - dt.timedelta(hours=1)
    state, journal = recover(tmp_path, now=now)
    journal.close()
    assert [each.sent_at for each in state.recent] == [now, now]


def test_a_crash_in_recovery_itself_counts_a_lost_attempt_once(tmp_path: Path) -> None:
    path = journal_of(tmp_path, sent(0), sent(1), ended(1))
    data = path.read_bytes()
    _, journal = recover(tmp_path, now=AT)
    journal.close()
    path.write_bytes(data)  # the lost one is journalled, the old segment not yet sealed
    state, journal = recover(tmp_path, now=AT)
    journal.close()
    assert state.lost == 0
    assert state.attempts == {0: 1}
    assert state.succeeded == 1


def test_damage_in_the_middle_of_a_journal_is_told_and_not_guessed_at(tmp_path: Path) -> None:
    path = journal_of(tmp_path, sent(0), ended(0), sent(1))
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:20] + b"\n" + third)
    with pytest.raises(Exception, match=r"line 2 of .* is damaged and later ones are not"):
        recover(tmp_path, now=AT)


def test_an_attempt_that_spans_two_segments_is_counted_once(tmp_path: Path) -> None:
    journal_of(tmp_path, sent(0), sent(1), ended(1), number=1)
    journal_of(tmp_path, sent(0), ended(0), number=2)
    state, journal = recover(tmp_path, now=AT)
    journal.close()
    assert (state.lost, state.succeeded) == (0, 2)
    assert [name for name, _ in journal_segments(tmp_path / "journal")] == [SegmentName(3)]


def test_a_part_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    journal_of(tmp_path, sent(0), ended(0))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "part-000001.parquet.partial").write_bytes(b"half a part")
    state, journal = recover(tmp_path, now=AT)
    journal.close()
    assert state.succeeded == 1


async def test_segments_are_sealed_while_the_run_goes_on(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.runner.record.recorder.SEGMENT_BYTES", 4000)
    service.answer = lambda seen: service.fine(delay_s=1)
    bench.write_chats(60)
    ran = await bench.run(service, concurrency=3)
    assert len(list((ran.directory / "results").glob("*.parquet"))) > 3
    assert ran.results["index"].to_list() == list(range(60))
    assert ran.attempts["index"].to_list() == list(range(60))
    assert not (ran.directory / "journal").exists()


def test_a_write_that_the_disk_refuses_leaves_no_part_of_a_record(tmp_path: Path) -> None:
    """A limit on the file's size stands for a full disk: the record is whole or not there."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = b"?"
        try:
            import resource
            import signal

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
            journal = Journal(tmp_path, SegmentName(1))
            try:
                for n in range(1000):
                    journal.append(ended(n))
            except Exception as error:
                code = str(error).encode()
        finally:
            os.write(writer, code)
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        message = said.read().decode()
    os.waitpid(child, 0)
    assert "File too large" in message
    data = (tmp_path / "000001.jsonl").read_bytes()
    assert data.endswith(b"\n")
    assert len(list(read_segment(tmp_path / "000001.jsonl"))) == data.count(b"\n") > 3
