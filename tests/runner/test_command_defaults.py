"""headrace.toml: what was likely meant, and which commands do without one that is broken."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from headrace.runner import cli
from headrace.runner.main import main, settings_for


def defaults(path: Path, text: str) -> dict[str, object]:
    (path / "headrace.toml").write_text(text, encoding="utf-8")
    return settings_for(cli.run, path / "headrace.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\nrmp = 5\n", "'rmp' is not a setting of `run`; did you mean 'rpm'?"),
        ("[run]\nmax_csot = 5\n", "did you mean 'max-cost'?"),
        ("[runs]\nrpm = 5\n", "'runs' is not a setting of `run`; did you mean 'run'?"),
        ("[base-url]\nopenai = 'x'\n", "did you mean 'base-urls'?"),
        ("rmp = 5\n", "'rmp' is not a setting; did you mean 'rpm'?"),
        ("zzz = 5\n", "'zzz' is not a setting"),
        ("[[service]]\nname = 'a'\n", "'service' is not a setting; did you mean 'services'?"),
        ("[[Services]]\nname = 'a'\n", "'Services' is not a setting; did you mean 'services'?"),
        ("[[run]]\nrpm = 5\n", "[[run]] is one table; write [run]"),
        ("[run]\nservice = 'a'\n", 'service is a list; write service = ["a"]'),
        ("header = 'X: y'\n", 'header is a list; write header = ["X: y"]'),
    ],
)
def test_what_was_likely_meant_is_asked(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        defaults(tmp_path, text)
    assert caught.value.message.endswith(says)


def test_settings_of_other_commands_and_other_tables_are_no_mistakes(tmp_path: Path) -> None:
    text = (
        "\ufeffrpm = 7\nwarmup = 3\ntemplate = 1\n[base-urls]\nopenai = 'x'\n[limits.m]\nrpm = 1\n"
    ).replace("template = 1\n", "precision = 0.1\n")
    assert defaults(tmp_path, text) == {"rpm": 7}


@pytest.mark.parametrize("text", ["not toml", "[runs]\nrpm = 1\n", "\x80"])
def test_a_broken_file_stops_no_command_that_only_reads_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "headrace.toml").write_bytes(text.encode("latin-1"))
    runner = CliRunner()
    for name in ("report", "status", "compare", "export"):
        done = runner.invoke(main, [name, "--help"])
        assert done.exit_code == 0
        more = {"compare": ["gone.run"], "export": ["--to", "csv"]}.get(name, [])
        done = runner.invoke(main, [name, "gone.run", *more])
        assert "Warning: headrace.toml" in done.stderr
        assert "gone.run" in done.stderr.splitlines()[-1]
    assert runner.invoke(main, ["run", "--help"]).exit_code == 0
    for arguments in (["run", "jobs.jsonl"], ["gate", "gone.run", "--require", "cost < 1"]):
        done = runner.invoke(main, arguments)
        assert done.exit_code == 2
        assert "Error: headrace.toml" in done.stderr
