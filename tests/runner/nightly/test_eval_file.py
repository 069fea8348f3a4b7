"""Eval files: what they hold, and one line for whatever is wrong with one."""

from decimal import Decimal
from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.runner.cli import run
from headrace.runner.nightly import EvalFile, read_eval_file

WHOLE = """\
data = "data/*.parquet"
recipe = "ask.toml"
runs = "../runs"
score = ["exact", "number:1e-6"]
judge = "judge.toml"
require = ["error_rate <= 1%"]
beside-require = ["mean(exact) >= base"]
beside = ["last-good", "fixed.run"]

[run]
prices = "prices.toml"
max-cost = 2.50
rpm = 600
download = true
strict = false
header = ["X-Team: evals"]
"""


def read(folder: Path, text: str) -> EvalFile:
    path = folder / "eval.toml"
    path.write_text(text)
    return read_eval_file(path, run)


def test_paths_are_relative_to_the_file_and_flags_are_those_of_run(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert found.data == str(tmp_path / "data/*.parquet")
    assert found.recipe == tmp_path / "ask.toml"
    assert found.runs == tmp_path / "../runs"
    assert (found.scores, found.judge) == (
        ("exact", "number:1e-6"),
        tmp_path / "judge.toml",
    )
    assert [each.text for each in found.require] == ["error_rate <= 1%"]
    assert found.beside == ("last-good", str(tmp_path / "fixed.run"))
    assert found.budget == Decimal("2.50")
    assert found.flags == (
        f"--prices={tmp_path / 'prices.toml'}",
        "--rpm=600",
        "--download",
        "--header=X-Team: evals",
    )


def test_most_of_it_may_be_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, 'data = "s3://bucket/q.parquet"\n')
    assert found.data == "s3://bucket/q.parquet"
    assert (found.recipe, found.budget, found.beside_require) == (None, None, None)
    assert found.runs == tmp_path / "eval.runs"
    assert found.beside == ("last-good", "baseline")


def test_the_digest_is_of_all_that_it_says(tmp_path: Path) -> None:
    one = read(tmp_path, WHOLE).digest
    assert read(tmp_path, WHOLE).digest == one
    assert read(tmp_path, WHOLE.replace("600", "601")).digest != one


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'no data; write data = "questions.parquet"'),
        ('data = "-"', "data is standard input"),
        ("data = 3", "data is 3; write it as text in quotes"),
        (
            'data = "q"\nrecpie = "r"',
            "not a key of an eval file; did you mean 'recipe'?",
        ),
        ('data = "q"\nrpm = 6', "a flag of `run` belongs below [run]"),
        ('data = "q"\n[run]\nmax-csot = 1', "did you mean 'max-cost'?"),
        ('data = "q"\n[run]\nout = "x"', "nights are kept below `runs`"),
        ('data = "q"\n[run]\nmax-cost = 0', "write an amount above zero"),
        ('data = "q"\n[run]\nmax-cost = true', "write an amount above zero"),
        ('data = "q"\n[run]\nstrict = "yes"', "write true or false"),
        ('data = "q"\n[run]\nrpm = [1]', "`run` takes no such"),
        ('data = "q"\n[run]\napi-key = "sk-1"', "a key does not belong in a file"),
        ('data = "q"\nrun = 3', "write a table, [run]"),
        ('data = "q"\nrequire = ["cost <"]', "require: "),
        ('data = "q"\nrequire = 3', "write a list of texts in quotes"),
        ('data = "q"\nscore = ["exact", "exact"]', "has 'exact' twice"),
        ("data = ", "can't be used"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert said in error.value.said
    assert str(tmp_path / "eval.toml") in error.value.said
    assert "sk-1" not in error.value.format_message()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there; name an eval file in TOML"):
        read_eval_file(tmp_path / "none.toml", run)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "eval.toml").write_bytes(b"data = '\xff'")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_eval_file(tmp_path / "eval.toml", run)
