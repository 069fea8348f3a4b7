"""Schemas by their names: files, and Pydantic models of the user's."""

import json
import sys
from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.jobs.forms import schema_named

MODULE = """
from enum import Enum
from pydantic import BaseModel

class Kind(Enum):
    bill = "bill"
    other = "other"

class Ticket(BaseModel):
    kind: Kind
    words: list[str] = []

def helper(): ...
"""


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with modules; what they import is forgotten after the test."""
    (tmp_path / "ticket_forms_here.py").write_text(MODULE)
    (tmp_path / "breaks_here.py").write_text("raise SystemExit('no\\nmore')")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("ticket_forms_here", "breaks_here"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_a_file_is_read_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text('{"type": "object"}')
    assert schema_named("f.json", tmp_path, "r.toml: schema") == {"type": "object"}


def test_a_model_of_a_module_beside_the_recipe_becomes_its_schema(beside: Path) -> None:
    before = list(sys.path)
    schema = schema_named("ticket_forms_here:Ticket", beside, "r.toml: schema")
    assert schema["required"] == ["kind"]
    assert schema["$defs"]["Kind"]["enum"] == ["bill", "other"]
    assert json.loads(json.dumps(schema)) == schema
    assert sys.path == before


def test_no_module_beside_it_takes_the_place_of_one_that_is_installed(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (beside / "colorsys.py").write_text("class Ticket:\n    model_json_schema = dict\n")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(InputError, match="colorsys:Ticket is not there"):
        schema_named("colorsys:Ticket", beside, "r.toml: schema")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (5, 'schema is 5; write "FILE.json" or "module:Model"'),
        ("gone.json", "gone.json can't be read: No such file"),
        ("text.json", "text.json is not JSON: "),
        ("bytes.json", "bytes.json is not UTF-8; save it as UTF-8"),
        ("list.json", "list.json is not a JSON schema: it is not an object"),
        ("odd.json", r"odd.json is not a JSON schema: \$.properties.a.type: 'text' is not valid"),
        ("ticket_forms_here:Gone", "ticket_forms_here:Gone is not there; name a class that has"),
        ("ticket_forms_here:helper", "helper is not a Pydantic model; name a class"),
        ("no_such_module_here:X", "can't be used: ModuleNotFoundError: No module named 'no_such"),
        ("breaks_here:X", "breaks_here:X can't be used: SystemExit: no$"),
    ],
)
def test_what_can_not_be_used_is_one_line(beside: Path, name: object, said: str) -> None:
    (beside / "text.json").write_text("{")
    (beside / "bytes.json").write_bytes(b'"\xff"')
    (beside / "list.json").write_text("[]")
    (beside / "odd.json").write_text('{"properties": {"a": {"type": "text"}}}')
    with pytest.raises(InputError, match=said) as caught:
        schema_named(name, beside, "r.toml: schema")
    assert "\n" not in caught.value.message
