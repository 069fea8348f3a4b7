"""`headrace load --repeats` and `--against`: keys, flags, and what is told."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headrace.jobs import InputError
from headrace.runner.main import main
from headrace.runner.traffic import repeats_cli
from headrace.runner.traffic.repeats_cli import against_from, said_of
from headrace.runner.traffic.start import JudgedLoad
from tests.reports.html.test_repeats_page import run as of_page

from .test_repeats import FAST, KEY, SLOW, Services
from .test_steps_cli import EAST

FIRST = {"HEADRACE_API_KEY": "sk-of-the-first"}


def test_the_key_of_one_service_never_goes_to_another_unless_it_is_said() -> None:
    with pytest.raises(InputError, match="no key for --against: set HEADRACE_API_KEY_AGAINST"):
        against_from("http://b.test", None, FIRST)
    own = against_from("http://b.test/v1", None, FIRST | {"HEADRACE_API_KEY_AGAINST": "sk-b"})
    assert own is not None
    assert (own.base_url, own.key.reveal()) == ("http://b.test", "sk-b")
    said = against_from("http://b.test", "HEADRACE_API_KEY", FIRST)
    assert said is not None
    assert said.key.reveal() == "sk-of-the-first"
    assert against_from(None, None, FIRST) is None


@pytest.mark.parametrize(
    ("url", "variable", "environment", "says"),
    [
        (None, "OTHER", {}, "--against-key-variable is of --against"),
        ("http://b.test", "OTHER", FIRST, "no key for --against: set OTHER"),
        ("http://b.test", "OTHER", {"OTHER": "a b"}, "OTHER holds characters that no key has"),
        ("b.test", "OTHER", {"OTHER": "sk-b"}, "the base URL is 'b.test'"),
    ],
)
def test_a_second_service_that_can_not_be_used_is_one_line(
    url: str | None, variable: str, environment: dict[str, str], says: str
) -> None:
    with pytest.raises(InputError) as raised:
        against_from(url, variable, environment)
    assert says in raised.value.message


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--repeats", "2", "--sweep", "1/s, 2/s"], "--repeats and --against are of one load"),
        (["--repeats", "2", "--jobs", "-"], "--repeats reads --jobs for each run"),
        (["--repeats", "0", "--rate", "1/s"], "0 is not in the range"),
        (["--against-key-variable", "X", "--rate", "1/s"], "is of --against"),
    ],
)
def test_flags_that_make_no_sense_are_one_line(words: list[str], says: str) -> None:
    base = ["load", "--base-url", "http://127.0.0.1:9", "--requests", "1", *words]
    done = CliRunner().invoke(main, base, env=FIRST)
    assert done.exit_code == 2
    assert says in done.stderr


@pytest.mark.slow
def test_two_services_are_reported_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(tmp_path, a=FAST, b=SLOW)

    def run(planned: Any, _display: Any, _environment: Any) -> JudgedLoad:
        return services.run(planned)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_API_KEY", KEY)
    monkeypatch.setenv("HEADRACE_API_KEY_AGAINST", KEY)
    monkeypatch.setattr(repeats_cli, "load_and_summarise", run)
    words = "load --rate 10/s --requests 6 --against http://b.test --base-url http://a.test"
    words += " --require p50(ttft_s)<=base"
    done = CliRunner().invoke(main, words.split(), env={"COLUMNS": "90"})
    assert done.exit_code == 0, done.output
    (directory,) = tmp_path.glob("repeats-*-1")
    for said in (
        "01-a.run: 6 requests, ",
        "Over the runs of A, http://a.test",
        "TTFT p50",
        "2 runs as A and 2 as B, of 12 and 12 jobs: each run counts once",
        "Required of A",
    ):
        assert said in done.output
    again = CliRunner().invoke(main, ["report", directory.name], env={"COLUMNS": "90"})
    assert again.output == done.stdout
    for flag, says in (("--json", '"noise_between_runs": "known"'), ("--md", "| required |")):
        assert says in CliRunner().invoke(main, ["report", directory.name, flag]).output
    gated = ["gate", directory.name, "--require", "cost < 1"]
    assert "has repeats of two services; name its runs" in CliRunner().invoke(main, gated).output


def test_a_run_that_can_not_be_made_ends_them_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_planned: Any, _display: Any, environment: Any) -> Any:
        for words in ("Warning: prices", "Warning: prices"):
            environment.announce(words)
        raise InputError("enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(repeats_cli, "load_and_summarise", run)
    words = "load --rate 10/s --requests 6 --repeats 2 --base-url http://127.0.0.1:1 --out all"
    done = CliRunner().invoke(main, words.split(), env=FIRST)
    assert (done.exit_code, done.stderr) == (2, "Warning: prices\nError: enough\n")


def test_a_run_is_told_in_a_line() -> None:
    made = of_page("all/02-b.run", "b", verdict="client-limited", requests_per_s=9.0)
    assert said_of(made) == (
        "02-b.run: 100 requests, 9/s answered, latency p95 200 ms (client-limited)"
    )
    assert "-/s answered" in said_of(of_page("01.run", "a", requests_per_s=None))


@pytest.mark.slow
def test_a_service_takes_turns_with_a_url_each_with_its_own_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of the service was asked for in HEADRACE_API_KEY, and B was sent to A's service."""
    plans = []

    def plan_alone(planned: Any, *_: Any) -> Any:
        plans.append(planned.settings)
        if len(plans) == 2:
            raise InputError("enough")
        return services.run(planned)

    services = Services(tmp_path, a=FAST, b=SLOW)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEADRACE_API_KEY", raising=False)
    monkeypatch.setattr(repeats_cli, "load_and_summarise", plan_alone)
    Path("headrace.toml").write_text(EAST.replace("127.0.0.1:9", "a.test"))
    words = "load --rate 10/s --requests 2 --against http://b.test --out all"
    keys = {"EAST_KEY": KEY, "HEADRACE_API_KEY_AGAINST": "sk-of-b"}
    done = CliRunner().invoke(main, words.split(), env=keys)
    assert "Error: enough" in done.stderr
    first, second = plans
    assert (first.service, first.base_url, first.key.reveal()) == ("east", "http://a.test", KEY)
    assert (second.service, second.base_url) == (None, "http://b.test")
    assert second.key.reveal() == "sk-of-b"
