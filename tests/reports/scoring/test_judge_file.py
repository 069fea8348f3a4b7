"""judge.toml: what it may hold, and one line for each mistake."""

from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.reports.scoring import read_judge
from headrace.reports.scoring.judge_file import flags_of

GOOD = 'model = "m"\nprompt = "Is {{ text }} right?"\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "judge.toml"
    path.write_text(text)
    return path


def test_a_judge_is_read_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("{{ question }} {{text}} {% if expected %}x{% endif %}")
    text = """model = "m"
prompt-file = "p.txt"
scale = [1, 5]
votes = 3
max_tokens = 9
[body]
top_p = 0.5
[run]
max_cost = 2.5
prices = "prices.toml"
yes = true
strict = false
"""
    judge = read_judge(written(tmp_path, text))
    recipe = judge.recipe
    assert (judge.scale, judge.name) == ((1.0, 5.0), "judge")
    assert (recipe.samples, recipe.max_tokens, recipe.body) == (3, 9, {"top_p": 0.5})
    assert [judge.names(name) for name in ("question", "expected", "metadata")] == [
        True,
        True,
        False,
    ]
    prices = f"--prices={tmp_path / 'prices.toml'}"
    assert flags_of(judge.run) == ["--max-cost=2.5", prices, "--yes"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = 1\nprompt = '{{ text }}'", "model: expected `str`, got `int`"),
        ("prompt = '{{ text }}'", "no model; write model ="),
        ("model = 'm'", "no prompt; write prompt ="),
        (GOOD.replace("{{ text }}", "it"), "the prompt has no {{ text }}"),
        (GOOD + "scale = [5, 1]", "scale is the lowest and the highest vote"),
        (GOOD + "votes = 0", "votes is 0; write 1 to"),
        (GOOD + "vots = 3", "'vots' is not a key of a judge; did you mean 'votes'?"),
        (GOOD + "top_p = 1", "fields of the body belong below [body]"),
        (GOOD + "url = '/v1/nothing'", "'/v1/nothing' is not the url of a judge"),
        (GOOD + "prompt_file = 'p'", "prompt and prompt_file are both there"),
        (GOOD + "system_file = 'absent'", "absent can't be read"),
        (GOOD + "[run]\nout = 'x'", "[run] out is not for a judge"),
        (GOOD + "[run]\nrpm = [1]", "[run] rpm is not a value of a flag"),
        ("model =", "can't be used"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        read_judge(written(tmp_path, text))
    assert said in raised.value.message
    assert "\n" not in raised.value.message


def test_a_judge_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read_judge(tmp_path / "absent.toml")
    assert "is not there; name a judge in TOML" in raised.value.message
