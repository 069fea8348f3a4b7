"""`headrace jobs make`, as a user calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.jobs.datasets import MadeJob, write_job_file
from headrace.runner.main import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("q,a\nx,1\ny,\n")
    (tmp_path / "r.toml").write_text('model = "m"\nuser = "{{ q }}"\n')
    (tmp_path / "t.txt").write_text("Q: {{ q }}")
    return tmp_path


def headrace(*words: str, stdin: str | None = None) -> Result:
    command = ["jobs", "make", *words, "--out", "jobs.jsonl"]
    return CliRunner().invoke(main, command, prog_name="headrace", input=stdin)


def asked(folder: Path) -> list[str]:
    lines = (folder / "jobs.jsonl").read_text().splitlines()
    return [json.loads(line)["body"]["messages"][-1]["content"] for line in lines]


@pytest.mark.slow
def test_a_recipe_or_flags_make_a_job_file(here: Path) -> None:
    done = headrace("t.csv", "--recipe", "r.toml")
    assert (done.exit_code, done.stdout) == (0, "jobs.jsonl: 2 jobs\n")
    assert asked(here) == ["x", "y"]
    assert headrace("t.csv", "--template", "t.txt", "--model", "m", "--id", "q").exit_code == 0
    assert asked(here) == ["Q: x", "Q: y"]
    assert headrace("t.csv", "--recipe", "r.toml", "--where", "a = 1").exit_code == 0
    assert asked(here) == ["x"]


def test_standard_input_is_a_table_too(here: Path) -> None:
    assert headrace("-", "--recipe", "r.toml", stdin='{"q":"z"}\n').exit_code == 0
    assert asked(here) == ["z"]


def test_where_a_row_is_bad_the_file_stays_as_it_was(here: Path) -> None:
    (here / "jobs.jsonl").write_text('{"custom_id": "before"}')
    (here / "r.toml").write_text('model = "m"\nuser = "{{ a }}"\n')
    done = headrace("t.csv", "--recipe", "r.toml")
    assert (done.exit_code, done.stderr) == (
        2,
        "Error: t.csv: row 2: user: a is null; fill it as in {{ a | default('') }}, or leave the "
        "row out with --where\n",
    )
    assert (here / "jobs.jsonl").read_text() == '{"custom_id": "before"}'
    assert sorted(each.name for each in here.iterdir()) == [
        "jobs.jsonl",
        "r.toml",
        "t.csv",
        "t.txt",
    ]


def test_the_table_is_not_overwritten(here: Path) -> None:
    command = ["jobs", "make", "t.csv", "--recipe", "r.toml", "--out", "t.csv"]
    done = CliRunner().invoke(main, command, prog_name="headrace")
    assert (done.exit_code, done.stderr) == (
        2,
        "Error: t.csv is the table itself; name another file\n",
    )


def test_what_is_not_a_job_file_is_not_overwritten(here: Path) -> None:
    """An earlier job file is: one makes it again after a change of the recipe."""
    (here / "jobs.jsonl").write_text("notes of mine\n")
    done = headrace("t.csv", "--recipe", "r.toml")
    assert (done.exit_code, done.stderr) == (
        2,
        "Error: jobs.jsonl is there and is not a job file; name another, or remove it\n",
    )
    assert (here / "jobs.jsonl").read_text() == "notes of mine\n"
    (here / "jobs.jsonl").write_text("")
    assert headrace("t.csv", "--recipe", "r.toml").exit_code == 0
    assert headrace("t.csv", "--recipe", "r.toml", "--limit", "1").exit_code == 0
    assert asked(here) == ["x"]


def test_that_a_job_files_answers_are_not_held_against_its_schema_is_said(here: Path) -> None:
    (here / "f.json").write_text('{"type": "object"}')
    (here / "r.toml").write_text('model = "m"\nuser = "{{ q }}"\nschema = "f.json"\n')
    done = headrace("t.csv", "--recipe", "r.toml")
    assert done.exit_code == 0
    assert "`headrace run JOBS` holds no answer against it" in done.stderr
    assert "json_schema" in (here / "jobs.jsonl").read_text()


def test_lines_are_written_as_they_are(tmp_path: Path) -> None:
    jobs = [MadeJob(0, "a", b"1\n"), MadeJob(1, "b", b"2\n")]
    assert write_job_file(tmp_path / "o", jobs) == 2
    assert (tmp_path / "o").read_bytes() == b"1\n2\n"
