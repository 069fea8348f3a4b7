"""What a sweep or a search tells meanwhile."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from headrace.jobs import InputError
from headrace.reports import Step
from headrace.runner.main import main
from headrace.runner.session import RunEnvironment
from headrace.runner.traffic import steps_cli
from tests.reports.comparison.test_step_sentences import step

EAST = """
[[services]]
name = "east"
base-url = "http://127.0.0.1:9"
key-variable = "EAST_KEY"
models = ["*"]
"""


def test_what_each_step_announces_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As that the prices are in another currency than the account, which was told of runs alone."""
    monkeypatch.setenv("HEADRACE_API_KEY", "sk-of-a-test")

    def step(_planned: Any, _display: Any, environment: RunEnvironment) -> Any:
        assert environment.announce is not None
        for words in ("Warning: prices", "Waiting", "Warning: prices"):
            environment.announce(words)
        raise InputError("enough")

    monkeypatch.setattr(steps_cli, "load_and_summarise", step)
    with pytest.raises(InputError, match="enough"):
        steps_cli.make_steps(
            {"base_url": "http://127.0.0.1:1", "model": "m", "out": str(tmp_path / "s")},
            sweep="1,2",
            find=None,
            precision=0.1,
            highest=None,
            as_json=False,
        )
    assert capsys.readouterr().err.split("\n") == ["Warning: prices", "Waiting", ""]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--precision", "0.1"], "--precision is of --find; leave it out, or give --find '"),
        (["--highest", "9/s"], "--highest is of --find"),
        (["--sweep", "1/s", "--highest", "9/s"], "--highest is of --find"),
        (["--unclear", "met"], "--unclear is of --require"),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(words: list[str], says: str) -> None:
    base = ["load", "--base-url", "http://127.0.0.1:9", "--rate", "1/s", "--requests", "1"]
    done = CliRunner().invoke(main, [*base, *words], env={"HEADRACE_API_KEY": "sk-x"})
    assert (done.exit_code, says in done.stderr) == (2, True)


def test_what_a_step_says_is_a_line_however_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a file or a pipe it was folded at 80 columns."""
    monkeypatch.setenv("HEADRACE_API_KEY", "sk-of-a-test")
    asked = "4 users, think time exponential:0.3s, of a shape that has a long name of its own"

    class Told:
        def __init__(self, *_: Any, look: Callable[[Step], None], **__: Any) -> None:
            self._look = look

        def sweep(self, _loads: Any) -> Any:
            self._look(msgspec.structs.replace(step(4, "unclear"), asked=asked))
            raise InputError("enough")

    monkeypatch.setattr(steps_cli, "Stepper", Told)
    with pytest.raises(InputError, match="enough"):
        steps_cli.make_steps(
            {"base_url": "http://127.0.0.1:1", "out": str(tmp_path / "s")},
            sweep="4",
            find=None,
            precision=0.1,
            highest=None,
            as_json=False,
        )
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{asked}: 100 requests, ")


def test_every_step_of_a_service_has_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They asked for HEADRACE_API_KEY, which services with a variable of their own don't need."""
    plans = []

    def plan_alone(planned: Any, *_: Any) -> Any:
        plans.append(planned)
        raise InputError("enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEADRACE_API_KEY", raising=False)
    monkeypatch.setattr(steps_cli, "load_and_summarise", plan_alone)
    Path("headrace.toml").write_text(EAST)
    words = ["load", "--sweep", "1/s, 2/s", "--requests", "2", "--out", "all"]
    done = CliRunner().invoke(main, words, env={"EAST_KEY": "sk-of-the-east"})
    assert done.stderr.startswith("Error: enough")
    (settings,) = [each.settings for each in plans]
    assert (settings.service, settings.base_url) == ("east", "http://127.0.0.1:9")
    assert settings.key.reveal() == "sk-of-the-east"
