"""The nightly example: a well night, one that is slower than the last, one without money."""

import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path

import pytest

from headrace.jobs import parse_condition
from headrace.reports import check_objective, read_objectives

from ..reports.conftest import RunMaker

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
NIGHTLY = ROOT / "examples" / "nightly"
# `headrace run` takes a run made beforehand; everything else is the command itself.
SHIM = f"""#!/bin/sh
if [ "$1" = run ]; then
    [ "$FAILS" = 0 ] || exit "$FAILS"
    cp -r "$MADE" "$4"
    exit 1
fi
exec {shlex.quote(sys.executable)} -c \
    'import sys; from headrace.runner.main import main; main(prog_name="headrace")' "$@"
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with `headrace`, and a `date` that says which night it is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("headrace", SHIM), ("date", '#!/bin/sh\necho "$NIGHT"\n')):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def night(
    tools: Path, date: str, latency_s: float, fails: int = 0
) -> subprocess.CompletedProcess[str]:
    """One night, whose run takes this long for each of its jobs."""
    made = RunMaker(tools.parent / f"made-{date}.run")
    for index in range(30):
        made.job(index, latency_s=latency_s + index / 100, cost=Decimal("0.01"))
    made.write()
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "NIGHT": date,
        "MADE": str(made.directory),
        "FAILS": str(fails),
    }
    command = ["sh", str(NIGHTLY / "nightly.sh"), "jobs.jsonl", "prices.toml", "runs"]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tools.parent, check=False
    )


def test_a_night_is_held_to_its_objectives_and_to_the_last(tools: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    first = night(tools, "2026-06-08", 1.0)
    assert (first.returncode, first.stderr) == (0, "")
    assert "all 5 objectives met" in first.stdout
    assert (runs / "last").resolve() == runs / "2026-06-08.run"

    slower = night(tools, "2026-06-09", 2.0)
    assert slower.returncode == 4
    assert "30 jobs that both did, in pairs." in slower.stdout
    assert "1 of 7 objectives was not met" in slower.stdout
    suites = ET.fromstring((runs / "2026-06-09.run.xml").read_bytes())
    failed = [
        case.attrib["name"] for case in suites.iter("testcase") if case.find("failure") is not None
    ]
    assert failed == ["p95(latency_s) <= 1.5 * base"]
    assert suites.attrib["failures"] == "1"
    # What was not well is not what the next night is compared with.
    assert (runs / "last").resolve() == runs / "2026-06-08.run"

    assert night(tools, "2026-06-10", 1.0, fails=3).returncode == 3


@pytest.mark.parametrize("file", ["objectives.txt", "beside-last.txt"])
def test_the_objectives_mean_something(file: str) -> None:
    objectives = read_objectives(NIGHTLY / file)
    assert objectives
    for each in objectives:
        check_objective(each, with_base=file == "beside-last.txt")
        assert parse_condition(each.text).root == each.root


def test_the_workflow_calls_the_script_and_holds_no_key() -> None:
    text = (NIGHTLY / "workflow.yml").read_text("utf-8")
    (call,) = (line for line in text.splitlines() if "nightly.sh" in line)
    _, _, command = call.partition("run: ")
    shell, script, *arguments = command.split()
    assert (shell, len(arguments)) == ("sh", 3)
    assert (ROOT / script).is_file()
    assert "HEADRACE_API_KEY: ${{ secrets.HEADRACE_API_KEY }}" in text
    assert "sk-" not in text
