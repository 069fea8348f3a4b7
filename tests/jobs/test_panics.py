"""What is told on standard error while tables are read, with and without a panic."""

import os
import subprocess
import sys

import pytest

from headrace.jobs import quiet_panics

PANIC = b"\nthread 'tokio-rt-worker' (9) panicked at crates/x.rs:1:2:\nwhat\nstack backtrace:\n"


def test_what_is_said_comes_out_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_panics():
        os.write(2, b"a warning\n")
        with quiet_panics():
            os.write(2, b"another\n")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "a warning\nanother\n"


def test_what_a_panic_tells_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_panics():
        os.write(2, b"a warning\n" + PANIC)
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "a warning\nafter\n"


@pytest.mark.slow
def test_a_closed_standard_error_is_no_fault() -> None:
    code = "from headrace.jobs import quiet_panics\nwith quiet_panics(): print('read')"
    words = ["sh", "-c", f'exec "{sys.executable}" -c "{code}" 2>&-']
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "read\n"
