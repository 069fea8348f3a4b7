"""`headrace calibrate` as a process that is told to stop."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..processes import CLEAN, ROOT, command

pytestmark = pytest.mark.slow


def children_of(pid: int) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(each) for each in found.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="asks ps in its own dialect")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_nothing_is_left(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Each signal ended one load of many: it ran for minutes under `timeout 150`."""
    environment = {
        **CLEAN,
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(
        command("calibrate"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = iter(process.stderr)
        assert any("1 stream" in line for line in said)
        gateway = next(each for each in iter(lambda: children_of(process.pid), None) if each)[0]
        process.send_signal(number)
        last = list(said)[-1]
        code = process.wait(20)
    words = "interrupted" if number == signal.SIGINT else "terminated"
    assert (code, last) == (128 + number, f"Error: {words}; nothing of this calibration is kept\n")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "state").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(gateway, 0)
