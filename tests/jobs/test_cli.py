"""`headrace jobs`: what a user sees of a file before it runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headrace import standard_streams
from headrace.runner.main import main

PRICES = 'currency = "CNY"\n[models.m]\ninput = 1.0\noutput = 2.0\n'
GOOD = {"custom_id": "a", "url": "/v1/chat/completions"}


def line(**fields: Any) -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return json.dumps({**GOOD, "body": body})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prices.toml").write_text(PRICES)
    return tmp_path


def headrace(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["jobs", *words], prog_name="headrace", input=stdin)


def test_check_lists_every_bad_line_and_says_so_by_its_exit_code(here: Path) -> None:
    (here / "jobs.jsonl").write_text("\n".join([line(), "nonsense", line(), "{}"]) + "\n")
    done = headrace("check", "jobs.jsonl")
    assert done.exit_code == 1
    said = done.stdout.splitlines()
    assert [text.partition(":")[0] for text in said] == ["line 2", "line 3", "line 4"]
    assert "not JSON" in said[0]
    assert "duplicate custom_id: line 1 has it already" in said[1]
    assert done.stderr == "jobs.jsonl: 1 job, 3 bad lines\n"


def test_check_reads_no_further_once_nobody_reads_what_it_says(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of gigabytes was read to its end for `| head`."""
    monkeypatch.setattr(standard_streams, "stdout_is_gone", lambda: True)
    (here / "jobs.jsonl").write_text("nonsense\n" * 50)
    done = headrace("check", "jobs.jsonl")
    assert (done.exit_code, len(done.stdout.splitlines()), done.stderr) == (1, 1, "")


def test_check_takes_any_path_where_it_is_told_to(here: Path) -> None:
    other = json.dumps({"custom_id": "o", "url": "/v1/score", "body": {}})
    (here / "jobs.jsonl").write_text(other + "\n")
    refused = headrace("check", "jobs.jsonl")
    assert (refused.exit_code, "or give --any-endpoint" in refused.stdout) == (1, True)
    assert headrace("check", "jobs.jsonl", "--any-endpoint").exit_code == 0
    (here / "headrace.toml").write_text('[endpoints."/v1/score"]\n')
    assert headrace("check", "jobs.jsonl").exit_code == 0
    assert "/v1/score" in headrace("estimate", "jobs.jsonl", "--json").stdout


def test_check_of_many_bad_lines_ends_with_the_commonest_reasons(here: Path) -> None:
    bad = ["nonsense"] * 3 + ["{}", '{"a": NaN}', "[]"]
    (here / "jobs.jsonl").write_text("\n".join([line(), *bad]) + "\n")
    done = headrace("check", "jobs.jsonl")
    assert len(done.stdout.splitlines()) == 6
    assert done.stderr.splitlines() == [
        "jobs.jsonl: 1 job, 6 bad lines",
        "  3 lines, such as line 2: not JSON: invalid character at column 5",
        '  line 5: no body; write {"custom_id": ..., "url": ..., "body": {...}}',
        "  line 6: not JSON: NaN at column 7; write null, or leave the key out",
    ]


def test_check_of_a_good_file_is_quiet_and_0(here: Path) -> None:
    (here / "jobs.jsonl").write_text(line() + "\n")
    done = headrace("check", "jobs.jsonl", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"file": "jobs.jsonl", "jobs": 1, "bad_lines": []}


def test_check_with_prices_lists_what_no_cost_bounds(here: Path) -> None:
    (here / "jobs.jsonl").write_text(line() + "\n")
    done = headrace("check", "jobs.jsonl", "--prices", "prices.toml", "--json")
    assert done.exit_code == 1
    (bad,) = json.loads(done.stdout)["bad_lines"]
    assert (bad["line"], bad["custom_id"]) == (1, "a")
    assert "max_output_tokens" in bad["reason"]


