"""What a sweep or a search tells meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from headrace.jobs import InputError
from headrace.runner.session import RunEnvironment
from headrace.runner.traffic import steps_cli


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
