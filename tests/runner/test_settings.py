"""What a run is told: checked before anything is touched, and the key shown to nobody."""

import datetime as dt
import os
from inspect import signature
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

import headrace
from headrace.jobs import InputError
from headrace.runner import LoadOptions, RunOptions, RunSettings, Secret, cli, load, run
from headrace.runner.base_url import base_url_from
from headrace.runner.main import main
from headrace.runner.options import SendOptions
from headrace.runner.settings import default_run_directory, headers_from, key_from
from headrace.runner.traffic import plan
from headrace.runner.traffic.cli import load as load_command

# Flags of several load runs in a row, which a program makes itself.
# Tables of headrace.toml, of which --service chooses services.
OF_THE_FILE = {"model_limits", "endpoints", "services", "service"}
CHOOSES = "service_names"
SEVERAL = {"sweep", "find", "precision", "highest", "repeats", "against", "against_key_variable"}


def test_the_url_and_the_key_come_from_the_environment() -> None:
    environment = {"HEADRACE_BASE_URL": "http://a.test/v1", "HEADRACE_API_KEY": " sk-1\n"}
    assert base_url_from(None, environment) == "http://a.test"
    assert base_url_from("http://b.test", environment) == "http://b.test"
    assert key_from(None, environment).reveal() == "sk-1"
    assert key_from("sk-2", environment).reveal() == "sk-2"


@pytest.mark.parametrize("text", ["", "  ", "sk-\n1", "sk 1", "sk-é", "sk-\x00"])
def test_a_key_that_no_header_can_carry(text: str) -> None:
    with pytest.raises(InputError) as caught:
        key_from(None, {"HEADRACE_API_KEY": text})
    assert "HEADRACE_API_KEY" in caught.value.message
    assert text.strip() == "" or text not in caught.value.message


def test_a_key_is_shown_to_nobody() -> None:
    secret = Secret("sk-very-secret")
    settings = RunSettings(base_url="http://a.test", key=secret)
    for shown in (repr(secret), str(secret), f"{secret}", repr(settings), str(settings)):
        assert "sk-very-secret" not in shown
    assert secret.redact("you sent sk-very-secret twice: sk-very-secret") == (
        "you sent *** twice: ***"
    )


def test_headers_are_names_and_values() -> None:
    assert headers_from(("X-Team: blue", "X-Time:a:b")) == (("X-Team", "blue"), ("X-Time", "a:b"))


@pytest.mark.parametrize(
    "line", ["nothing", ": value", "Bad Name: x", "Host: x", "X: a\nY: b", "Content-Length: 3"]
)
def test_a_header_that_would_break_the_request(line: str) -> None:
    with pytest.raises(InputError):
        headers_from((line,))


@pytest.mark.parametrize(
    "name",
    ["Authorization", "AUTHORIZATION ", " x-api-key", "X_Api_Key", "api-key", "Cookie", "cookie\t"],
)
@pytest.mark.parametrize("as_lines", [True, False])
def test_a_header_that_holds_a_key_is_refused_without_its_value(name: str, as_lines: bool) -> None:
    with pytest.raises(InputError) as caught:
        headers_from((f"{name}: sk-secret",) if as_lines else {name: "sk-secret"})
    assert "HEADRACE_API_KEY" in caught.value.message
    assert "sk-secret" not in caught.value.message


@pytest.mark.parametrize("arguments", [["run", "j"], ["load"], ["balance"], ["report", "r"], []])
@pytest.mark.parametrize(
    "given", [["--api-key", "sk-secret"], ["--api_key=sk-secret"], ["--key", "sk-secret"]]
)
def test_a_key_given_as_a_flag_is_told_where_it_belongs(
    arguments: list[str], given: list[str]
) -> None:
    done = CliRunner().invoke(main, [*arguments, *given])
    assert done.exit_code == 2
    assert "set HEADRACE_API_KEY" in done.stderr
    assert "sk-secret" not in done.output


@pytest.mark.parametrize(
    ("jobs", "run"),
    [
        ("jobs.jsonl", "jobs.run"),
        ("data/jobs.jsonl.gz", "data/jobs.run"),
        ("jobs.json.zst", "jobs.run"),
        ("jobs.ndjson", "jobs.run"),
        ("jobs.v2.jsonl", "jobs.v2.run"),
        ("work", "work.run"),
        (".jsonl", ".jsonl.run"),
    ],
)
def test_the_run_directory_is_named_for_the_job_file(jobs: str, run: str) -> None:
    assert default_run_directory(jobs) == Path(run)


