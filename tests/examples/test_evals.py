"""The evals example: two nights through the command, offline, of which the second is worse."""

import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def test_the_second_night_is_red(tmp_path: Path) -> None:
    """One command does it all; the user's part is two TOML files."""
    environment = {
        **os.environ,
        "HEADRACE": f"{shlex.quote(sys.executable)} -P -m headrace",
        "PYTHON": sys.executable,
    }
    script = ROOT / "examples" / "evals" / "evals.sh"
    done = subprocess.run(
        ["sh", str(script), str(tmp_path / "evals")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    runs = tmp_path / "evals" / "runs"
    assert (runs / "latest").readlink() == Path("2026-06-09.run")
    assert (runs / "last-good").readlink() == Path("2026-06-08.run")
    report = msgspec.json.decode((runs / "latest" / "night.json").read_bytes())
    missed = [
        (each["judgement"]["objective"], each["beside"])
        for each in report["objectives"]
        if not each["judgement"]["met"]
    ]
    assert missed == [("mean(exact) >= base", "baseline")]
    assert report["baseline"] == ["2026-06-08"]
    _, questions = ET.fromstring((runs / "latest" / "junit.xml").read_bytes())
    assert questions.get("tests") == "300"
    assert 110 < int(questions.get("failures") or 0) < 160
    assert "from right to wrong" in (runs / "latest" / "night.md").read_text("utf-8")
