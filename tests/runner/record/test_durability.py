"""What a disk, a directory or a signal does at a bad moment: nothing recorded is lost by it."""

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import trio
from click.testing import CliRunner
from trio.testing import MockClock

from headrace.jobs import InputError, SegmentName
from headrace.runner import Stop, StorageError
from headrace.runner.bulk.start import run_and_summarise
from headrace.runner.errors import InterruptError
from headrace.runner.main import main
from headrace.runner.record.files import replace_file
from headrace.runner.record.journal import Journal, read_segment
from headrace.runner.record.recovery import recover
from headrace.runner.record.replaced import replace_table
from headrace.runner.settings import RunSettings
from tests.runner.test_resume import AT, ended, sent


def refuse(number: int) -> Any:
    def refused(*_args: Any, **_fields: Any) -> int:
        raise OSError(number, os.strerror(number))

    return refused


def test_a_record_is_never_glued_to_what_is_left_of_a_refused_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a record stood there, could not be taken back, and the next one was put behind it."""
    journal = Journal(tmp_path, SegmentName(1))
    journal.append(sent(0))
    whole = os.write

    def half(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", refuse(errno.ENOSPC))
        return whole(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refuse(errno.EIO))
        with pytest.raises(StorageError, match="No space left"):
            journal.append(ended(0, final=False))
        monkeypatch.setattr(os, "write", whole)
        with pytest.raises(StorageError, match="Input/output error"):
            journal.append(ended(0, final=False))
    journal.append(ended(0, final=False))
    journal.close()
    assert list(read_segment(journal.path)) == [sent(0), ended(0, final=False)]


def test_what_a_full_disk_refuses_leaves_the_old_file_and_no_half_of_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "part-000001.parquet"
    replace_file(path, b"old")
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(StorageError, match=r"cannot write .*part-000001.parquet: No space left"):
        replace_table(path, pl.DataFrame({"index": [1]}))
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"old"


async def test_a_kill_while_the_first_run_json_is_written_leaves_a_directory_that_can_be_used(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """It was refused, as a directory that holds files and is not a run."""
    bench.write_chats(1)
    bench.directory.mkdir()
    (bench.directory / "run.json.partial").write_bytes(b'{"headr')
    assert (await bench.run(service)).outcome.succeeded == 1


async def test_a_directory_that_vanishes_stops_the_run_at_once(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """A removed journal takes records as before: the run went on, and kept nothing."""

    def answer(seen: Any) -> Any:
        if seen.number == 3:
            shutil.rmtree(bench.directory)
        return service.fine(delay_s=1)

    service.answer = answer
    bench.write_chats(50)
    ran = await bench.run(service, concurrency=1)
    assert ran.outcome.exit_code == 1
    assert "000001.jsonl: No such file or directory; was it moved or removed?" in ran.outcome.reason
    assert len(service.posts) == 3
    assert (await bench.run(service)).outcome.succeeded == 50


async def test_a_directory_that_is_moved_away_keeps_what_it_has_and_goes_on_when_it_is_back(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    elsewhere = bench.path / "elsewhere"

    def answer(seen: Any) -> Any:
        if seen.number == 3:
            bench.directory.rename(elsewhere)
        return service.fine(delay_s=1)

    service.answer = answer
    bench.write_chats(5)
    ran = await bench.run(service, concurrency=1)
    assert ran.outcome.exit_code == 1
    elsewhere.rename(bench.directory)
    again = await bench.run(service, concurrency=1)
    assert again.results["index"].to_list() == [0, 1, 2, 3, 4]
    assert len(service.posts) == 5


def test_a_run_whose_directory_is_gone_at_the_end_is_exit_1_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told as wrong usage: there is no such run directory."""
    from headrace.runner import RunOutcome, Secret

    gone = tmp_path / "gone.run"
    outcome = RunOutcome(gone, 1, "cannot write it", 0, 0, 0, pl.Decimal, storage_failed=True)  # type: ignore[arg-type]

    async def lose(*_args: Any, **_named: Any) -> RunOutcome:
        await trio.lowlevel.checkpoint()
        return outcome

    monkeypatch.setattr("headrace.runner.bulk.start.run_jobs", lose)
    settings = RunSettings(base_url="http://gateway.test", key=Secret("sk-x"))
    with pytest.raises(StorageError, match="cannot write it"):
        run_and_summarise("jobs.jsonl", gone, settings)


