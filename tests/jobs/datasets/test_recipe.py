"""Recipes: their keys, the files that they name, and what is wrong with them."""

from pathlib import Path

import msgspec
import pytest

from headrace.jobs import InputError
from headrace.jobs.datasets import read_recipe
from headrace.jobs.records import Recipe

GOOD = 'model = "m"\nuser = "{{ x }}"\n'


def read(folder: Path, text: str) -> Recipe:
    path = folder / "r.toml"
    path.write_text(text)
    return read_recipe(path)


def test_texts_of_files_are_read_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "user.txt").write_text("Ticket: {{ x }}\n")
    (tmp_path / "form.json").write_text('{"type": "object"}')
    recipe = read(
        tmp_path,
        'model = "m"\nuser-file = "user.txt"\nschema = "form.json"\nschema-by = "tool"\n'
        'max-tokens = 5\nmetadata = ["a"]\n[body]\nreasoning_effort = "low"\n',
    )
    assert recipe.user == "Ticket: {{ x }}\n"
    assert (recipe.schema, recipe.schema_by) == ({"type": "object"}, "tool")
    assert recipe.body == {"reasoning_effort": "low"}
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe


def test_messages_may_have_files_too(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("{{ q }}")
    text = 'model = "m"\n[[messages]]\nrole = "user"\ncontent_file = "q.txt"\n'
    assert read(tmp_path, text).messages == [{"role": "user", "content": "{{ q }}"}]


def test_flags_go_before_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(GOOD)
    (tmp_path / "t.txt").write_text("{{ y }}")
    template = str(tmp_path / "t.txt")
    recipe = read_recipe(tmp_path / "r.toml", template=template, system=None, model="n", id="k")
    assert (recipe.user, recipe.model, recipe.id) == ("{{ y }}", "n", "k")
    assert read_recipe(None, template=template, model="n").user == "{{ y }}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "sampels = 2\n", "'sampels' is not a key of a recipe; did you mean 'samples'?"),
        (GOOD + "top_k = 2\n", "any other field of the body belongs below [body]"),
        (GOOD + 'samples = "2"\n', "samples: expected `int`, got `str`"),
        (GOOD + "samples = 0\n", "samples is 0; it is at least 1"),
        (GOOD + 'url = "/v1/chat"\n', "unknown url '/v1/chat'"),
        (GOOD + 'user_file = "u.txt"\n', "user and user_file are both there"),
        (GOOD + 'system_file = "u.txt"\n', "u.txt can't be read: No such file"),
        (GOOD + "[[messages]]\nrole = 'user'\n", "messages stand in the place of"),
        (GOOD + "temperature = 1\n[body]\ntemperature = 1\n", "temperature stands in [body] too"),
        (GOOD + 'schema = "u.json"\n', "u.json can't be read"),
        (GOOD + 'schema_by = "magic"\n', "schema_by is 'magic'; there are response_format,"),
        (GOOD + 'schema_by = "tol"\n', "schema_by is 'tol'; did you mean 'tool'?"),
        ('user = "x"\n', "no model"),
        ('model = "m"\n', "nothing is asked"),
        ('model = "m"\n[[messages]]\ncontent = "x"\n', "message 1 has no role"),
        ("model = ", "r.toml can't be used"),
    ],
)
def test_what_is_wrong_is_told_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert said in error.value.message
    assert error.value.message.startswith(str(tmp_path / "r.toml"))
    assert "\n" not in error.value.message


def test_a_recipe_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there; name a recipe in TOML"):
        read_recipe(tmp_path / "nope.toml")