def test_what_is_not_a_file_has_no_directory_beside_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    paths = [
        "-",
        "/dev/stdin",
        "/dev/null",
        "/dev/fd/0",
        "/proc/self/status",
        str(tmp_path / "pipe"),
    ]
    for path in paths:
        with pytest.raises(InputError, match="--out is needed when the jobs come from"):
            default_run_directory(path)
    with pytest.raises(InputError, match="is a directory; name a job file"):
        default_run_directory(str(tmp_path))
    assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]


@pytest.mark.parametrize("field", ["rpm", "tpm", "concurrency", "attempts"])
def test_limits_below_one_are_refused(field: str) -> None:
    none: dict[str, Any] = {field: 0}
    with pytest.raises(InputError, match=field):
        RunSettings(base_url="http://a.test", key=Secret("k"), **none)


@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_times_below_zero_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="grace_s"):
        RunSettings(base_url="http://a.test", key=Secret("k"), grace_s=value)


def test_a_program_and_the_command_line_can_set_the_same() -> None:
    """And nothing else: what one of them lacked, the other's users would miss."""
    program = {*RunOptions.__annotations__, *SendOptions.__annotations__}
    assert program == {*RunSettings.__struct_fields__} - {
        *("key", "seed", "anthropic_base_url", "service", "auth", "key_variable", "auto_workers")
    }
    command = {param.name for param in cli.run.params} - {"as_json", CHOOSES}
    own = {*signature(headrace.run).parameters} - {"api_key", "options"}
    chosen = {"seed" if name == "sample_seed" else name for name in own}
    assert command == chosen | program - OF_THE_FILE


def test_a_program_and_the_command_line_can_ask_for_the_same_load() -> None:
    program = {*LoadOptions.__optional_keys__}
    command = {param.name for param in load_command.params} - {"as_json", CHOOSES, *SEVERAL}
    assert command == program - OF_THE_FILE


def test_an_option_that_no_load_run_has_is_refused() -> None:
    wrong: Any = {"users": 1, "duration_s": 1.0, "user": 2}
    with pytest.raises(TypeError, match="'user'"):
        load(base_url="http://a.test", api_key="k", **wrong)


def test_the_load_commands_defaults_are_the_settings(tmp_path: Path) -> None:
    asked = {"rate": "1/s", "duration_s": 1.0, "seed": 1, "out": tmp_path / "a.run"}
    least: Any = {**asked, "base_url": "http://a.test"}
    given = ["--rate", "1/s", "--duration", "1s", "--seed", "1", "--base-url", "http://a.test"]
    read = load_command.make_context("load", given).params
    flags: Any = {name: read[name] for name in {*read} - {"as_json", CHOOSES, *SEVERAL}}
    flags["out"] = asked["out"]
    now, key = dt.datetime(2026, 6, 9, tzinfo=dt.UTC), Secret("k")
    by_flags, by_program = (plan(each, key, now) for each in (flags, least))
    ours, theirs = (msgspec.structs.asdict(each.settings) for each in (by_flags, by_program))
    shape, other = ours.pop("shape"), theirs.pop("shape")
    assert ours == theirs
    assert (shape.arrivals, shape.variation) == (other.arrivals, other.variation)
    assert by_flags.source.words == by_program.source.words
    assert by_program.settings.grace_s == 120.0
    assert (by_program.settings.rpm, by_program.settings.attempts) == (None, 1)


def test_the_commands_defaults_are_the_settings() -> None:
    told = RunSettings(base_url="http://a.test", key=Secret("k"))
    context = click.Context(cli.run)
    names = {"rpm", "tpm", "concurrency", "attempts", "deadline_s", "outage_s", "grace_s"}
    read = {
        param.name: param.type_cast_value(context, param.get_default(context, call=False))
        for param in cli.run.params
        if param.name in names
    }
    assert read == {name: getattr(told, name) for name in names}


def test_headers_of_a_program_are_checked_like_those_of_the_command(tmp_path: Path) -> None:
    jobs = tmp_path / "jobs.jsonl"
    with pytest.raises(InputError, match="the header Host can't be set to that"):
        run(jobs, base_url="http://a.test", api_key="k", headers={"Host": "b.test"})
