"""The nightly example: files that mean something, and lines around them that call the command."""

import re
import shlex
from pathlib import Path

import click

from headrace.jobs import read_recipe
from headrace.reports import check_night, score_names
from headrace.runner.main import load_command
from headrace.runner.nightly import read_eval_file

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
