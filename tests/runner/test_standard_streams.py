"""The command and its standard input, output and error: what can't be shown changes nothing."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from trio.testing import MockClock

from headrace.runner.bulk.progress import display_in_lines
from headrace.runner.stderr import print_err
from headrace.standard_streams import (
    _Errors,
    _Output,
    _raw_under,
    _text,
    exit_code_after,
    unwaiting,
)

from .processes import Headrace, Served, command, job, jobs, wait_for_posts


@contextmanager
def refusing(how: str) -> Iterator[int]:
    """A descriptor that refuses what is written to it, each in its own way."""
    others: list[int] = []
    if how == "ENOSPC":
        descriptor = os.open("/dev/full", os.O_WRONLY)
    elif how == "EIO":  # a terminal that was closed
        master, descriptor = os.openpty()
        os.close(master)
    elif how == "EBADF":
        descriptor = os.open(os.devnull, os.O_RDONLY)
    else:
        reader, descriptor = os.pipe()
        if how == "EPIPE":
            os.close(reader)
        else:  # nobody reads, and the pipe is full
            others.append(reader)
            os.set_blocking(descriptor, False)
            try:
                while True:
                    os.write(descriptor, bytes(4096))
            except BlockingIOError:
                os.set_blocking(descriptor, how != "EAGAIN")
    try:
        yield descriptor
    finally:
        for each in (descriptor, *others):
            os.close(each)


REFUSING = ["ENOSPC", "EIO", "EBADF", "EPIPE", "EAGAIN", "full"]


@pytest.mark.parametrize("how", REFUSING)
async def test_a_run_whose_progress_cannot_be_shown_runs_on_to_its_end(
    bench: Any,
    service: Any,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    """It ended at its first line, after 10 s: what was in flight was cancelled, and billed."""
    service.answer = lambda seen: service.fine(delay_s=6)
    bench.write_chats(3)
    with refusing(how) as descriptor:
        errors = _text(_Errors(descriptor), like=sys.stderr)
        monkeypatch.setattr(sys, "stderr", errors)
        with unwaiting():
            ran = await bench.run(service, concurrency=1, watch=display_in_lines(print_err))
        raw = _raw_under(errors)
        monkeypatch.undo()
        errors.detach()
    assert (ran.outcome.exit_code, len(ran.results)) == (0, 3)
    assert isinstance(raw, _Errors)
    assert (raw.error is not None) == (how not in ("EAGAIN", "full"))


async def test_a_display_that_fails_ends_alone(
    bench: Any, service: Any, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_progress: object) -> None:
        raise ValueError("five columns are too few")

    service.answer = lambda seen: service.fine(delay_s=5)
    bench.write_chats(3)
    ran = await bench.run(service, watch=broken)
    assert (ran.outcome.exit_code, len(ran.results)) == (0, 3)
    assert capsys.readouterr().err == (
        "The progress is no longer shown: ValueError: five columns are too few\n"
    )


def test_what_standard_error_takes_arrives_whole_while_nothing_waits() -> None:
    reader, writer = os.pipe()
    errors = _Errors(writer)
    errors.waits = False
    text = "".join(f"line {n}\n" for n in range(3000)).encode()
    assert errors.write(text) == len(text)
    os.close(writer)
    with open(reader, "rb") as came:
        assert came.read() == text
    errors.close()


def test_a_disk_that_has_room_again_gets_the_next_words() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    errors = _Errors(descriptor)
    errors.write(b"lost")
    reader, writer = os.pipe()
    os.dup2(writer, descriptor)
    errors.write(b"found")
    came = os.read(reader, 100)
    for each in (descriptor, reader, writer):
        os.close(each)
    assert came == b"found"


@contextmanager
def as_output(monkeypatch: pytest.MonkeyPatch, descriptor: int) -> Iterator[io.TextIOWrapper]:
    """Standard output over a descriptor."""
    output = _text(_Output(descriptor), like=sys.stdout)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        yield output
    output.detach()


@pytest.mark.parametrize(
    ("how", "code", "after", "says"),
    [
        ("ENOSPC", 0, 7, "Error: standard output could not be written: No space left on device\n"),
        ("EIO", 0, 7, "Error: standard output could not be written: Input/output error\n"),
        ("ENOSPC", 3, 3, "Error: standard output could not be written: No space left on device\n"),
        ("EPIPE", 0, 0, ""),
        ("EPIPE", 1, 1, ""),
    ],
)
def test_what_standard_output_lost_is_told_once_and_by_an_exit_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: str,
    code: int,
    after: int,
    says: str,
) -> None:
    with refusing(how) as descriptor, as_output(monkeypatch, descriptor) as output:
        output.write("x" * 100_000)
        output.write("and more")
        assert exit_code_after(code) == after
    assert capsys.readouterr().err == says


def test_a_character_that_the_terminal_lacks_is_shown_as_its_escape() -> None:
    """A report with a model's name in it was a traceback where the locale is not UTF-8."""
    reader, writer = os.pipe()
    latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    output = _text(_Output(writer), like=latin)
    output.write("é 模型\n")
    output.flush()
    output.detach()
    os.close(writer)
    with open(reader, "rb") as came:
        assert came.read() == b"\xe9 \\u6a21\\u578b\n"


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--help",), ("--version",), ("load", "--help")])
def test_help_that_cannot_be_written_is_one_line(headrace: Headrace, words: tuple[str]) -> None:
    """It was a traceback."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command(*words),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=headrace.environment,
            check=False,
            timeout=60,
        )
    line = "Error: standard output could not be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (7, line)


@pytest.mark.slow
def test_a_run_whose_summary_cannot_be_written_is_sealed_and_says_so(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    """It was "1, some jobs failed"."""
    headrace.use(serve())
    headrace.write(job("a"))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command("run", "jobs.jsonl", "--json"),
            stdout=full,
            stderr=full,
            cwd=headrace.path,
            env=headrace.environment,
            check=False,
            timeout=60,
        )
    assert done.returncode == 7
    assert headrace.table("results")["custom_id"].to_list() == ["a"]
    assert (headrace.path / "jobs.run" / "summary.json").exists()


@pytest.mark.slow
def test_descriptors_that_were_closed_are_not_those_of_the_next_files(headrace: Headrace) -> None:
    """What a library wrote to standard error went into the journal."""
    code = (
        "import os; from headrace import standard_streams; standard_streams.guard()\n"
        "print('nowhere'); os._exit(os.open(os.devnull, os.O_RDONLY))"
    )
    shell = ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", sys.executable, "-c", code]
    done = subprocess.run(shell, env=headrace.environment, check=False, timeout=60)
    assert done.returncode > 2


@pytest.mark.slow
def test_jobs_come_from_standard_input_too(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    headrace.use(serve("--rpm", "none"))
    text = b"".join(line + b"\n" for line in jobs(4)).decode()
    done = headrace("run", "-", "--out", "piped.run", "--rpm", "none", input=text)
    assert done.returncode == 0, done.stderr
    assert len(headrace.table("results", "piped.run")) == 4


@pytest.mark.slow
def test_a_stop_does_not_wait_for_standard_input_to_end(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    """Python took the read that went on for a fatal error, with the exit code of a crash."""
    served = serve("--rpm", "none")
    headrace.use(served)
    words = command("run", "-", "--out", "piped.run")
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=headrace.path,
        env=headrace.environment,
    ) as running:
        assert running.stdin is not None
        assert running.stderr is not None
        running.stdin.write(job("a") + b"\n")
        running.stdin.flush()
        wait_for_posts(served, 1)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(timeout=20) == 130, said
    assert b"Fatal" not in said
    assert headrace.table("results", "piped.run")["custom_id"].to_list() == ["a"]


@pytest.mark.slow
def test_a_run_goes_on_when_nobody_reads_its_standard_error(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    """As after `2>&1 | head`: it ended there, and what was in flight was paid and lost."""
    headrace.use(serve())
    headrace.write(job("a"))
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command("run", "jobs.jsonl", "--estimate-first"),
        stdout=subprocess.PIPE,
        stderr=writer,
        cwd=headrace.path,
        env=headrace.environment,
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert done.returncode == 0
    assert headrace.table("results")["custom_id"].to_list() == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("closed", "code", "says"),
    [
        ("1", 7, b"Error: standard output could not be written: Bad file descriptor\n"),
        ("2", 0, b""),
    ],
)
def test_a_run_needs_neither_standard_output_nor_standard_error(
    headrace: Headrace, serve: Callable[..., Served], closed: str, code: int, says: bytes
) -> None:
    """Python then has None in their places. A summary that had nowhere to go is lost, as to ls."""
    headrace.use(serve())
    headrace.write(job("a"))
    shell = ["sh", "-c", f'exec "$@" {closed}>&-', "sh"]
    done = subprocess.run(
        [*shell, *command("run", "jobs.jsonl")],
        capture_output=True,
        cwd=headrace.path,
        env=headrace.environment,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (code, says)
    assert headrace.table("results")["custom_id"].to_list() == ["a"]
