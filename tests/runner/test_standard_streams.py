"""The command and its standard input, output and error."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from .processes import Headrace, Served, command, job, jobs, wait_for_posts

pytestmark = pytest.mark.slow


def test_jobs_come_from_standard_input_too(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    headrace.use(serve("--rpm", "none"))
    text = b"".join(line + b"\n" for line in jobs(4)).decode()
    done = headrace("run", "-", "--out", "piped.run", "--rpm", "none", input=text)
    assert done.returncode == 0, done.stderr
    assert len(headrace.table("results", "piped.run")) == 4


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


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_run_needs_neither_standard_output_nor_standard_error(
    headrace: Headrace, serve: Callable[..., Served], closed: str
) -> None:
    """As under some init scripts. Python then has None in their places."""
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
    assert (done.returncode, done.stderr) == (0, b"")
    assert headrace.table("results")["custom_id"].to_list() == ["a"]
