"""The nightly example: files that mean something, and lines around them that do what they say."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from headrace.gateway import DEFAULT_PRICES
from headrace.jobs import read_recipe
from headrace.reports import check_night, score_names
from headrace.runner.main import load_command
from headrace.runner.nightly import read_eval_file
from tests.loopback import loopback

ROOT = Path(__file__).resolve().parents[2]
NIGHTLY = ROOT / "examples" / "nightly"


def test_the_eval_file_means_something() -> None:
    found = read_eval_file(NIGHTLY / "eval.toml", load_command("run"))
    assert found.beside_require is not None
    check_night(found.require, found.beside_require, score_names(found.scores))
    assert found.budget == 5
    assert found.recipe is not None
    recipe = read_recipe(found.recipe)
    columns = (NIGHTLY / "questions.csv").read_text("utf-8").splitlines()[0].split(",")
    assert {recipe.id, recipe.expected, "question"} <= {*columns}
    command = load_command("run")
    flags = [each for each in found.flags if not each.startswith("--prices")]
    assert (NIGHTLY / "prices.toml").is_file()
    with command.make_context("run", [*flags, "--", found.data]) as context:
        assert context.params["jobs"] == found.data


def test_the_lines_around_it_call_the_command_as_it_is() -> None:
    command = load_command("nightly")
    known = {
        name for each in command.params if isinstance(each, click.Option) for name in each.opts
    }
    calls = [
        (path.name, call)
        for path in sorted(NIGHTLY.iterdir())
        for call in re.findall(r"headrace nightly [^|\n]*", path.read_text("utf-8"))
    ]
    assert {name for name, _ in calls} == {"action.yml", "crontab", "headrace-nightly.service"}
    flags = {word for _, call in calls for word in shlex.split(call) if word.startswith("--")}
    assert flags == {"--md"}
    assert flags <= known


def test_the_workflow_calls_the_action_and_no_file_holds_a_key() -> None:
    text = (NIGHTLY / "workflow.yml").read_text("utf-8")
    assert "uses: ./examples/nightly\n" in text
    inputs = re.findall(r"^          (\w+): ", text, re.MULTILINE)
    action = (NIGHTLY / "action.yml").read_text("utf-8")
    declared = re.findall(r"^  (\w+):\n    description", action, re.MULTILINE)
    assert {*inputs} <= {*declared}
    assert (ROOT / re.findall(r"eval: (\S+)", text)[0]).is_file()
    assert "HEADRACE_API_KEY: ${{ secrets.HEADRACE_API_KEY }}" in text
    keys = [
        path.name
        for path in NIGHTLY.iterdir()
        if re.search(r"sk-[0-9a-zA-Z]", path.read_text("utf-8"))
    ]
    assert keys == []
    # A pipe would hide the exit code of the night, were it not for bash's pipefail.
    assert "shell: bash" in action


def shim(path: Path, script: str) -> None:
    """A command of that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's home: the example copied to evals, and the command in .local/bin."""
    shutil.copytree(NIGHTLY, tmp_path / "evals")
    python = f"PYTHONPATH={shlex.quote(str(ROOT / 'src'))} {shlex.quote(sys.executable)}"
    shim(tmp_path / ".local/bin/headrace", f'exec env {python} -P -m headrace "$@"')
    return tmp_path


def run_steps(action: str) -> list[str]:
    """The shell steps of the action."""
    return re.findall(r"run: (.+)", action)


@pytest.mark.slow
def test_the_shell_steps_of_the_action_run(home: Path) -> None:
    """As a runner does it: bash that stops at the first failure, pipes included."""
    action = (NIGHTLY / "action.yml").read_text("utf-8")
    install, night = run_steps(action)
    assert action.count("shell: bash\n") == 2
    shim(home / ".local/bin/pip", f'echo "$@" > {home}/pip.txt')
    summary = home / "summary.md"
    with loopback(prices=DEFAULT_PRICES) as served:
        environment = {
            "PATH": f"{home}/.local/bin:/usr/bin:/bin",
            "GITHUB_STEP_SUMMARY": str(summary),
            "EVAL": "eval.toml",
            "HEADRACE": "headrace",
            **served.environment,
        }
        done, red = (
            subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", f"{install}\n{night}"],
                cwd=home / "evals",
                env={**environment, **more},
                capture_output=True,
                text=True,
                check=False,
            )
            for more in ({}, {"HEADRACE_API_KEY": "sk-of-another", "EVAL": "again.toml"})
        )
    assert done.returncode == 0, done.stderr
    assert (home / "pip.txt").read_text() == "install headrace\n"
    # (The second names an eval file that is not there: the pipe hides nothing of it.)
    assert red.returncode == 2
    assert done.stdout == summary.read_text()
    assert "| met | `cost < 5` |" in done.stdout
    kept = re.findall(r"inputs.runs }}/latest/(\S+)", action)
    assert kept == ["night.html", "night.md", "junit.xml"]
    assert all((home / "evals/runs/latest" / name).stat().st_size for name in kept)


@pytest.mark.slow
def test_the_line_for_cron_runs_with_what_cron_gives(home: Path) -> None:
    """It named a command that is not in cron's PATH, and mailed the night before."""
    line = (NIGHTLY / "crontab").read_text("utf-8").splitlines()[-1]
    fields = line.split(None, 5)
    assert fields[:5] == ["17", "3", "*", "*", "*"]
    shim(home / "bin/mail", f'echo "$2 $3" > {home}/mail.txt; cat >> {home}/mail.txt')
    with loopback(prices=DEFAULT_PRICES) as served:
        settings = f"HEADRACE_BASE_URL={served.url}\nHEADRACE_API_KEY=sk-of-another\n"
        (home / ".headrace-nightly").write_text(settings)
        done = subprocess.run(
            ["/bin/sh", "-c", fields[5]],
            cwd=home,
            env={"HOME": str(home), "PATH": f"/usr/bin:/bin:{home}/bin", "SHELL": "/bin/sh"},
            check=False,
        )
    assert done.returncode == 0
    mailed = (home / "mail.txt").read_text()
    assert mailed.startswith("nightly: exit code 5 you@example.com\n")
    assert "cut short, not judged" in mailed
    assert mailed.endswith((home / "evals/night.txt").read_text())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_takes_the_units(home: Path) -> None:
    units = [str(each) for each in sorted(NIGHTLY.glob("headrace-nightly.*"))]
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", *units],
        env={**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(units) == 2