def test_check_counts_what_the_token_limit_would_refuse(here: Path) -> None:
    (here / "jobs.jsonl").write_text(line(max_tokens=150_000) + "\n")
    assert headrace("check", "jobs.jsonl").exit_code == 1
    assert headrace("check", "jobs.jsonl", "--tpm", "none").exit_code == 0


def test_both_keep_to_the_limits_of_the_settings_file(here: Path) -> None:
    """As in `run`: a model with its own limit uses that, the others use the flag's."""
    (here / "headrace.toml").write_text("tpm = 600\n[limits.small]\ntpm = 50\n")
    lines = [line(model=model, max_tokens=500) for model in ("small", "m")]
    lines.append(line(max_tokens=1000))
    texts = [text.replace('"a"', f'"{n}"', 1) for n, text in enumerate(lines)]
    (here / "jobs.jsonl").write_text("\n".join(texts))
    done = headrace("check", "jobs.jsonl")
    assert done.exit_code == 1
    first, second = done.stdout.splitlines()
    assert first.startswith("line 1: needs ")
    assert first.endswith('raise the model\'s tpm in [limits."small"]')
    assert second.startswith("line 3: needs ")
    assert "more than the 600 tokens per minute" in second
    assert "2 bad lines are left out" in headrace("estimate", "jobs.jsonl").stdout
    assert headrace("check", "jobs.jsonl", "--tpm", "none").stdout.splitlines() == [first]


def test_estimate_shows_tokens_and_the_range_of_the_cost(here: Path) -> None:
    """Input at 1.00 and output of 1 to 1,000 tokens at 2.00 per million."""
    (here / "jobs.jsonl").write_text(line(max_tokens=1000) + "\nnonsense\n")
    done = headrace("estimate", "jobs.jsonl", "--prices", "prices.toml", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["total"]["jobs"], found["bad_lines"]) == (1, 1)
    assert found["total"]["output_tokens_most"] == 1000
    tokens = found["total"]["input_tokens"]
    assert float(found["total"]["cost_least"]) == (tokens + 2) / 1e6
    shown = headrace("estimate", "jobs.jsonl", "--prices", "prices.toml").stdout
    assert "1–1,000" in shown
    assert "cost, CNY" in shown
    assert "1 bad line is left out" in shown


def test_estimate_on_a_narrow_terminal_folds_no_words_and_cuts_no_figures(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: an endpoint was written as `completi` and `ons`, a model in three lines."""
    table = '[[services]]\nname = "east"\nbase-url = "http://127.0.0.1:9"\nmodels = ["*"]\n'
    (here / "headrace.toml").write_text(table)
    body = {"model": "a-model-of-a-rather-long-name", "prompt": "hi", "max_tokens": 100_000}
    job = {"custom_id": "a", "url": "/v1/completions", "body": body}
    (here / "jobs.jsonl").write_text(json.dumps(job) + "\n")
    (here / "prices.toml").write_text(PRICES.replace("models.m", f"models.{body['model']}"))
    monkeypatch.setenv("COLUMNS", "60")
    shown = headrace("estimate", "jobs.jsonl", "--prices", "prices.toml", "--tpm", "none").stdout
    assert f"model {body['model']}" in shown
    assert "endpoint completions" in shown
    assert "output 1–100,000" in shown
    assert max(map(len, shown.splitlines())) <= 60


def test_estimate_reads_standard_input_and_needs_no_prices(here: Path) -> None:
    done = headrace("estimate", "-", stdin=line() + "\n")
    assert done.exit_code == 0, done.output
    assert "Add --prices FILE to see the cost." in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "none.jsonl"), "cannot read the job file none.jsonl"),
        (("estimate", "prices.toml", "--prices", "none.toml"), "cannot read the price file"),
        (("check", "prices.toml", "--tpm", "many"), "nor 'none'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(here: Path, words: tuple[str, ...], says: str) -> None:
    done = headrace(*words)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.output
