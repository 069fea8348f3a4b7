import ast
from pathlib import Path

import pytest

from headrace import gateway


def test_all_is_what_the_face_shows_to_type_checkers_and_can_be_had() -> None:
    source = Path(gateway.__file__).read_text(encoding="utf-8")
    shown = [
        alias.asname or alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    ]
    assert sorted(shown) == sorted(gateway.__all__)
    assert len(set(shown)) == len(shown)
    for name in gateway.__all__:
        assert getattr(gateway, name) is not None


def test_what_is_not_on_the_face_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = gateway.nonsense


def test_the_gateway_imports_no_other_room() -> None:
    root = Path(gateway.__file__).parent
    reached = {
        name.removeprefix("headrace.").split(".")[0]
        for path in root.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert "trio" in reached
    assert reached.isdisjoint({"jobs", "runner", "reports"})
