"""A gateway in a process of its own, which ends with the one that started it."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .processes import CLEAN, ROOT, command

pytestmark = pytest.mark.slow

STARTER = """
import os, sys
from headrace.runner.local_gateway import local_gateway

with local_gateway() as gateway:
    print(gateway.pid, flush=True)
    sys.stdin.read()
"""


def test_the_gateway_of_a_process_that_is_killed_ends_too() -> None:
    """It ran on, and the next one to look at the machine found it busy."""
    environment = {**CLEAN, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", STARTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        gateway = os.pidfd_open(int(starter.stdout.readline()))
        starter.send_signal(signal.SIGKILL)
    poll = select.poll()
    poll.register(gateway, select.POLLIN)
    ended = poll.poll(20_000)
    os.close(gateway)
    assert len(ended) == 1


def test_a_gateway_that_was_told_so_ends_with_its_standard_input(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with subprocess.Popen(
        command("gateway", "--until-eof", "--log", str(log)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**CLEAN, "PYTHONPATH": str(ROOT / "src")},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"HEADRACE_BASE_URL")
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGQUIT, 131)])
def test_a_gateway_ends_cleanly_at_a_hang_up_and_at_a_quit(
    number: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        command("gateway", "--port", "0"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**CLEAN, "PYTHONPATH": str(ROOT / "src")},
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(20) == code
    finally:
        process.kill()
        process.communicate()