async def test_a_disk_that_fills_up_after_ctrl_c_loses_no_attempt(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The interrupt stayed the reason, so the journal was sealed, and with it went the `sent`
    records of attempts whose end had found no room: POSTs without a row."""
    service.answer = lambda seen: service.fine("x" * (400_000 if seen.number > 1 else 1), delay_s=9)
    bench.write_chats(4)
    stop = Stop(grace_s=30)

    async def interrupt() -> None:
        await trio.sleep(10)
        stop.request(InterruptError("interrupted"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        with bench.small_files(100_000):
            ran = await bench.run(service, concurrency=1, stop=stop)
    assert ran.outcome.exit_code == 1
    assert "File too large" in ran.outcome.reason
    assert ran.manifest["sessions"][0]["state"] == "stopped"
    service.answer = lambda seen: service.fine()
    again = await bench.run(service, concurrency=1)
    assert again.outcome.succeeded == 4
    assert again.attempts["error_kind"].to_list() == [None, "lost", None, None, None]
    assert len(again.attempts) == len(service.posts) == 5


async def test_a_disk_that_is_full_when_the_grace_ends_is_told_in_a_line(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of what was cancelled found no room, and the error came out as a traceback."""
    service.answer = lambda seen: service.fine(delay_s=500)
    bench.write_chats(2)
    stop = Stop(grace_s=1)

    async def interrupt() -> None:
        await trio.sleep(5)
        monkeypatch.setattr("headrace.runner.record.journal.write_all", refuse(errno.ENOSPC))
        stop.request(InterruptError("interrupted"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        ran = await bench.run(service, stop=stop)
    assert ran.outcome.exit_code == 1
    assert "No space left on device" in ran.outcome.reason
    monkeypatch.undo()
    service.answer = lambda seen: service.fine()
    again = await bench.run(service)
    assert again.attempts["error_kind"].to_list() == ["lost", None, "lost", None]
    assert len(again.attempts) == len(service.posts)


async def test_what_a_stop_halts_before_its_first_byte_is_no_attempt(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Closing its connection let the second Ctrl-C in, and a row said that it had been sent."""
    stop = Stop(grace_s=30)
    connect = service.connect

    class Reluctant(trio.abc.Stream):
        """Lets a cancellation in when it is closed, as a socket does."""

        def __init__(self, inner: Any) -> None:
            self.send_all = inner.send_all
            self.receive_some = inner.receive_some
            self.wait_send_all_might_not_block = inner.wait_send_all_might_not_block
            self._inner = inner

        send_all: Any = None
        receive_some: Any = None
        wait_send_all_might_not_block: Any = None

        async def aclose(self) -> None:
            await self._inner.aclose()
            await trio.lowlevel.checkpoint()

    async def connect_and_stop(origin: object) -> trio.abc.Stream:
        stream = Reluctant(await connect(origin))
        if service.gets:
            stop.request(InterruptError("interrupted"))
            stop.now()
        return stream

    service.connect = connect_and_stop
    service.balance = lambda: service.error(404)._replace(headers=(("connection", "close"),))
    bench.write_chats(1)
    ran = await bench.run(service, stop=stop)
    assert ran.outcome.exit_code == 130
    assert service.posts == []
    assert len(ran.attempts) == 0


async def test_an_out_that_is_a_file_is_one_line(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The prices of a run that goes on were looked for inside it, with a traceback."""
    bench.write_chats(1)
    bench.directory.write_text("a file")
    with pytest.raises(InputError, match=r"is a file; choose another --out"):
        await bench.run(service)


def test_ctrl_c_where_no_run_heeds_it_is_exit_130_and_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the summary was made it was exit 1, and while a nursery opened a traceback."""

    def interrupted(*_args: Any) -> None:
        raise BaseExceptionGroup("a nursery's", [KeyboardInterrupt()])

    monkeypatch.setattr("headrace.runner.bulk.start.run_and_summarise", interrupted)
    environment = {"HEADRACE_API_KEY": "sk-x", "HEADRACE_BASE_URL": "http://gateway.test"}
    done = CliRunner().invoke(main, ["run", "jobs.jsonl"], env=environment)
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


async def test_a_report_that_looks_just_then_does_not_keep_a_run_from_starting(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the lock, shared, for an instant, and the run was refused as the second of two."""
    bench.write_chats(1)
    bench.directory.mkdir()
    looking = os.open(bench.directory, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr("time.sleep", lambda _seconds: os.close(looking))
    assert (await bench.run(service)).outcome.succeeded == 1


def test_a_journal_that_cannot_be_read_is_one_line_and_foreign_files_are_left_alone(
    tmp_path: Path,
) -> None:
    """Both came out as tracebacks."""
    (tmp_path / "journal").mkdir()
    notes = tmp_path / "journal" / "notes.jsonl"
    notes.write_text("mine")
    _, journal = recover(tmp_path, now=AT)
    journal.close()
    assert notes.read_text() == "mine"
    (tmp_path / "journal" / "000009.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"000009.jsonl can't be read \(Is a directory\)"):
        recover(tmp_path, now=AT)
